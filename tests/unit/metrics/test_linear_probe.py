"""Linear classifier on features: splits, coordinates, and independence of the test labels."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from gancli.errors import DataError, UsageError
from gancli.metrics.context import Options
from gancli.metrics.linear_probe import PENALTIES, _fit_svm, _spanning_axes, balanced_order, fit, measure


def test_every_beginning_of_the_order_is_balanced_while_labels_last() -> None:
    labels = np.array([0] * 50 + [1] * 5 + [2] * 30)
    order = balanced_order(labels, seed=0)
    assert sorted(order.tolist()) == list(range(85))
    for length in range(1, 86):
        counts = np.bincount(labels[order[:length]], minlength=3)
        left = counts < (50, 5, 30)  # among labels with rows left, counts differ by at most one
        assert counts[left].max(initial=0) - counts[left].min(initial=99) <= 1
    assert order.tolist() != balanced_order(labels, seed=1).tolist()


@pytest.mark.parametrize("shape", [(30, 80), (80, 30)])
def test_coordinates_keep_every_product_at_a_mean_squared_length_of_one(shape: tuple[int, int]) -> None:
    table = np.random.default_rng(0).normal(3.0, 2.0, shape).astype(np.float32)
    coordinates = table @ _spanning_axes(table)
    assert np.square(coordinates).sum(1).mean() == pytest.approx(1, rel=1e-9)
    scale = np.square(table, dtype=np.float64).sum(1).mean()
    assert np.allclose(coordinates @ coordinates.T, table.astype(np.float64) @ table.T / scale, rtol=1e-5, atol=1e-8)


def test_the_classifier_is_that_of_the_features_themselves() -> None:
    """The weights are in the span of the rows, so a rotation into it changes no decision."""
    random = np.random.default_rng(0)
    table, labels = random.normal(size=(40, 90)).astype(np.float32), np.arange(40) % 2
    other = random.normal(size=(200, 90)).astype(np.float32)
    axes = _spanning_axes(table)
    rotated = _fit_svm(table @ axes, labels, 1.0)
    scale = math.sqrt(np.square(table, dtype=np.float64).sum(1).mean())
    direct = _fit_svm(table / scale, labels, 1.0)
    decisions = rotated.decision_function(other @ axes), direct.decision_function(other / scale)
    # Both solvers stop at a relative gradient of 1e-4.
    assert np.abs(decisions[0] - decisions[1]).max() < 1e-2 * np.abs(decisions[1]).max()


def test_what_can_be_separated_is_learned() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 150)
    table = (np.eye(3)[labels] + random.normal(0, 0.01, (150, 3))).astype(np.float32)
    classifier = fit(table, labels)
    assert classifier.penalty in PENALTIES
    assert classifier.count_correct(table, labels) == 150


def test_the_smallest_of_equally_good_penalties_is_taken() -> None:
    table = np.ones((20, 2), dtype=np.float32)
    labels = np.array([0, 0, 0, 1] * 5)
    assert fit(table, labels).penalty == PENALTIES[0]


def test_three_kinds_of_features_are_measured_alike(make_context) -> None:
    found = measure(make_context())
    assert [measurement.metric for measurement in found] == [
        "feature_svm",
        "feature_svm/untrained",
        "feature_svm/pixels",
    ]
    assert [measurement.observed["dimensions"] for measurement in found] == [64, 64, 64]
    assert all(measurement.protocol["samples"] == 200 for measurement in found)
    assert all(measurement.protocol["labelled"] == 100 for measurement in found)
    assert all(measurement.protocol["held_out"] == 20 for measurement in found)
    assert found[2].value == 1.0  # halves of different brightness are separable


def test_it_is_a_function_of_the_seed_and_changes_nothing(make_context) -> None:
    context = make_context()
    before = copy.deepcopy(context.nets.modules["discriminator"].state_dict())
    first = measure(context)
    torch.manual_seed(77)
    assert measure(make_context()) == first
    assert all(
        torch.equal(value, before[key]) for key, value in context.nets.modules["discriminator"].state_dict().items()
    )


def test_a_trained_discriminator_is_told_from_an_untrained_one(make_context) -> None:
    """With zero weights, the features are constant, and all images get the same label."""
    context = make_context()
    for parameter in context.nets.modules["discriminator"].parameters():
        parameter.zero_()
    blind, untrained, _ = measure(context)
    shares = np.bincount(context.test().labels) / 200
    assert blind.value in shares.tolist()
    assert untrained.value != blind.value


def test_labels_that_mean_nothing_are_guessed_by_chance(make_context, halves_of_noise) -> None:
    """No test label leaks: within four standard errors of one half."""
    train, test = halves_of_noise(300, seed=3), halves_of_noise(1_000, seed=4)
    for measurement in measure(make_context(train=train, test=test)):
        assert abs(measurement.value - 0.5) < 4 * math.sqrt(0.25 / 1_000), measurement.metric


def test_a_limit_takes_some_of_the_test_images(make_context) -> None:
    found = measure(make_context(options=Options(labelled=50, limit=30)))
    assert {measurement.protocol["samples"] for measurement in found} == {30}


def test_data_that_cannot_be_learned_from_is_refused(make_context) -> None:
    data = make_context().train()
    without = replace(data, arrays={"image": data.images})
    with pytest.raises(DataError, match="requires labels"):
        measure(make_context(train=without, test=without))
    with pytest.raises(DataError, match="requires labels"):
        measure(make_context(test=without))
    with pytest.raises(DataError, match=r"labels .* differ"):
        measure(make_context(test=replace(data, spec=replace(data.spec, labels=("up", "down")))))
    one = replace(data, arrays={"image": data.images, "label": np.zeros(300, dtype=np.int64)})
    with pytest.raises(DataError, match="at least two labels"):
        measure(make_context(train=one))
    with pytest.raises(UsageError, match=r"at least 4 labelled .* not --labelled 3"):
        measure(make_context(options=Options(labelled=3)))
    few = replace(data, arrays={"image": data.images[:3], "label": np.array([0, 1, 0])})
    with pytest.raises(DataError, match="there are 3"):
        measure(make_context(train=few))
