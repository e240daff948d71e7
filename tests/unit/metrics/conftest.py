"""A small model, its data and a metric context."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.family.context import Nets
from gancli.family.contract import Family
from gancli.metrics.backbones import classifier
from gancli.metrics.context import FullSizeSplit, MetricContext, Options
from gancli.recipes.options import FamilyConfig

SPEC = DataSpec(channels=1, height=8, width=8, labels=("left", "right"))


class Small(Family[FamilyConfig]):
    """A convolution with a rectifier, and a linear layer."""

    def build(self) -> dict[str, nn.Module]:
        return {"discriminator": nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 8))}

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        score: Tensor = nets.discriminator(image)
        return score.flatten()


def built(seed: int) -> dict[str, nn.Module]:
    torch.manual_seed(seed)
    modules = Small(FamilyConfig(), SPEC).build()
    return {name: module.requires_grad_(False).eval() for name, module in modules.items()}


def halves(count: int, *, seed: int, noise: bool = False) -> PackedDataset:
    """Return images whose left or right half is bright according to the label, or noise only."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count)
    images = random.integers(0, 256 if noise else 128, (count, 1, 8, 8), dtype=np.uint8)
    if not noise:
        for row, label in enumerate(labels):
            images[row, 0, :, 4 * label : 4 * label + 4] += 100
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    return PackedDataset.of_images(images=images, labels=labels, spec=SPEC, fingerprint=digest)


@pytest.fixture
def make_context() -> Callable[..., MetricContext]:
    """Return a function that makes a context, by default with small data of its own."""

    def make(
        *,
        train: PackedDataset | None = None,
        test: PackedDataset | None = None,
        options: Options | None = None,
        modules: Mapping[str, nn.Module] | None = None,
        generate: Callable[[Sequence[int], Sequence[int]], Tensor] | None = None,
        **others: Any,
    ) -> MetricContext:
        data = {"train": train or halves(300, seed=0), "test": test or halves(200, seed=1)}
        return MetricContext(
            family=Small(FamilyConfig(), SPEC),
            nets=Nets(modules or built(0)),
            untrained=lambda: Nets(built(1)),
            labels=others.get("labels", ()),
            device=torch.device("cpu"),
            generate=generate or (lambda seeds, labels: torch.zeros(len(seeds), 1, 8, 8)),
            train=lambda: data["train"],
            test=lambda: data["test"],
            every_class=lambda: data["test"],
            held_out=others.get("held_out", lambda: data["train"]),
            full_size=lambda: FullSizeSplit(split="test", parts={"image": data["test"]}),
            options=options or Options(labelled=100),
        )

    return make


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set and return a temporary cache folder, and train classifiers on fewer images."""
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(classifier, "MIN_IMAGES", 5_000)
    return tmp_path / "cache"


@pytest.fixture
def labelled_halves() -> Callable[..., PackedDataset]:
    """Return a function that makes images whose left or right half is bright according to the label."""
    return lambda count, seed: halves(count, seed=seed)


@pytest.fixture
def halves_of_noise() -> Callable[..., PackedDataset]:
    """Return a function that makes labelled noise."""
    return lambda count, seed: halves(count, seed=seed, noise=True)
