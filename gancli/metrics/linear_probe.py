"""A linear classifier on what a discriminator has learned without labels: Radford et al. 2015, section 5.

A linear support vector machine with the squared hinge and an L2 penalty learns from a few labelled training images, and
its accuracy is taken on the test split. Three kinds of features go through the same mill, since a number for the first
means nothing without the others:

    feature_svm             the trained discriminator's (`gancli.metrics.discriminator_features`)
    feature_svm/untrained   those of a discriminator of the same architecture with fresh weights
    feature_svm/pixels      the images themselves, in [-1, 1] as the discriminator gets them

The penalty C is the best of `CANDIDATES` on the last fifth of the labelled images, then all of them are learned from;
no test image takes part in the choice. Each kind of features is scaled by one number, so that the mean squared length
of the labelled images' is 1 and a C means the same to all. Statistics of batch normalisation are taken anew from
training images, for both discriminators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gancli.data.batches import Rows, batches, images_at, some_rows
from gancli.data.source import PackedDataset
from gancli.errors import DataError, UsageError
from gancli.family.tasks import Discriminates
from gancli.inspection.discriminator import Discriminator
from gancli.io.types import Labels
from gancli.metrics.context import Measurement, MetricContext
from gancli.metrics.discriminator_features import features

CANDIDATES = tuple(10.0**power for power in range(-2, 6))
"""Penalties to choose from: the powers of ten from 0.01 to 100,000."""

HELD_OUT = 5
"""One in so many labelled images chooses the penalty."""

STATISTICS = 10_000
"""Training images that statistics of batch normalisation are taken from, at most."""

BATCH = 250

Table = npt.NDArray[np.float32]

Axes = npt.NDArray[np.float64]

Extract = Callable[[Tensor], Tensor]
"""From images (N, C, H, W) to features (N, D) on the CPU."""


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A linear classifier of features.

    Args:
        machine: scikit-learn's, fitted to coordinates.
        axes: (D, dimensions), what turns features into coordinates.
        penalty: its C.
    """

    machine: Any
    axes: Axes
    penalty: float

    def correct(self, table: Table, labels: Labels) -> int:
        """How many of the rows (N, D) it gives their label (N,)."""
        return int((self.machine.predict(table @ self.axes) == labels).sum())


def measure(subject: MetricContext) -> list[Measurement]:
    """The accuracies, in [0, 1], on the test split.

    Raises:
        DataError: the data has no labels, too few of them, or no test split.
        UsageError: too few labelled images are asked for.
    """
    train, test = subject.train(), subject.test()
    labelled = _labelled(train, test, subject.options.labelled, subject.options.seed)
    rows = some_rows(test, subject.options.limit or len(test.images), seed=subject.options.seed)
    protocol = {
        "split": "test",
        "samples": len(rows),
        "labelled": len(labelled),
        "held_out": _held_out(len(labelled)),
        "classifier": "linear SVM, squared hinge, L2",
    }
    measurements = []
    for name, kind, extract in _kinds(subject, train):
        table = np.concatenate(list(_tables(extract, train, labelled, subject.device)))
        classifier = learn(table, _labels(train)[labelled])
        parts = zip(_tables(extract, test, rows, subject.device), batches(rows, BATCH), strict=True)
        correct = sum(classifier.correct(part, _labels(test)[at]) for part, at in parts)
        measurements.append(
            Measurement(
                metric=name,
                value=correct / len(rows),
                protocol={"features": kind, **protocol},
                observed={"dimensions": table.shape[1], "C": classifier.penalty},
            )
        )
    return measurements


def balanced(labels: Labels, *, seed: int) -> Rows:
    """All rows in a random order of which every beginning holds each label as often as any other, while they last."""
    order = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        own = labels[order] == label
        turn[own] = np.arange(own.sum())
    return order[np.argsort(turn, kind="stable")]


def learn(table: Table, labels: Labels) -> Classifier:
    """Chooses the penalty on the last fifth of the rows, then learns from all; the smallest where several are best.

    Args:
        table: features (N, D).
        labels: (N,).
    """
    axes = _axes(table)
    coordinates = table @ axes
    first = len(table) - _held_out(len(table))
    tried = [
        Classifier(machine=_fitted(coordinates[:first], labels[:first], penalty), axes=axes, penalty=penalty)
        for penalty in CANDIDATES
    ]
    best = max(tried, key=lambda classifier: classifier.correct(table[first:], labels[first:]))
    return replace(best, machine=_fitted(coordinates, labels, best.penalty))


def _axes(table: Table) -> Axes:
    """Axes (D, min(N, D)) that span the rows (N, D), as long as it takes for their mean squared length to be 1.

    The weights of the classifier lie in that span, so it is the same in these coordinates, only faster to find.
    """
    rows = table.astype(np.float64)
    length = np.sqrt(np.square(rows).sum(1).mean())
    return np.linalg.qr(rows.T).Q / (length or 1.0)


def _fitted(coordinates: Axes, labels: Labels, penalty: float) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=penalty, dual=False).fit(coordinates, labels)


def _kinds(subject: MetricContext, train: PackedDataset) -> Iterable[tuple[str, str, Extract]]:
    """Name, description and extractor of each kind of features."""
    family = subject.family
    assert isinstance(family, Discriminates)
    rows = some_rows(train, STATISTICS, seed=subject.options.seed)
    for name, kind, nets in (
        ("feature_svm", "trained discriminator", subject.nets),
        ("feature_svm/untrained", "untrained discriminator", subject.untrained()),
    ):
        parts = (images_at(train, part, subject.device) for part in batches(rows, BATCH, equal=True))
        asked = Discriminator(family=family, nets=nets, conditional=bool(subject.labels))
        yield name, kind, _extractor(asked.with_statistics_of(parts))
    yield "feature_svm/pixels", "pixels", lambda images: images.flatten(1).cpu()


def _extractor(discriminator: Discriminator) -> Extract:
    return lambda images: features(discriminator, images)


def _tables(extract: Extract, packed: PackedDataset, rows: Rows, device: torch.device) -> Iterable[Table]:
    return (extract(images_at(packed, part, device)).numpy() for part in batches(rows, BATCH))


def _labelled(train: PackedDataset, test: PackedDataset, count: int, seed: int) -> Rows:
    """The training images whose labels are looked at, so that the last fifth of them is balanced as well."""
    if train.labels is None or test.labels is None:
        raise DataError("feature_svm needs labels, and this data has none; name labelled data with --data")
    if train.spec.labels != test.spec.labels:
        raise DataError("the training and the test split have other labels; give both the same ones")
    rows = balanced(train.labels, seed=seed)[:count]
    known = len(np.unique(train.labels))
    if known < 2:
        raise DataError("feature_svm needs data with at least two labels; name other data with --data")
    if len(rows) < 2 * known:
        least = f"at least {2 * known} labelled training images for {known} labels"
        if count < 2 * known:
            raise UsageError(f"feature_svm needs {least}, not --labelled {count}")
        raise DataError(f"feature_svm needs {least}, and there are {len(rows)}; add images or leave labels out")
    return rows


def _labels(packed: PackedDataset) -> Labels:
    assert packed.labels is not None
    return packed.labels


def _held_out(count: int) -> int:
    return max(1, count // HELD_OUT)
