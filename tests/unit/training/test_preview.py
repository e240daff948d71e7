"""Previews do not change training, and a resumed run has all of them."""

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
from gancli.figures import plots
from gancli.io.images import Pixels
from gancli.metrics import densities
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import registry
from gancli.recipes.options import FamilyConfig, SourceConfig, TrainConfig
from gancli.recipes.recipe import Recipe
from gancli.runs import checkpoint as checkpoints
from gancli.runs.run import Run
from gancli.training.callbacks import Callback
from gancli.training.setup import build_training
from gancli.training.trainer import Trainer

LINE = DataSpec(channels=1, height=1, width=1, kind="points")
PLANE = DataSpec(channels=2, height=1, width=1, kind="points", labels=("a", "b"))


class Noisy(Family[FamilyConfig]):
    """Networks with dropout and batch normalisation, which use random numbers and keep statistics."""

    def build(self) -> dict[str, nn.Module]:
        size = self.data.channels
        generator = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, size))
        return {"g": generator, "d": nn.Sequential(nn.Linear(size, 8), nn.Dropout(), nn.ReLU(), nn.Linear(8, 1))}

    def players(self) -> Sequence[Player]:
        return [Player(name=name, modules=(name,), optimizer=Adam(lr=0.01), ema=0.9) for name in ("g", "d")]

    def stages(self) -> Sequence[Stage]:
        turns = tuple(Turn(player=name, loss=getattr(self, f"{name}_loss")) for name in ("d", "g"))
        return [Stage(name="all", turns=turns)]

    def d_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        real, fake = nets.d(batch["image"].flatten(1)), nets.d(nets.g(self.latent(len(batch["image"]), ctx)))
        return {"adversarial": (real - 1).square().mean() + fake.square().mean()}

    def g_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        return {"adversarial": (nets.d(nets.g(self.latent(len(batch["image"]), ctx))) - 1).square().mean()}

    def latent(self, n: int, ctx: Context) -> Tensor:
        return ctx.randn(n, 3)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        drawn: Tensor = nets.g(z)
        return drawn.view(len(z), *self.data.shape)

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        answers: Tensor = nets.d(image.flatten(1))
        return answers.squeeze(1)


@pytest.fixture(autouse=True)
def noisy(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("noisy_of_test")
    module.Noisy = Noisy  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "noisy_of_test", module)
    monkeypatch.setattr(registry(), "owner", lambda name: types.SimpleNamespace(package="noisy", version="1"))
    monkeypatch.setattr(densities, "SAMPLES", 500)


@pytest.fixture
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace plots by one pixel per panel."""

    def sketch(panels: Sequence[object], *_: object, **__: object) -> Pixels:
        return np.zeros((1, len(panels), 3), dtype=np.uint8)

    monkeypatch.setattr(plots, "densities", sketch)
    monkeypatch.setattr(plots, "scatters", sketch)


class Ears(Callback):
    """Records the calls of `on_preview`."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def on_preview(self, path: Path, caption: str) -> None:
        self.heard.append((path.name, caption))


def make(folder: Path, data: DataSpec, *, tasks: tuple[str, ...] = ("sample",), **train: object) -> Trainer:
    info = FamilyInfo(
        name="noisy",
        summary="",
        paper="",
        tasks=tasks,
        batch=("image",),
        family="noisy_of_test:Noisy",
        config="",
    )
    recipe = Recipe(
        name="noisy",
        info=info,
        model=FamilyConfig(),
        data=SourceConfig(source="x"),
        train=TrainConfig(**{"images": 32, "batch_size": 8, "preview_every": 16, "log_every": 16, **train}),
        heading=[],
    )
    run = Run(folder)
    run.begin({}, "")
    return Trainer(build_training(recipe, run, synthetic(data)), [Ears()])


def trained(trainer: Trainer) -> checkpoints.Checkpoint:
    trainer.train()
    found, _ = checkpoints.newest_valid(trainer.run.checkpoints)
    found.state["files"].pop("timings", None)
    found.state.pop("evaluation")  # which looks at what is sampled, too
    return found


def expect_same(one: checkpoints.Checkpoint, other: checkpoints.Checkpoint) -> bool:
    return one.state == other.state and all(
        torch.equal(tensor, other.tensors[file][name])
        for file, tensors in one.tensors.items()
        for name, tensor in tensors.items()
    )


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("data", [LINE, PLANE], ids=["line", "plane"])
def test_training_does_not_notice_previews(tmp_path: Path, data: DataSpec) -> None:
    watched = make(tmp_path / "watched", data)
    seen = trained(watched)
    alone = make(tmp_path / "alone", data, tasks=())
    assert expect_same(seen, trained(alone))
    assert watched.players.modules["g"].training
    assert not list(alone.run.samples.iterdir())


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize(("data", "story"), [(LINE, "densities.png"), (PLANE, "modes.png")], ids=["line", "plane"])
def test_a_resumed_run_tells_the_whole_story(tmp_path: Path, data: DataSpec, story: str) -> None:
    whole = make(tmp_path / "whole" / "run", data)
    end = trained(whole)
    trained(make(tmp_path / "part" / "run", data, images=16))
    rest = make(tmp_path / "part" / "run", data)
    rest.resume()
    assert expect_same(trained(rest), end)
    assert (rest.run.path / story).read_bytes() == (whole.run.path / story).read_bytes()
    with Image.open(rest.run.path / story) as picture:
        assert json.loads(picture.text["gancli"])["shown"] == [0, 16, 32]


def test_the_caption_says_what_was_measured(tmp_path: Path) -> None:
    trainer = make(tmp_path, PLANE)
    trainer.train()
    (ears,) = trainer.callbacks
    assert isinstance(ears, Ears)
    names = [name for name, _ in ears.heard]
    assert names == ["000000000.png", "000000016.png", "000000032.png"]
    assert all("of 2 modes" in caption for _, caption in ears.heard)
    last = json.loads((trainer.run.samples / "000000032.json").read_text())
    assert ears.heard[-1][1].startswith(f"{last['covered']} of {last['total']} modes")
