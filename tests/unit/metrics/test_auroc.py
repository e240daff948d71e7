"""Protocol of `auroc`, with a family whose score is the brightness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.errors import DataError
from gancli.family.context import Context, Nets
from gancli.family.contract import Family
from gancli.family.tasks import Detection
from gancli.metrics.auroc import measure
from gancli.metrics.context import MetricContext, Options
from gancli.recipes.options import FamilyConfig

NAMES = ("cat", "dog", "eel")


class Bright(Family[FamilyConfig]):
    """Scores images by brightness plus noise, so that noise which differed between images would change the ranking."""

    def build(self) -> dict[str, nn.Module]:
        return {}

    def detect(self, nets: Nets, image: Tensor, ctx: Context) -> Detection:
        return Detection(image.mean((1, 2, 3)) + ctx.randn(1), image.abs(), image)


def packed(labels: list[int], brightness: list[int], names: tuple[str, ...]) -> PackedDataset:
    images = (
        np.zeros((len(labels), 1, 4, 4), dtype=np.uint8) + np.array(brightness, dtype=np.uint8)[:, None, None, None]
    )
    return PackedDataset.of_images(
        images=images,
        labels=np.array(labels),
        spec=DataSpec(channels=1, height=4, width=4, labels=names),
        fingerprint="",
    )


TEST = packed([0, 1, 2, 0, 1, 2], [10, 100, 20, 30, 200, 40], NAMES)
TRAIN = packed([0, 0], [10, 30], ("cat",))


@pytest.fixture
def make(make_context: Callable[..., MetricContext]) -> Callable[..., MetricContext]:
    def made(normal: tuple[str, ...] = ("cat",), test: PackedDataset = TEST, **options: Any) -> MetricContext:
        family = Bright(FamilyConfig(), DataSpec(channels=1, height=4, width=4, labels=normal))
        return replace(make_context(train=TRAIN, test=test), family=family, options=Options(**options))

    return made


def values(make_context: MetricContext) -> dict[str, float]:
    return {found.metric: found.value for found in measure(make_context)}


def test_areas_count_pairs(make: Callable[..., MetricContext]) -> None:
    """Normal images: 10 and 30; anomalous: 20, 40, 100 and 200. One of eight pairs is in the wrong order."""
    found = values(make())
    assert found["auroc"] == pytest.approx(7 / 8)
    assert found["auroc/ap"] == pytest.approx((1 + 1 + 1 + 4 / 5) / 4)
    assert found["auroc/nearest"] == pytest.approx(1)
    # All images are uniform, so one component explains them.
    assert set(found) == {"auroc", "auroc/ap", "auroc/pca", "auroc/pca/ap", "auroc/nearest", "auroc/nearest/ap"}


def test_several_classes_may_be_normal(make: Callable[..., MetricContext]) -> None:
    found = measure(make(("cat", "eel")))
    assert found[0].value == 1
    assert found[0].protocol == {"split": "test", "samples": 6, "anomalous": 2, "normal": "cat, eel"}


@pytest.mark.parametrize("options", [{"limit": 3}, {"samples": 3}, {"limit": 3, "samples": 5}])
def test_fewer_images_are_spread_evenly(make: Callable[..., MetricContext], options: dict[str, int]) -> None:
    """Rows 0, 2 and 4: one normal image, two anomalous."""
    found = measure(make(**options))[0]
    assert found.value == 1
    assert found.protocol["samples"] == 3
    assert found.protocol["anomalous"] == 2


def test_all_images_are_scored_from_the_same_noise(make: Callable[..., MetricContext]) -> None:
    """With different noise for each of the batches, some pairs would change their order."""
    levels = np.random.default_rng(0).permutation(np.tile(np.array([100, 101]), 100))
    found = values(make(test=packed((levels - 100).tolist(), levels.tolist(), NAMES)))
    assert found["auroc"] == 1


def test_a_run_on_every_class_is_refused(make: Callable[..., MetricContext]) -> None:
    with pytest.raises(DataError, match=r"every class.*data.classes=\[cat\]"):
        measure(make(NAMES))


def test_a_run_on_other_classes_is_refused(make: Callable[..., MetricContext]) -> None:
    with pytest.raises(DataError, match="trained on cow"):
        measure(make(("cow",)))


def test_data_without_labels_are_refused(make: Callable[..., MetricContext]) -> None:
    bare = PackedDataset.of_images(
        images=TEST.images, labels=None, spec=DataSpec(channels=1, height=4, width=4), fingerprint=""
    )
    with pytest.raises(DataError, match="requires labels"):
        measure(make(test=bare))
    with pytest.raises(DataError, match="requires labels"):
        measure(make(()))
