"""Linear classifier on features of a discriminator, trained without labels: Radford et al. 2015, section 5.

A linear support vector machine with squared hinge loss and L2 penalty is trained on a few labelled training images, and
its accuracy is measured on the test split. Three kinds of features are evaluated with the same procedure, since the
first value is meaningful only in comparison:

    feature_svm             the trained discriminator (`Discriminator.features`)
    feature_svm/untrained   a discriminator of the same architecture with newly initialised weights
    feature_svm/pixels      the images themselves, in [-1, 1] as the discriminator receives them

The penalty C is the best of `PENALTIES` on the last fifth of the labelled images; then the classifier is trained on all
of them. No test image affects the choice. Each kind of features is scaled by one number, so that the mean squared
length of the labelled images' features is 1 and C has the same meaning for all. Both discriminators use batch
normalisation statistics computed from training images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gancli.data.loader import Rows, batches, images_at, random_rows
from gancli.data.source import PackedDataset
from gancli.errors import DataError, UsageError
from gancli.family.tasks import Discriminates
from gancli.inspection.discriminator import Discriminator
from gancli.io.types import Labels
from gancli.metrics.context import Measurement, MetricContext

PENALTIES = tuple(10.0**power for power in range(-2, 6))
"""Candidates for C: the powers of ten from 0.01 to 100,000."""

VALIDATION_FRACTION = 5
"""One in this many labelled images is used to choose the penalty."""

STATISTICS_IMAGES = 10_000
"""Maximum number of training images for batch normalisation statistics."""

BATCH_SIZE = 250

FeatureArray = npt.NDArray[np.float32]

Axes = npt.NDArray[np.float64]

Extractor = Callable[[Tensor], Tensor]
"""From images (N, C, H, W) to features (N, D) on the CPU."""


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A linear classifier of features.

    Args:
        svm: classifier of scikit-learn, fitted to coordinates.
        axes: (D, dimensions), maps features to coordinates.
        penalty: its C.
    """

    svm: Any
    axes: Axes
    penalty: float

    def count_correct(self, features: FeatureArray, labels: Labels) -> int:
        """Return how many of the rows (N, D) are classified as their label (N,)."""
        return int((self.svm.predict(features @ self.axes) == labels).sum())


def measure(context: MetricContext) -> list[Measurement]:
    """Measure the accuracies, in [0, 1], on the test split.

    Raises:
        DataError: the data has no labels, too few labels, or no test split.
        UsageError: `options.labelled` is too small.
    """
    train, test = context.train(), context.test()
    labelled = _labelled_rows(train, test, context.options.labelled, context.options.seed)
    rows = random_rows(test, context.options.limit or len(test.images), seed=context.options.seed)
    protocol = {
        "split": "test",
        "samples": len(rows),
        "labelled": len(labelled),
        "held_out": _validation_size(len(labelled)),
        "classifier": "linear SVM, squared hinge, L2",
    }
    measurements = []
    for name, kind, extract in _extractors(context, train):
        features = np.concatenate(list(_feature_batches(extract, train, labelled, context.device)))
        classifier = fit(features, _labels(train)[labelled])
        parts = zip(_feature_batches(extract, test, rows, context.device), batches(rows, BATCH_SIZE), strict=True)
        correct = sum(classifier.count_correct(part, _labels(test)[at]) for part, at in parts)
        measurements.append(
            Measurement(
                metric=name,
                value=correct / len(rows),
                protocol={"features": kind, **protocol},
                observed={"dimensions": features.shape[1], "C": classifier.penalty},
            )
        )
    return measurements


def balanced_order(labels: Labels, *, seed: int) -> Rows:
    """Return all rows in a random order whose every prefix is balanced, as long as all labels have rows left."""
    order = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        own = labels[order] == label
        turn[own] = np.arange(own.sum())
    return order[np.argsort(turn, kind="stable")]


def fit(features: FeatureArray, labels: Labels) -> Classifier:
    """Choose the penalty on the last fifth of the rows, then train on all; of equally good penalties, the smallest.

    Args:
        features: (N, D).
        labels: (N,).
    """
    axes = _spanning_axes(features)
    coordinates = features @ axes
    split = len(features) - _validation_size(len(features))
    candidates = [
        Classifier(svm=_fit_svm(coordinates[:split], labels[:split], penalty), axes=axes, penalty=penalty)
        for penalty in PENALTIES
    ]
    best = max(candidates, key=lambda classifier: classifier.count_correct(features[split:], labels[split:]))
    return replace(best, svm=_fit_svm(coordinates, labels, best.penalty))


def _spanning_axes(features: FeatureArray) -> Axes:
    """Return axes (D, min(N, D)) that span the rows (N, D), scaled so that the rows' mean squared length is 1.

    The weights of the classifier are in that span, so the classifier is the same in these coordinates, but faster to
    train.
    """
    rows = features.astype(np.float64)
    length = np.sqrt(np.square(rows).sum(1).mean())
    return np.linalg.qr(rows.T).Q / (length or 1.0)


def _fit_svm(coordinates: Axes, labels: Labels, penalty: float) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=penalty, dual=False).fit(coordinates, labels)


def _extractors(context: MetricContext, train: PackedDataset) -> Iterable[tuple[str, str, Extractor]]:
    """Yield name, description and extractor of each kind of features."""
    family = context.family
    assert isinstance(family, Discriminates)
    rows = random_rows(train, STATISTICS_IMAGES, seed=context.options.seed)
    for name, kind, nets in (
        ("feature_svm", "trained discriminator", context.nets),
        ("feature_svm/untrained", "untrained discriminator", context.untrained()),
    ):
        images = (images_at(train, part, context.device) for part in batches(rows, BATCH_SIZE, equal=True))
        discriminator = Discriminator(family=family, nets=nets, conditional=bool(context.labels))
        yield name, kind, discriminator.with_statistics_of(images).features
    yield "feature_svm/pixels", "pixels", lambda images: images.flatten(1).cpu()


def _feature_batches(
    extract: Extractor, packed: PackedDataset, rows: Rows, device: torch.device
) -> Iterable[FeatureArray]:
    return (extract(images_at(packed, part, device)).numpy() for part in batches(rows, BATCH_SIZE))


def _labelled_rows(train: PackedDataset, test: PackedDataset, count: int, seed: int) -> Rows:
    """Return the rows of the labelled training images, ordered so that the last fifth is balanced as well."""
    if train.labels is None or test.labels is None:
        raise DataError("feature_svm requires labels, and this data has none; use labelled data with --data")
    if train.spec.labels != test.spec.labels:
        raise DataError("the labels of the training and the test split differ; use the same labels in both")
    rows = balanced_order(train.labels, seed=seed)[:count]
    known = len(np.unique(train.labels))
    if known < 2:
        raise DataError("feature_svm requires data with at least two labels; use other data with --data")
    if len(rows) < 2 * known:
        least = f"at least {2 * known} labelled training images for {known} labels"
        if count < 2 * known:
            raise UsageError(f"feature_svm requires {least}, not --labelled {count}")
        raise DataError(f"feature_svm requires {least}, and there are {len(rows)}; add images or use fewer labels")
    return rows


def _labels(packed: PackedDataset) -> Labels:
    assert packed.labels is not None
    return packed.labels


def _validation_size(count: int) -> int:
    return max(1, count // VALIDATION_FRACTION)
