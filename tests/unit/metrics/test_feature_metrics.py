"""The metrics of features, as `gan eval` calls them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.data.batches import images_at
from gancli.data.source import PackedDataset
from gancli.errors import DataError
from gancli.metrics import label_accuracy
from gancli.metrics.context import MetricContext, Options
from gancli.metrics.feature_cache import tables_of
from gancli.metrics.feature_metrics import fd, inception_score, kid, prdc
from gancli.metrics.frechet import frechet_of_features

CPU = torch.device("cpu")


@pytest.fixture
def faithful(quick: Path, subject, labelled_halves) -> MetricContext:
    """A model that draws as the data was drawn, the label that it is asked for."""
    fresh = labelled_halves(2_000, seed=7)
    assert fresh.labels is not None
    rows = [np.flatnonzero(fresh.labels == label) for label in (0, 1)]

    def draw(seeds, labels) -> Tensor:
        return images_at(fresh, np.array([rows[label][seed] for seed, label in zip(seeds, labels, strict=True)]), CPU)

    return subject(draw=draw, labels=("left", "right"))


def test_the_distance_is_that_of_the_features_and_stands_beside_the_floor(faithful: MetricContext) -> None:
    found = {each.metric: each for each in fd(faithful)}
    assert list(found) == ["FD(classifier)", "FD(classifier)/real"]
    tables = tables_of(faithful)
    expected = frechet_of_features(tables.sides[""].features, tables.train.features)
    assert found["FD(classifier)"].value == expected
    protocol = found["FD(classifier)"].protocol
    assert (protocol["samples"], protocol["train"], protocol["dimensions"]) == (200, 300, 64)
    assert protocol["backbone"] == "classifier"
    assert len(protocol["backbone_sha256"]) == 64


def test_the_training_images_themselves_are_at_no_distance(quick: Path, subject, labelled_halves) -> None:
    train = labelled_halves(300, seed=0)
    made = subject(train=train, draw=lambda seeds, labels: images_at(train, np.array(seeds), CPU))
    options = Options(samples=300)
    assert fd(replace(made, options=options))[0].value == pytest.approx(0, abs=1e-6)
    values = {each.metric: each.value for each in prdc(replace(made, options=options))}
    assert values["precision(classifier)"] == values["recall(classifier)"] == values["coverage(classifier)"] == 1


def test_the_kernel_distance_takes_what_rows_there_are(faithful: MetricContext) -> None:
    model, floor = kid(faithful)
    assert (model.metric, floor.metric) == ("KD(classifier)", "KD(classifier)/real")
    assert (model.protocol["subsets"], model.protocol["subset"]) == (100, 200)
    assert model.observed["spread"] > 0


def test_precision_and_coverage_have_the_k_of_their_papers(faithful: MetricContext) -> None:
    found = {each.metric: each.protocol["k"] for each in prdc(faithful)}
    names = ("precision", "recall", "density", "coverage")
    assert [found[f"{name}(classifier)"] for name in names] == [3, 3, 5, 5]
    assert [found[f"{name}(classifier)/real"] for name in names] == [3, 3, 5, 5]


def test_the_score_of_two_labels_is_at_most_2(faithful: MetricContext) -> None:
    model, floor = inception_score(faithful)
    assert (model.metric, floor.metric) == ("IS(classifier)", "IS(classifier)/real")
    assert 1.5 < model.value <= 2
    assert "train" not in model.protocol
    assert (model.protocol["splits"], model.protocol["classes"]) == (10, 2)


def test_a_backbone_without_classes_has_no_score(quick: Path, subject) -> None:
    made = subject(draw=lambda seeds, labels: torch.rand(len(seeds), 1, 8, 8))
    backbone = tables_of(made).backbone
    made.memory.clear()
    mute = replace(backbone, ask=lambda images: backbone.ask(images)._replace(logits=None), digest="mute", labels=())
    made.memory["backbone", None] = mute
    with pytest.raises(DataError, match="names classes"):
        inception_score(made)


def test_labels_that_are_drawn_as_asked(faithful: MetricContext) -> None:
    model, real = label_accuracy.measure(faithful)
    assert (model.metric, real.metric) == ("label_accuracy", "label_accuracy/real")
    assert model.value > 0.9
    assert real.value == model.protocol["backbone_accuracy"]
    assert (model.protocol["samples"], model.protocol["labels"], real.protocol["samples"]) == (200, 2, 200)


def test_labels_are_matched_by_name(faithful: MetricContext) -> None:
    (model, _) = label_accuracy.measure(faithful)
    turned = replace(faithful, labels=("right", "left"), memory={})
    assert label_accuracy.measure(turned)[0].value == pytest.approx(1 - model.value)


def test_a_label_that_the_data_do_not_know(faithful: MetricContext) -> None:
    with pytest.raises(DataError, match="does not name up, which the model takes"):
        label_accuracy.measure(
            replace(faithful, labels=("left", "up"), draw=lambda seeds, _: torch.zeros(len(seeds), 1, 8, 8))
        )


def test_the_same_again_is_the_same_number(faithful: MetricContext) -> None:
    fresh = replace(faithful, memory={})
    for metric in (fd, kid, prdc, inception_score, label_accuracy.measure):
        assert metric(faithful) == metric(fresh)


def test_a_test_split_without_labels(faithful: MetricContext) -> None:
    test = faithful.test()
    bare: PackedDataset = replace(test, arrays={"image": test.images}, spec=replace(test.spec, labels=()))
    (model,) = label_accuracy.measure(replace(faithful, test=lambda: bare, memory={}))
    assert model.protocol["backbone_accuracy"] is None
