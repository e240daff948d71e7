"""How well a model that learned from some classes tells images of the others: the protocol of papers on anomaly
detection (Deecke et al. 2018).

The labels that the run was trained on are normal, every other label of the test split is anomalous. Two measures that
need no network stand beside the model's, on the same images:

    auroc           the model's own score
    auroc/pca       the error of 20 principal components of the training images
    auroc/nearest   the distance from the nearest training image

and with `/ap` after each, the average precision.
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

from gancli.data.batches import Rows, batches, images_at
from gancli.data.source import PackedDataset
from gancli.errors import DataError
from gancli.family.context import Context
from gancli.family.tasks import Detects
from gancli.metrics.context import Measurement, MetricContext

COMPONENTS = 20

SCORE_BATCH = 64


def measure(subject: MetricContext) -> list[Measurement]:
    """The areas and the average precisions, in [0, 1].

    Raises:
        DataError: nothing is known of the labels, or nothing in the test split is anomalous.
    """
    test = subject.every_class()
    anomalous = _anomalous(test, subject.family.data.labels)
    rows = _evenly(len(test.images), _wanted(subject))
    truth = anomalous[rows]
    train = subject.train()
    known = images_at(train, np.arange(len(train.images)), subject.device)
    protocol = {
        "split": "test",
        "samples": len(rows),
        "anomalous": int(truth.sum()),
        "normal": ", ".join(subject.family.data.labels),
    }
    ways: dict[str, tuple[Callable[[Tensor], Tensor], dict[str, Any]]] = {
        "auroc": (partial(_scores, subject), {}),
        "auroc/pca": (partial(pca_error, known, components=COMPONENTS), {"components": COMPONENTS}),
        "auroc/nearest": (partial(nearest_distance, known), {}),
    }
    found = []
    for name, (scored, own) in ways.items():
        scores = _collected(scored, test, rows, subject.device)
        measures = {name: auroc(scores, truth), f"{name}/ap": average_precision(scores, truth)}
        found += [
            Measurement(metric=metric, value=value, protocol={**protocol, **own}) for metric, value in measures.items()
        ]
    return found


def _anomalous(test: PackedDataset, normal: tuple[str, ...]) -> GroundTruth:
    if not normal or test.labels is None:
        raise DataError(
            "this is measured by labels, and there are none; name labelled data, with what is normal in data.classes"
        )
    names = np.array(test.spec.labels)
    unknown = sorted(set(normal) - set(test.spec.labels))
    if unknown:
        raise DataError(
            f"the run was trained on {', '.join(unknown)}, which no image of the test split is; name other data"
        )
    anomalous: GroundTruth = ~np.isin(names, normal)[test.labels]
    if not anomalous.any():
        raise DataError(
            "the run was trained on every class, so that no image is anomalous to it; train on one class, such as with "
            f"--set data.classes=[{names[0]}]"
        )
    return anomalous


def _wanted(subject: MetricContext) -> int | None:
    asked = [count for count in (subject.options.limit, subject.options.samples) if count is not None]
    return min(asked, default=None)


def _evenly(count: int, wanted: int | None) -> Rows:
    """As many rows as are wanted, at equal distances, so that data that are sorted by label keep their shares."""
    taken = min(count, wanted or count)
    return np.arange(taken, dtype=np.int64) * count // taken


def _collected(
    scored: Callable[[Tensor], Tensor], test: PackedDataset, rows: Rows, device: torch.device
) -> np.ndarray[Any, np.dtype[np.float64]]:
    parts = [scored(images_at(test, part, device)).double().cpu() for part in batches(rows, SCORE_BATCH)]
    return torch.cat(parts).numpy()


def _scores(subject: MetricContext, images: Tensor) -> Tensor:
    """The model's, all from the same noise."""
    family = subject.family
    assert isinstance(family, Detects)
    generator = torch.Generator(subject.device).manual_seed(subject.options.seed)
    return family.detect(subject.nets, images, Context(device=subject.device, generator=generator)).score


DIGITS = 6
"""Of a threshold, which is rounded up to so many that a person can type it."""


def threshold(normal: Scores, false_alarms: float) -> float:
    """What a further normal image scores above with a probability of at most `false_alarms`.

    The probability is over the images of calibration as well, and holds whatever the distribution, if all of them and
    the further one are drawn alike: then each of the n + 1 is equally likely to have any rank, so that the quantile is
    taken of n + 1 scores, not of n (Papadopoulos et al. 2002, inductive confidence machines).

    Args:
        normal: (N,), the scores of normal images that training did not see.
        false_alarms: more than 0, less than 1.

    Raises:
        DataError: there are too few for so low a rate.
    """
    exact = float(np.sort(normal)[len(normal) - may_exceed(len(normal), false_alarms)])
    return float(DecimalContext(prec=DIGITS, rounding=ROUND_CEILING).create_decimal_from_float(exact))


def may_exceed(count: int, false_alarms: float) -> int:
    """How many out of `count` normal images and a further one may score above the threshold, at least 1.

    Raises:
        DataError: there are too few for so low a rate.
    """
    above = math.floor(false_alarms * (count + 1) + 1e-9)  # for 0.29 * 100 is less than 29
    if above < 1:
        needed = math.ceil(1 / false_alarms - 1e-9) - 1
        raise DataError(
            f"{count:,} normal image{'s are' if count != 1 else ' is'} too few for a rate of false alarms of "
            f"{false_alarms:g}; it takes {needed:,}, or a higher --false-alarms"
        )
    return above


AXES_FROM = 4_096
"""Known images that principal axes are taken from, at most, where an image has more numbers than that."""

DISTANCE_BATCH = 500


def pca_error(known: Tensor, images: Tensor, *, components: int = 20) -> Tensor:
    """The mean squared error (M,) of images (M, ...) after projection onto principal components of known ones (N, ...).

    With fewer known images, or fewer numbers in an image, there are as many components as there can be.
    """
    table = known.flatten(1).double()
    mean = table.mean(0)
    rest = images.flatten(1).double() - mean
    found = rest @ principal_axes(table - mean, components)
    # The axes are orthonormal, so that by Pythagoras what they explain is what is missing from the error.
    error: Tensor = (rest.square().sum(1) - found.square().sum(1)).clamp(min=0) / rest.shape[1]
    return error


def principal_axes(table: Tensor, components: int) -> Tensor:
    """Orthonormal axes (D, components) of rows (N, D) whose mean is zero, those of the largest variance."""
    if table.shape[1] > AXES_FROM:
        table = table[_evenly_spaced(len(table), AXES_FROM)]
    if len(table) < table.shape[1]:
        values, rows = torch.linalg.eigh(table @ table.T)
        kept = values[-components:] > values[-1] * 1e-12
        axes = F.normalize(table.T @ rows[:, -components:][:, kept], dim=0)
    else:
        axes = torch.linalg.eigh(table.T @ table).eigenvectors[:, -components:]
    return axes


def nearest_distance(known: Tensor, images: Tensor) -> Tensor:
    """The Euclidean distance (M,) of images (M, ...) from the nearest of known ones (N, ...)."""
    table, rows = known.flatten(1), images.flatten(1)
    parts = (rows[start : start + DISTANCE_BATCH] for start in range(0, len(rows), DISTANCE_BATCH))
    return torch.cat([torch.cdist(part, table).amin(1) for part in parts])


def _evenly_spaced(count: int, wanted: int) -> Tensor:
    return torch.arange(min(count, wanted)) * count // min(count, wanted)


Scores = npt.NDArray[np.floating[Any]]

GroundTruth = npt.NDArray[np.bool_]


class Threshold(NamedTuple):
    """The best F1, in [0, 1], and the threshold at which it is reached."""

    f1: float
    threshold: float


def auroc(scores: Scores, anomalous: GroundTruth) -> float:
    """The area under the curve of found anomalies over false alarms, in [0, 1]; 0.5 is chance.

    It is the probability that an anomalous image scores higher than a normal one, a tie counting half (Hanley and
    McNeil 1982).

    Args:
        scores: (N,), higher for more anomalous.
        anomalous: (N,), what is true.

    Raises:
        DataError: the images are all of one kind, or a score is not finite.
    """
    _, found, alarms = _cumulated(scores, anomalous)
    found, alarms = np.append(0, found), np.append(0, alarms)
    # Trapezia: within a tie the curve runs straight, which counts its pairs half.
    area = (np.diff(alarms) * (found[1:] + found[:-1])).sum() / 2
    return float(area / (found[-1] * alarms[-1]))


def average_precision(scores: Scores, anomalous: GroundTruth) -> float:
    """The mean over all anomalous images of the precision at the threshold that just finds each, in [0, 1].

    Chance is the share of anomalous images. The curve of precision over recall is not interpolated, which would be too
    optimistic (Davis and Goadrich 2006).

    Args:
        scores: (N,), higher for more anomalous.
        anomalous: (N,), what is true.

    Raises:
        DataError: the images are all of one kind, or a score is not finite.
    """
    _, found, alarms = _cumulated(scores, anomalous)
    gained = np.diff(found, prepend=0) / found[-1]
    return float((gained * found / (found + alarms)).sum())


def best_f1(scores: Scores, anomalous: GroundTruth) -> Threshold:
    """The largest harmonic mean of precision and recall over all thresholds; of equally good ones, the highest.

    The threshold lies half way between the scores that it parts, so that it may be rounded, or 1 below the lowest where
    it parts none. It was chosen by the labels, so on other images F1 will be lower.

    Args:
        scores: (N,), higher for more anomalous.
        anomalous: (N,), what is true.

    Raises:
        DataError: the images are all of one kind, or a score is not finite.
    """
    levels, found, alarms = _cumulated(scores, anomalous)
    f1 = 2 * found / (found + alarms + found[-1])
    best = int(f1.argmax())
    threshold = levels[best : best + 2].mean() if best < len(levels) - 1 else levels[-1] - 1
    return Threshold(float(f1[best]), float(threshold))


def _cumulated(
    scores: Scores, anomalous: GroundTruth
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct scores from the highest down, and how many anomalous and normal images have at least each."""
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError("a score is not finite, so nothing can be ranked by it; train the model anew")
    if anomalous.all() or not anomalous.any():
        kind = "anomalous" if anomalous.any() else "normal"
        raise DataError(f"all {len(values):,} images are {kind}; how well they are told apart needs both kinds")
    order = np.argsort(-values, kind="stable")
    values, truth = values[order], anomalous[order]
    last = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)
    found = truth.cumsum(dtype=np.int64)[last]
    return values[last], found, last + 1 - found
