"""Features of samples and of real images: which images are used, and how often they are computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.data.loader import images_at
from gancli.errors import DataError, NumericalError
from gancli.metrics import feature_cache
from gancli.metrics.backbones import Backbone, BackboneOutput
from gancli.metrics.context import MetricContext, Options
from gancli.metrics.feature_cache import compute_features, real_features, real_rows, sample_features

CPU = torch.device("cpu")


class CountingBackbone:
    """A backbone whose features are the pixels, and which counts the images it processes."""

    def __init__(self) -> None:
        self.images = 0

    def __call__(self, images: Tensor) -> BackboneOutput:
        self.images += len(images)
        return BackboneOutput(images.flatten(1), images.flatten(1)[:, :2])

    def backbone(self, digest: str = "pixels") -> Backbone:
        return Backbone(name="pixels", digest=digest, input="as it is", extract=self, labels=("left", "right"))


def seeded(seeds, labels) -> Tensor:
    return torch.stack([torch.full((1, 8, 8), seed / 1000) for seed in seeds])


@pytest.fixture
def measured(quick: Path, make_context) -> Callable[..., tuple[MetricContext, CountingBackbone]]:
    """Return a function that makes a context with a counting backbone, and that backbone."""

    def make(**given) -> tuple[MetricContext, CountingBackbone]:
        counting, made = CountingBackbone(), make_context(generate=seeded, **given)
        made.cache["backbone", None] = counting.backbone()
        return made, counting

    return make


def test_real_images_are_taken_once_and_for_all(measured) -> None:
    first, counting = measured()
    features = compute_features(first)
    assert counting.images == 300 + 200 + 200  # training images, test images, samples
    assert compute_features(first).train is features.train
    assert counting.images == 700
    second, again = measured()  # as if in another process: only samples are new
    found = compute_features(second)
    assert again.images == 200
    assert torch.equal(found.train.features, features.train.features)
    assert torch.equal(found.train.logits, features.train.logits)


def test_features_of_another_backbone_or_of_other_rows_are_others(measured) -> None:
    made, counting = measured()
    train = made.train()
    real_features(made, counting.backbone(), train, 300)
    real_features(made, counting.backbone("other"), train, 300)
    few = real_features(made, counting.backbone(), train, 20)
    assert counting.images == 300 + 300 + 20
    rows = real_rows(train, 20)
    assert torch.equal(few.features, images_at(train, rows, CPU).flatten(1))
    assert len(np.unique(rows)) == 20


@pytest.mark.parametrize("damage", [b"", b"nothing"])
def test_a_damaged_table_is_taken_again(measured, quick: Path, damage: bytes) -> None:
    made, counting = measured()
    real_features(made, counting.backbone(), made.train(), 50)
    (file,) = (quick / "features").iterdir()
    file.write_bytes(damage)
    made.cache.clear()
    assert len(real_features(made, counting.backbone(), made.train(), 50).features) == 50
    assert counting.images == 100


def test_samples_are_those_of_consecutive_seeds_as_bytes_have_them(measured) -> None:
    made, counting = measured(options=Options(seed=5))
    found = sample_features(made, counting.backbone(), 100).features[:, 0]
    pixels = ((torch.arange(5, 105) / 1000 + 1) * 127.5).round()
    assert torch.allclose(found, pixels / 127.5 - 1)


def test_as_many_samples_as_test_images_unless_told_otherwise(measured) -> None:
    def counts(**options) -> tuple[int, int, int]:
        features = compute_features(measured(options=Options(**options))[0])
        assert features.protocol("")["samples"] == len(features.evaluated[""].features)
        return (
            len(features.train.features),
            len(features.evaluated[""].features),
            len(features.evaluated["/real"].features),
        )

    assert counts() == (300, 200, 200)
    assert counts(samples=30) == (300, 30, 30)
    assert counts(samples=400) == (300, 400, 200)
    assert counts(limit=40) == (300, 40, 40)


def test_without_a_test_split_there_is_no_floor(measured, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    def missing():
        raise DataError("no test split")

    monkeypatch.setattr(feature_cache, "SAMPLES", 25)
    features = compute_features(replace(measured()[0], test=missing))
    assert set(features.evaluated) == {""}
    assert len(features.evaluated[""].features) == 25
    assert features.backbone_protocol["backbone_accuracy"] is None


def test_the_accuracy_of_the_backbone_is_said(quick: Path, make_context) -> None:
    features = compute_features(make_context(generate=seeded))
    assert features.accuracy is not None
    assert 0.9 < features.accuracy <= 1
    assert features.protocol("/real")["backbone_accuracy"] == features.accuracy


def test_samples_that_are_not_finite_are_refused(quick: Path, make_context) -> None:
    made = make_context(generate=lambda seeds, labels: torch.full((len(seeds), 1, 8, 8), float("nan")))
    with pytest.raises(NumericalError, match="not finite"):
        compute_features(made)
