"""A progressively growing family: the stage of a loaded model, and the growth figure."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from gancli.data.sources.synthetic import synthetic
from gancli.data.spec import DataSpec
from gancli.family.context import Batch, Context, Losses, Nets, Stage, Turn
from gancli.family.contract import Family, Player
from gancli.family.optim import Adam
from gancli.figures import grids
from gancli.inference.model import open_model, untrained
from gancli.io.images import GAP, make_grid, write_png
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import registry
from gancli.recipes.options import FamilyConfig, SourceConfig, TrainConfig
from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run
from gancli.training.setup import build_training
from gancli.training.trainer import Trainer

CPU = torch.device("cpu")
DATA = DataSpec(channels=1, height=16, width=8)


class Growing(Family[FamilyConfig]):
    """Generates images of uniform brightness at the current resolution and fade of its networks."""

    def build(self) -> dict[str, nn.Module]:
        return {"g": nn.Linear(1, 1)}

    def players(self) -> Sequence[Player]:
        return [Player(name="g", modules=("g",), optimizer=Adam(lr=0.01))]

    def stages(self) -> Sequence[Stage]:
        turns = (Turn(player="g", loss=self.loss),)
        sizes = ((4, 2), (8, 4), (16, 8))
        fading = {0: 0.0, 1: 1.0, 2: 0.5}
        return [
            Stage(name=f"{size[0]}", turns=turns, images=32, resolution=size, fade=fading[index])
            for index, size in enumerate(sizes)
        ]

    def loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        assert ctx.stage is not None
        assert batch["image"].shape[2:] == ctx.stage.resolution
        return {"term": nets.g(ctx.randn(4, 1)).square().mean()}

    def latent(self, n: int, ctx: Context) -> Tensor:
        return ctx.randn(n, 1)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        assert nets.stage is not None
        assert nets.stage.resolution is not None
        return (nets.fade * z).view(-1, 1, 1, 1).expand(-1, 1, *nets.stage.resolution)


@pytest.fixture(autouse=True)
def growing(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("growing_of_test")
    module.Growing = Growing  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "growing_of_test", module)
    info = FamilyInfo(
        name="growing",
        summary="",
        paper="",
        tasks=("sample",),
        batch=("image",),
        family="growing_of_test:Growing",
        config="gancli.recipes.recipe:FamilyConfig",
    )
    monkeypatch.setattr(registry(), "owner", lambda name: types.SimpleNamespace(package="growing", version="1"))
    monkeypatch.setattr(registry(), "family", lambda name: info)


def trained(folder: Path, images: int) -> Run:
    recipe = Recipe(
        name="growing",
        info=registry().family("growing"),
        model=FamilyConfig(),
        data=SourceConfig(source="x"),
        train=TrainConfig(images=images, batch_size=8, preview_every=10**9),
        heading=[],
    )
    run = Run(folder)
    run.begin({}, "")
    Trainer(build_training(recipe, run, synthetic(DATA))).train()
    return run


@pytest.mark.parametrize(
    ("images", "resolution", "fade"),
    [(8, (4, 2), 1.0), (32, (4, 2), 1.0), (40, (8, 4), 0.25), (64, (8, 4), 1.0), (72, (16, 8), 0.5), (96, (16, 8), 1)],
)
def test_a_model_draws_where_its_checkpoint_stands(
    tmp_path: Path, images: int, resolution: tuple[int, int], fade: float
) -> None:
    model = open_model(trained(tmp_path / "run", images).path, device=CPU)
    assert model.nets.stage is not None
    assert (model.nets.stage.resolution, model.nets.fade) == (resolution, fade)
    family = model.family
    assert isinstance(family, Growing)
    assert torch.equal(family.sample(model.nets, torch.ones(2, 1)), torch.full((2, 1, *resolution), fade))
    assert untrained(model, 0).stage == model.nets.stage


def test_every_resolution_is_shown_once_one_above_the_other(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", 96)
    previews = sorted(path.stem for path in run.samples.glob("*.png"))
    assert previews == ["000000000", "000000032", "000000064", "000000096"]
    with Image.open(run.path / grids.GROWTH_FIGURE) as image:
        about = json.loads(image.info["gancli"])
        pixels = np.asarray(image)
    assert about["shown"] == ["4x2", "8x4", "16x8"]
    rows, columns = 3, 8
    assert pixels.shape == (GAP + rows * (96 + GAP), GAP + columns * (48 + GAP))
    # Every image has uniform brightness, and a column shows one latent.
    cells = pixels[GAP + 50 :: 96 + GAP, GAP + 20 :: 48 + GAP][:rows, :columns].tolist()
    assert cells[0] == cells[1] == cells[2]
    assert len(set(cells[0])) > 4


def test_sheets_ahead_of_a_resumed_run_and_other_pictures_are_left_out(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    brightness = {4: 10, 8: 20, 16: 30}
    for images, side in ((1, 4), (2, 8), (3, 16)):
        pixels = np.full((16, side, side, 3), brightness[side], dtype=np.uint8)
        write_png(
            run.samples / f"{images:09d}.png", make_grid(pixels, columns=8), metadata={"resolution": [side, side]}
        )
    write_png(run.samples / "000000000.png", np.zeros((9, 9, 3), dtype=np.uint8), metadata={})
    grids.write_growth(run, 2, columns=8, metadata={})
    with Image.open(run.path / grids.GROWTH_FIGURE) as image:
        pixels = np.asarray(image)
    assert np.unique(pixels).tolist() == [10, 20, 255]


def test_one_resolution_is_no_story(tmp_path: Path) -> None:
    assert not (trained(tmp_path / "run", 32).path / grids.GROWTH_FIGURE).exists()


def test_large_images_are_reduced_and_small_ones_keep_their_squares(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    small = np.arange(8 * 4 * 4, dtype=np.uint8).reshape(8, 4, 4, 1)
    large = np.full((8, 512, 512, 1), 7, dtype=np.uint8)
    for images, pixels in ((1, small), (2, large)):
        about = {"resolution": list(pixels.shape[1:3])}
        write_png(run.samples / f"{images:09d}.png", make_grid(pixels, columns=8), metadata=about)
    grids.write_growth(run, 2, columns=8, metadata={})
    with Image.open(run.path / grids.GROWTH_FIGURE) as image:
        pixels = np.asarray(image)
    side = grids.MAX_GROWTH_SIDE
    assert pixels.shape == (GAP + 2 * (side + GAP), GAP + 8 * (side + GAP))
    first = pixels[GAP : GAP + side, GAP : GAP + side]
    assert np.array_equal(first, small[0, :, :, 0].repeat(side // 4, 0).repeat(side // 4, 1))
