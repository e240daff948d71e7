"""How well scores tell anomalous images from normal ones, whatever their scale: only their order counts.

An image is called anomalous where its score lies above a threshold. Images of one score are called alike, so the
measures never depend on the order in which they come.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gancli.errors import DataError

Scores = npt.NDArray[np.floating[Any]]
Truth = npt.NDArray[np.bool_]


class Threshold(NamedTuple):
    """The best F1, in [0, 1], and the threshold at which it is reached."""

    f1: float
    threshold: float


def auroc(scores: Scores, anomalous: Truth) -> float:
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


def average_precision(scores: Scores, anomalous: Truth) -> float:
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


def best_f1(scores: Scores, anomalous: Truth) -> Threshold:
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
    scores: Scores, anomalous: Truth
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
