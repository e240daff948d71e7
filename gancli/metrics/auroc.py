"""Anomaly detection: AUROC and average precision, best F1, and thresholds for a false alarm rate.

The metric `auroc` follows the protocol of papers on anomaly detection (Deecke et al. 2018): the labels that the run was
trained on are normal, every other label of the test split is anomalous. Two baselines without a network are measured on
the same images:

    auroc           the score of the model
    auroc/pca       the reconstruction error with 20 principal components of the training images
    auroc/nearest   the distance to the nearest training image

and for each of them the average precision, with the suffix `/ap`. Images with equal scores are treated as equal, so no
value depends on the order of the images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_CEILING
from decimal import Context as DecimalContext
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.data.loader import Rows, batches, images_at
from gancli.data.source import PackedDataset
from gancli.errors import DataError
from gancli.family.context import Context
from gancli.family.tasks import Detects
from gancli.metrics.context import Measurement, MetricContext

COMPONENTS = 20

PCA_IMAGES = 4_096
"""Maximum number of images to compute principal axes from, if an image has more values than that."""

THRESHOLD_DIGITS = 6
"""Significant digits of a threshold, which is rounded up so that a user can type it."""

_SCORE_BATCH = 64

_DISTANCE_BATCH = 500

Scores = npt.NDArray[np.floating[Any]]

GroundTruth = npt.NDArray[np.bool_]


class BestF1(NamedTuple):
    """The best F1 score, in [0, 1], and its threshold."""

    f1: float
    threshold: float


def measure(context: MetricContext) -> list[Measurement]:
    """Measure AUROC and average precision, in [0, 1], of the model and of both baselines.

    Raises:
        DataError: the data has no labels, or no image of the test split is anomalous.
    """
    test = context.every_class()
    anomalous = _ground_truth(test, context.family.data.labels)
    limits = [limit for limit in (context.options.limit, context.options.samples) if limit is not None]
    rows = _evenly_spaced(len(test.images), min(limits, default=len(test.images)))
    truth = anomalous[rows]
    train = context.train()
    known = images_at(train, np.arange(len(train.images)), context.device)
    protocol = {
        "split": "test",
        "samples": len(rows),
        "anomalous": int(truth.sum()),
        "normal": ", ".join(context.family.data.labels),
    }
    methods: dict[str, tuple[Callable[[Tensor], Tensor], dict[str, Any]]] = {
        "auroc": (partial(_model_scores, context), {}),
        "auroc/pca": (partial(pca_error, known, components=COMPONENTS), {"components": COMPONENTS}),
        "auroc/nearest": (partial(nearest_distance, known), {}),
    }
    measurements = []
    for name, (score, own_protocol) in methods.items():
        parts = [score(images_at(test, part, context.device)).double().cpu() for part in batches(rows, _SCORE_BATCH)]
        scores = torch.cat(parts).numpy()
        values = {name: auroc(scores, truth), f"{name}/ap": average_precision(scores, truth)}
        measurements += [
            Measurement(metric=metric, value=value, protocol={**protocol, **own_protocol})
            for metric, value in values.items()
        ]
    return measurements


# These functions use exact counts. scikit-learn uses rates, which rounds differently: the last digits of AUROC, average
# precision and best F1 differ for 36, 48 and 26 % of random rankings.


def auroc(scores: Scores, anomalous: GroundTruth) -> float:
    """Return the area under the ROC curve, in [0, 1]; 0.5 is chance.

    It is the probability that an anomalous image has a higher score than a normal one; a tie counts half (Hanley and
    McNeil 1982).

    Args:
        scores: (N,), higher for more anomalous.
        anomalous: (N,), ground truth.

    Raises:
        DataError: all images are of one kind, or a score is not finite.
    """
    _, detected, alarms = _cumulative_counts(scores, anomalous)
    detected, alarms = np.append(0, detected), np.append(0, alarms)
    # The trapezoidal rule counts the pairs of a tie half.
    area = (np.diff(alarms) * (detected[1:] + detected[:-1])).sum() / 2
    return float(area / (detected[-1] * alarms[-1]))


def average_precision(scores: Scores, anomalous: GroundTruth) -> float:
    """Return the average precision, in [0, 1]; chance is the share of anomalous images.

    It is the mean over anomalous images of the precision at the threshold that just detects each. The precision-recall
    curve is not interpolated, which would be too optimistic (Davis and Goadrich 2006).

    Args:
        scores: (N,), higher for more anomalous.
        anomalous: (N,), ground truth.

    Raises:
        DataError: all images are of one kind, or a score is not finite.
    """
    _, detected, alarms = _cumulative_counts(scores, anomalous)
    recall_steps = np.diff(detected, prepend=0) / detected[-1]
    return float((recall_steps * detected / (detected + alarms)).sum())


def best_f1(scores: Scores, anomalous: GroundTruth) -> BestF1:
    """Return the best F1 score over all thresholds; of equally good thresholds, the highest.

    The threshold is the mean of the two scores that it separates, or the lowest score minus 1, so it can be rounded. It
    is chosen with the labels, so F1 on other images will be lower.

    Args:
        scores: (N,), higher for more anomalous.
        anomalous: (N,), ground truth.

    Raises:
        DataError: all images are of one kind, or a score is not finite.
    """
    levels, detected, alarms = _cumulative_counts(scores, anomalous)
    f1 = 2 * detected / (detected + alarms + detected[-1])
    best = int(f1.argmax())
    threshold = levels[best : best + 2].mean() if best < len(levels) - 1 else levels[-1] - 1
    return BestF1(float(f1[best]), float(threshold))


def threshold_for_rate(normal: Scores, false_alarms: float) -> float:
    """Return a threshold that another normal image exceeds with a probability of at most `false_alarms`.

    The probability includes the sampling of the calibration images. It holds for any distribution if all images are
    sampled from the same one: each of the n + 1 images is equally likely to have any rank, so the quantile is that of
    n + 1 scores, not of n (Papadopoulos et al. 2002, inductive confidence machines).

    Args:
        normal: (N,), scores of normal images that were not trained on.
        false_alarms: rate in (0, 1).

    Raises:
        DataError: there are too few scores for this rate.
    """
    exact = float(np.sort(normal)[len(normal) - allowed_exceedances(len(normal), false_alarms)])
    return float(DecimalContext(prec=THRESHOLD_DIGITS, rounding=ROUND_CEILING).create_decimal_from_float(exact))


def allowed_exceedances(count: int, false_alarms: float) -> int:
    """Return how many of `count` + 1 normal images may exceed the threshold, at least 1.

    Raises:
        DataError: there are too few images for this rate.
    """
    allowed = math.floor(false_alarms * (count + 1) + 1e-9)  # since 0.29 * 100 is less than 29
    if allowed < 1:
        required = math.ceil(1 / false_alarms - 1e-9) - 1
        raise DataError(
            f"{count:,} normal image{'s are' if count != 1 else ' is'} too few for a false alarm rate of "
            f"{false_alarms:g}; use at least {required:,} images, or increase --false-alarms"
        )
    return allowed


def pca_error(known: Tensor, images: Tensor, *, components: int = COMPONENTS) -> Tensor:
    """Return the mean squared error (M,) of images (M, ...) after projection onto principal components.

    Args:
        known: images (N, ...) whose principal components are used.
        images: images (M, ...) to score.
        components: number of components, reduced if there are fewer known images or values in an image.
    """
    rows = known.flatten(1).double()
    mean = rows.mean(0)
    centred = images.flatten(1).double() - mean
    coordinates = centred @ principal_axes(rows - mean, components)
    # The axes are orthonormal, so the squared error is the difference of squared lengths (Pythagoras).
    error: Tensor = (centred.square().sum(1) - coordinates.square().sum(1)).clamp(min=0) / centred.shape[1]
    return error


def principal_axes(rows: Tensor, components: int) -> Tensor:
    """Return orthonormal axes (D, components) of the largest variance of rows (N, D) with mean 0."""
    # scikit-learn's PCA would centre the subset again, has no solver for N < D on the (N, N) products, and adds
    # arbitrary axes if N <= components.
    if rows.shape[1] > PCA_IMAGES:
        rows = rows[torch.from_numpy(_evenly_spaced(len(rows), PCA_IMAGES))]
    if len(rows) < rows.shape[1]:
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        nonzero = values[-components:] > values[-1] * 1e-12
        return F.normalize(rows.T @ vectors[:, -components:][:, nonzero], dim=0)
    axes: Tensor = torch.linalg.eigh(rows.T @ rows).eigenvectors[:, -components:]
    return axes


def nearest_distance(known: Tensor, images: Tensor) -> Tensor:
    """Return the Euclidean distance (M,) of images (M, ...) to the nearest of known ones (N, ...)."""
    known, images = known.flatten(1), images.flatten(1)
    return torch.cat([torch.cdist(part, known).amin(1) for part in torch.split(images, _DISTANCE_BATCH)])


def _ground_truth(test: PackedDataset, normal: tuple[str, ...]) -> GroundTruth:
    if not normal or test.labels is None:
        raise DataError("auroc requires labels, and there are none; use labelled data, with data.classes as normal")
    names = np.array(test.spec.labels)
    unknown = sorted(set(normal) - set(test.spec.labels))
    if unknown:
        raise DataError(
            f"the run was trained on {', '.join(unknown)}, and the test split has no such label; use other data"
        )
    anomalous: GroundTruth = ~np.isin(names, normal)[test.labels]
    if not anomalous.any():
        raise DataError(
            "the run was trained on every class, so no test image is anomalous; train on one class, such as with "
            f"--set data.classes=[{names[0]}]"
        )
    return anomalous


def _evenly_spaced(count: int, wanted: int) -> Rows:
    """Return up to `wanted` of `count` rows at equal distances, so that data sorted by label keep their proportions."""
    taken = min(count, wanted)
    return np.arange(taken, dtype=np.int64) * count // taken


def _model_scores(context: MetricContext, images: Tensor) -> Tensor:
    """Return the scores of the model, with the same noise for every batch."""
    family = context.family
    assert isinstance(family, Detects)
    generator = torch.Generator(context.device).manual_seed(context.options.seed)
    return family.detect(context.nets, images, Context(device=context.device, generator=generator)).score


def _cumulative_counts(
    scores: Scores, anomalous: GroundTruth
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the distinct scores in descending order, and how many anomalous and normal images have at least each."""
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError("a score is not finite, so the images cannot be ranked; train the model again")
    if anomalous.all() or not anomalous.any():
        kind = "anomalous" if anomalous.any() else "normal"
        raise DataError(f"all {len(values):,} images are {kind}; this metric requires both kinds")
    order = np.argsort(-values, kind="stable")
    values, truth = values[order], anomalous[order]
    last = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)
    detected = truth.cumsum(dtype=np.int64)[last]
    return values[last], detected, last + 1 - detected
