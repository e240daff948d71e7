"""How surely a classifier names samples, and how many of its classes they cover. Salimans et al. 2016, "Improved
Techniques for Training GANs".

exp(E KL(p(y|x) || p(y))): between 1, where every sample is answered alike, and the number of classes, where each is
named surely and all are equally often. It compares with nothing real: a model that draws one perfect image of each
class reaches the maximum.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from torch import Tensor

from gancli.errors import DataError

SPLITS = 10


class Score(NamedTuple):
    """The mean over splits, and their standard deviation."""

    mean: float
    spread: float


def inception_score(logits: Tensor, *, splits: int = SPLITS) -> Score:
    """The score of consecutive parts of the samples, as many of them as `splits`.

    Args:
        logits: (N, K), in an order that means nothing.
        splits: at most N.

    Raises:
        DataError: there are fewer samples than splits.
    """
    if len(logits) < splits:
        raise DataError(
            f"an Inception score of {splits} parts takes at least {splits} samples; draw more with --samples"
        )
    logs = logits.detach().cpu().double().log_softmax(1)
    bounds = [index * len(logs) // splits for index in range(splits + 1)]
    scores = [_score(logs[start:end]) for start, end in pairwise(bounds)]
    return Score(float(np.mean(scores)), float(np.std(scores)))


def _score(logs: Tensor) -> float:
    """Of logarithms of probabilities (N, K)."""
    answers = logs.exp()
    apart = answers.mul(logs - answers.mean(0).log()).nansum(1)  # a class that no sample can be of adds 0, not 0 · inf
    return float(apart.mean().exp())
