"""Features of samples and of real images: which are taken, and how often."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.data.batches import images_at
from gancli.errors import DataError, NumericalError
from gancli.metrics import feature_cache
from gancli.metrics.backbones.backbone import Answers, Backbone
from gancli.metrics.context import MetricContext, Options
from gancli.metrics.feature_cache import of_real, of_samples, real_rows, tables_of

CPU = torch.device("cpu")


class Counting:
    """A backbone whose features are the pixels, and which counts the images it is asked about."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, images: Tensor) -> Answers:
        self.asked += len(images)
        return Answers(images.flatten(1), images.flatten(1)[:, :2])

    def backbone(self, digest: str = "pixels") -> Backbone:
        return Backbone(name="pixels", digest=digest, input="as it is", ask=self, labels=("left", "right"))


def seeded(seeds, labels) -> Tensor:
    return torch.stack([torch.full((1, 8, 8), seed / 1000) for seed in seeds])


@pytest.fixture
def measured(quick: Path, subject) -> Callable[..., tuple[MetricContext, Counting]]:
    """A subject with such a backbone."""

    def make(**given) -> tuple[MetricContext, Counting]:
        counting, made = Counting(), subject(draw=seeded, **given)
        made.memory["backbone", None] = counting.backbone()
        return made, counting

    return make


def test_real_images_are_taken_once_and_for_all(measured) -> None:
    first, counting = measured()
    tables = tables_of(first)
    assert counting.asked == 300 + 200 + 200  # training images, test images, samples
    assert tables_of(first).train is tables.train
    assert counting.asked == 700
    second, again = measured()  # as if in another process: only samples are new
    found = tables_of(second)
    assert again.asked == 200
    assert torch.equal(found.train.features, tables.train.features)
    assert torch.equal(found.train.logits, tables.train.logits)


def test_features_of_another_backbone_or_of_other_rows_are_others(measured) -> None:
    made, counting = measured()
    train = made.train()
    of_real(made, counting.backbone(), train, 300)
    of_real(made, counting.backbone("other"), train, 300)
    few = of_real(made, counting.backbone(), train, 20)
    assert counting.asked == 300 + 300 + 20
    rows = real_rows(train, 20)
    assert torch.equal(few.features, images_at(train, rows, CPU).flatten(1))
    assert len(np.unique(rows)) == 20


@pytest.mark.parametrize("damage", [b"", b"nothing"])
def test_a_damaged_table_is_taken_again(measured, quick: Path, damage: bytes) -> None:
    made, counting = measured()
    of_real(made, counting.backbone(), made.train(), 50)
    (file,) = (quick / "features").iterdir()
    file.write_bytes(damage)
    made.memory.clear()
    assert len(of_real(made, counting.backbone(), made.train(), 50).features) == 50
    assert counting.asked == 100


def test_samples_are_those_of_consecutive_seeds_as_bytes_have_them(measured) -> None:
    made, counting = measured(options=Options(seed=5))
    found = of_samples(made, counting.backbone(), 100).features[:, 0]
    pixels = ((torch.arange(5, 105) / 1000 + 1) * 127.5).round()
    assert torch.allclose(found, pixels / 127.5 - 1)


def test_as_many_samples_as_test_images_unless_told_otherwise(measured) -> None:
    def counts(**options) -> tuple[int, int, int]:
        tables = tables_of(measured(options=Options(**options))[0])
        assert tables.protocol("")["samples"] == len(tables.sides[""].features)
        return len(tables.train.features), len(tables.sides[""].features), len(tables.sides["/real"].features)

    assert counts() == (300, 200, 200)
    assert counts(samples=30) == (300, 30, 30)
    assert counts(samples=400) == (300, 400, 200)
    assert counts(limit=40) == (300, 40, 40)


def test_without_a_test_split_there_is_no_floor(measured, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    def missing():
        raise DataError("no test split")

    monkeypatch.setattr(feature_cache, "SAMPLES", 25)
    tables = tables_of(replace(measured()[0], test=missing))
    assert set(tables.sides) == {""}
    assert len(tables.sides[""].features) == 25
    assert tables.of_backbone["backbone_accuracy"] is None


def test_the_accuracy_of_the_backbone_is_said(quick: Path, subject) -> None:
    tables = tables_of(subject(draw=seeded))
    assert tables.accuracy is not None
    assert 0.9 < tables.accuracy <= 1
    assert tables.protocol("/real")["backbone_accuracy"] == tables.accuracy


def test_samples_that_are_not_finite_are_refused(quick: Path, subject) -> None:
    made = subject(draw=lambda seeds, labels: torch.full((len(seeds), 1, 8, 8), float("nan")))
    with pytest.raises(NumericalError, match="not finite"):
        tables_of(made)
