"""Small trained runs, a family that upscales, and one that detects."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gancli.data.spec import DataSpec
from gancli.plugins import registry

FEW = ["--set", "train.images=64", "--device", "cpu"]


@pytest.fixture
def unconditional(gan, tmp_path: Path) -> Path:
    """`runs/gan`: digits of 8x8 pixels, without labels."""
    small = ["--set", "data.resolution=8", "--set", "model.generator_widths=[16]"]
    result = gan("train", "gan", *FEW, *small)
    assert result.code == 0, result.err
    return tmp_path / "runs" / "gan"


@pytest.fixture
def conditional(gan, tmp_path: Path) -> Path:
    """`runs/digits`: digits of 16x16 pixels, with labels 0 to 9."""
    (tmp_path / "digits.yaml").write_text(
        "family: cgan\ndata: {source: digits, resolution: 16}\nmodel: {channels: 4}\ntrain: {images: 64}\n"
    )
    result = gan("train", "digits.yaml", *FEW)
    assert result.code == 0, result.err
    return tmp_path / "runs" / "digits"


TOY = """
import torch
from pydantic import Field
from torch import nn

from gancli import FamilyConfig, FamilyInfo, hookimpl
from gancli.family import Adam, Family, Player, Stage, Turn


class Config(FamilyConfig):
    channels: int = Field(8, ge=1, description="of the inner layers")
    blocks: int = Field(2, ge=0, description="residual blocks")


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first, self.norm = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)

    def forward(self, x):
        return x + self.norm(self.first(x)).relu()


class Toyscale(Family[Config]):
    scale = 2

    def build(self):
        inner, outer = self.config.channels, self.data.channels
        blocks = [Block(inner) for _ in range(self.config.blocks)]
        head, tail = nn.Conv2d(outer, inner, 3, padding=1), nn.Conv2d(inner, 4 * outer, 3, padding=1)
        parts = {"head": head, "body": nn.Sequential(*blocks), "tail": tail, "shuffle": nn.PixelShuffle(2)}
        generator = nn.Sequential()
        for name, part in parts.items():
            generator.add_module(name, part)
        return {"generator": generator, "discriminator": nn.Conv2d(outer, 1, 3)}

    def players(self):
        return [Player(name=name, modules=(name,), optimizer=Adam(lr=1e-4)) for name in ("generator", "discriminator")]

    def stages(self):
        return [Stage(name="all", turns=(Turn(player="generator", loss=self.loss),))]

    def loss(self, nets, batch, ctx):
        return {"mse": nets.generator(batch["image"][:, :, ::2, ::2]).sub(batch["image"]).square().mean()}

    def upscale(self, nets, image):
        larger = image.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return (larger + 0.1 * nets.generator(image)).clamp(-1, 1)


@hookimpl
def gan_families():
    return FamilyInfo(
        name="toyscale", summary="twice as large", paper="none", tasks=("upscale",), batch=("image",),
        family="toyscale_plugin:Toyscale", config="toyscale_plugin:Config",
    )
"""
"""Plugin module with a small family that upscales, independent of the installed families."""


@pytest.fixture
def toyscale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the family `toyscale` available as if it were installed."""
    yield from install("toyscale", TOY, tmp_path / "site", monkeypatch)


def install(name: str, code: str, site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a plugin of one module until the test ends."""
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[gancli]\n{name} = {name}_plugin\n")
    (site / f"{name}_plugin.py").write_text(code)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(registry, "_registry", None)
    yield
    sys.modules.pop(f"{name}_plugin", None)


@pytest.fixture
def toy_weights(toyscale: None, tmp_path: Path) -> Path:
    """`weights.safetensors`: weights of a generator of `toyscale`."""
    from toyscale_plugin import Config, Toyscale

    torch.manual_seed(1)
    generator = Toyscale(Config(), DataSpec(channels=3, height=64, width=64)).build()["generator"]
    save_file(generator.state_dict(), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


DETECTOR = """
import torch

from gancli import FamilyConfig, FamilyInfo, hookimpl
from gancli.family import Adam, Family, Detection, Player, Stage, Turn
from torch import nn


class Config(FamilyConfig):
    pass


class Toydetect(Family[Config]):
    def build(self):
        return {"level": nn.Linear(1, 1, bias=False)}

    def players(self):
        return [Player(name="level", modules=("level",), optimizer=Adam(lr=0.1))]

    def stages(self):
        return [Stage(name="all", turns=(Turn(player="level", loss=self.loss),))]

    def loss(self, nets, batch, ctx):
        return {"mse": nets.level(torch.ones(1, 1)).sub(batch["image"].mean((1, 2, 3))[:, None]).square().mean()}

    def detect(self, nets, image, ctx):
        made = (image.detach() * 0).requires_grad_()
        (gradient,) = torch.autograd.grad((made - image).abs().sum(), made)
        nearest = torch.zeros_like(image) + gradient * 0
        heat = (image - nearest).abs().mean(1, keepdim=True)
        return Detection(heat.mean((1, 2, 3)) + 1e-6 * ctx.rand(1), heat, nearest)


@hookimpl
def gan_families():
    return FamilyInfo(
        name="toydetect", summary="grey is normal", paper="none", tasks=("detect",), batch=("image",),
        family="toydetect_plugin:Toydetect", config="toydetect_plugin:Config",
    )
"""
"""Plugin module with a family for which middle grey is normal: a score is the mean distance from it, in [0, 1]."""


@pytest.fixture
def detector(gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`runs/grey`: a run of `toydetect` on digits of 8x8 pixels."""
    for _ in install("toydetect", DETECTOR, tmp_path / "site", monkeypatch):
        (tmp_path / "grey.yaml").write_text("family: toydetect\ndata: {source: digits}\ntrain: {images: 64}\n")
        result = gan("train", "grey.yaml", "--device", "cpu")
        assert result.code == 0, result.err
        yield "runs/grey"
