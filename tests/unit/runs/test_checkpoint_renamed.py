"""Checkpoints of an earlier version of a family whose networks had other names."""

from __future__ import annotations

import shutil
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from gancli.data.sources.synthetic import synthetic
from gancli.data.spec import DataSpec
from gancli.family.context import Batch, Context, Losses, Nets, Stage, Turn
from gancli.family.contract import Family, Player
from gancli.family.optim import Adam
from gancli.inference.model import open_model
from gancli.inference.sample import sample_images
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import registry
from gancli.recipes.options import FamilyConfig, SourceConfig, TrainConfig
from gancli.recipes.recipe import Recipe
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import Checkpoint
from gancli.runs.run import Run
from gancli.training.setup import build_training
from gancli.training.trainer import Trainer

DATA = DataSpec(channels=1, height=4, width=4)


class Current(Family[FamilyConfig]):
    names: ClassVar[tuple[str, str]] = ("generator", "discriminator")
    renamed = {"maker": "generator", "critic": "discriminator"}

    def build(self) -> dict[str, nn.Module]:
        g, d = self.names
        return {g: nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16)), d: nn.Linear(16, 1)}

    def players(self) -> Sequence[Player]:
        owned = zip(("g", "d"), self.names, strict=True)
        return [Player(name=name, modules=(net,), optimizer=Adam(lr=0.01), ema=0.9) for name, net in owned]

    def stages(self) -> Sequence[Stage]:
        losses = (self.discriminator_loss, self.generator_loss)
        turns = [Turn(player=name, loss=loss) for name, loss in zip(("d", "g"), losses, strict=True)]
        return [Stage(name="all", turns=tuple(turns))]

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        real, fake = self._score(nets, batch["image"].flatten(1)), self._score(nets, self._fake(nets, batch, ctx))
        return {"real": (real - 1).square().mean(), "fake": fake.square().mean()}

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        return {"adversarial": (self._score(nets, self._fake(nets, batch, ctx)) - 1).square().mean()}

    def latent(self, n: int, ctx: Context) -> Tensor:
        return ctx.randn(n, 3)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        return getattr(nets, self.names[0])(z).tanh().view(-1, 1, 4, 4)

    def _fake(self, nets: Nets, batch: Batch, ctx: Context) -> Tensor:
        return self.sample(nets, ctx.randn(len(batch["image"]), 3)).flatten(1)

    def _score(self, nets: Nets, image: Tensor) -> Tensor:
        return getattr(nets, self.names[1])(image)


class Earlier(Current):
    names = ("maker", "critic")
    renamed = {}


def use(family: type[Current], monkeypatch: pytest.MonkeyPatch) -> FamilyInfo:
    """Make a class the installed family `renaming`."""
    module = types.ModuleType("renaming_family_of_test")
    vars(module)["Installed"] = family
    monkeypatch.setitem(sys.modules, module.__name__, module)
    info = FamilyInfo(
        name="renaming",
        summary="",
        paper="",
        tasks=("sample",),
        batch=("image",),
        family="renaming_family_of_test:Installed",
        config="gancli.recipes.options:FamilyConfig",
    )
    monkeypatch.setattr(registry(), "family", lambda name: info)
    monkeypatch.setattr(registry(), "owner", lambda name: types.SimpleNamespace(package="renaming", version="1"))
    return info


def trainer(info: FamilyInfo, folder: Path, images: int) -> Trainer:
    train = TrainConfig(images=images, batch_size=8, log_every=16)
    recipe = Recipe("renaming", info, FamilyConfig(), SourceConfig(source="x"), train)
    run = Run(folder)
    run.begin({}, None)
    return Trainer(build_training(recipe, run, synthetic(DATA, count=43)))


def last(folder: Path) -> Checkpoint:
    return checkpoints.newest_valid(Run(folder).checkpoints)[0]


def test_training_resumes_bit_for_bit_after_networks_were_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = use(Earlier, monkeypatch)
    trainer(info, tmp_path / "half", 64).train()
    trainer(info, tmp_path / "whole", 128).train()
    assert "maker.0.weight" in last(tmp_path / "half").tensors["ema"]

    resumed = trainer(use(Current, monkeypatch), tmp_path / "half", 128)
    resumed.resume()
    resumed.train()

    whole, current = last(tmp_path / "whole").rename_networks(Current.renamed), last(tmp_path / "half")
    assert current.tensors.keys() == whole.tensors.keys() == {"model", "ema", "optimizers"}
    assert "g/generator.0.weight/exp_avg" in current.tensors["optimizers"]
    for file, tensors in whole.tensors.items():
        assert current.tensors[file].keys() == tensors.keys()
        assert all(torch.equal(current.tensors[file][name], tensor) for name, tensor in tensors.items())
    assert current.state["players"] == whole.state["players"]
    assert set(current.state["players"]["d"]["joined"]) == {"discriminator.weight", "discriminator.bias"}
    assert current.state["random"] == whole.state["random"]


@pytest.mark.parametrize("ema", [True, False])
def test_samples_are_the_same_after_networks_were_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ema: bool
) -> None:
    trainer(use(Earlier, monkeypatch), tmp_path / "run", 64).train()
    cpu = torch.device("cpu")
    before = sample_images(open_model(tmp_path / "run", device=cpu, ema=ema), range(4), [])
    use(Current, monkeypatch)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    model = open_model(tmp_path / "copy", device=cpu, ema=ema)
    assert set(model.nets.modules) == {"generator", "discriminator"}
    assert torch.equal(sample_images(model, range(4), []), before)
    assert not torch.equal(sample_images(model, range(4, 8), []), before)


def test_only_networks_are_renamed() -> None:
    weight = torch.zeros(1)
    checkpoint = Checkpoint(
        manifest={},
        tensors={
            "model": {"maker.maker.weight": weight, "other.maker": weight},
            "optimizers": {"maker/maker.maker.weight/step": weight, "maker/other.weight/maker": weight},
        },
        state={"position": {"maker": 1}},
    ).rename_networks({"maker": "generator"})
    assert set(checkpoint.tensors["model"]) == {"generator.maker.weight", "other.maker"}
    assert set(checkpoint.tensors["optimizers"]) == {"maker/generator.maker.weight/step", "maker/other.weight/maker"}
    assert checkpoint.state == {"position": {"maker": 1}}
