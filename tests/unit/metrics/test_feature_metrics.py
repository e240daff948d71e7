"""Metrics of features, as called by `gan eval`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.data.loader import images_at
from gancli.data.source import PackedDataset
from gancli.errors import DataError
from gancli.metrics import fd, inception_score, kid, prdc
from gancli.metrics.context import MetricContext, Options
from gancli.metrics.fd import frechet_distance_of_features
from gancli.metrics.feature_cache import compute_features
from gancli.metrics.inception_score import label_accuracy

CPU = torch.device("cpu")


@pytest.fixture
def faithful(quick: Path, make_context, labelled_halves) -> MetricContext:
    """A model that samples from the distribution of the data, with the requested label."""
    fresh = labelled_halves(2_000, seed=7)
    assert fresh.labels is not None
    rows = [np.flatnonzero(fresh.labels == label) for label in (0, 1)]

    def generate(seeds, labels) -> Tensor:
        return images_at(fresh, np.array([rows[label][seed] for seed, label in zip(seeds, labels, strict=True)]), CPU)

    return make_context(generate=generate, labels=("left", "right"))


def test_the_distance_is_that_of_the_features_and_stands_beside_the_floor(faithful: MetricContext) -> None:
    found = {each.metric: each for each in fd.measure(faithful)}
    assert list(found) == ["FD(classifier)", "FD(classifier)/real"]
    features = compute_features(faithful)
    expected = frechet_distance_of_features(features.evaluated[""].features, features.train.features)
    assert found["FD(classifier)"].value == expected
    protocol = found["FD(classifier)"].protocol
    assert (protocol["samples"], protocol["train"], protocol["dimensions"]) == (200, 300, 64)
    assert protocol["backbone"] == "classifier"
    assert len(protocol["backbone_sha256"]) == 64


def test_the_training_images_themselves_are_at_no_distance(quick: Path, make_context, labelled_halves) -> None:
    train = labelled_halves(300, seed=0)
    made = make_context(train=train, generate=lambda seeds, labels: images_at(train, np.array(seeds), CPU))
    options = Options(samples=300)
    assert fd.measure(replace(made, options=options))[0].value == pytest.approx(0, abs=1e-6)
    values = {each.metric: each.value for each in prdc.measure(replace(made, options=options))}
    assert values["precision(classifier)"] == values["recall(classifier)"] == values["coverage(classifier)"] == 1


def test_the_kernel_distance_takes_what_rows_there_are(faithful: MetricContext) -> None:
    model, floor = kid.measure(faithful)
    assert (model.metric, floor.metric) == ("KD(classifier)", "KD(classifier)/real")
    assert (model.protocol["subsets"], model.protocol["subset"]) == (100, 200)
    assert model.observed["spread"] > 0


def test_precision_and_coverage_have_the_k_of_their_papers(faithful: MetricContext) -> None:
    found = {each.metric: each.protocol["k"] for each in prdc.measure(faithful)}
    names = ("precision", "recall", "density", "coverage")
    assert [found[f"{name}(classifier)"] for name in names] == [3, 3, 5, 5]
    assert [found[f"{name}(classifier)/real"] for name in names] == [3, 3, 5, 5]


def test_the_score_of_two_labels_is_at_most_2(faithful: MetricContext) -> None:
    model, floor = inception_score.measure(faithful)
    assert (model.metric, floor.metric) == ("IS(classifier)", "IS(classifier)/real")
    assert 1.5 < model.value <= 2
    assert "train" not in model.protocol
    assert (model.protocol["splits"], model.protocol["classes"]) == (10, 2)


def test_a_backbone_without_classes_has_no_score(quick: Path, make_context) -> None:
    made = make_context(generate=lambda seeds, labels: torch.rand(len(seeds), 1, 8, 8))
    backbone = compute_features(made).backbone
    made.cache.clear()
    without_logits = replace(
        backbone,
        extract=lambda images: backbone.extract(images)._replace(logits=None),
        digest="without_logits",
        labels=(),
    )
    made.cache["backbone", None] = without_logits
    with pytest.raises(DataError, match="requires a classifier"):
        inception_score.measure(made)


def test_labels_that_are_drawn_as_asked(faithful: MetricContext) -> None:
    model, real = label_accuracy(faithful)
    assert (model.metric, real.metric) == ("label_accuracy", "label_accuracy/real")
    assert model.value > 0.9
    assert real.value == model.protocol["backbone_accuracy"]
    assert (model.protocol["samples"], model.protocol["labels"], real.protocol["samples"]) == (200, 2, 200)


def test_labels_are_matched_by_name(faithful: MetricContext) -> None:
    (model, _) = label_accuracy(faithful)
    turned = replace(faithful, labels=("right", "left"), cache={})
    assert label_accuracy(turned)[0].value == pytest.approx(1 - model.value)


def test_a_label_that_the_data_do_not_know(faithful: MetricContext) -> None:
    with pytest.raises(DataError, match="cannot classify the model's labels up"):
        label_accuracy(
            replace(faithful, labels=("left", "up"), generate=lambda seeds, _: torch.zeros(len(seeds), 1, 8, 8))
        )


def test_the_same_again_is_the_same_number(faithful: MetricContext) -> None:
    fresh = replace(faithful, cache={})
    for metric in (fd.measure, kid.measure, prdc.measure, inception_score.measure, label_accuracy):
        assert metric(faithful) == metric(fresh)


def test_a_test_split_without_labels(faithful: MetricContext) -> None:
    test = faithful.test()
    bare: PackedDataset = replace(test, arrays={"image": test.images}, spec=replace(test.spec, labels=()))
    (model,) = label_accuracy(replace(faithful, test=lambda: bare, cache={}))
    assert model.protocol["backbone_accuracy"] is None
