"""The kernel distance between two sets of features. Bińkowski et al. 2018, "Demystifying MMD GANs".

The squared maximum mean discrepancy under the cubic kernel (x·y / D + 1)^3, by the estimator that is unbiased whatever
the number of rows; so it may come out below zero. As published, and as torch-fidelity does it, it is the mean over
random subsets of both sets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gancli.errors import DataError

SUBSETS = 100

SIZE = 1_000

DEGREE = 3


class Kid(NamedTuple):
    """The mean over subsets, and their standard deviation."""

    mean: float
    spread: float


def kid(features1: Tensor, features2: Tensor, *, subsets: int = SUBSETS, size: int = SIZE, seed: int = 0) -> Kid:
    """The mean discrepancy of `subsets` pairs of subsets, each of `size` rows of either set, without replacement.

    Args:
        features1: (N1, D).
        features2: (N2, D).
        subsets: how many.
        size: rows of each, at most as many as there are.
        seed: the same one takes the rows that torch-fidelity takes.

    Raises:
        DataError: a set has fewer than `size` rows, or the sets differ in D.
    """
    if features1.shape[1:] != features2.shape[1:] or size < 2 or min(len(features1), len(features2)) < size:
        raise DataError(
            f"a kernel distance takes two tables with as many columns, and at least {max(size, 2)} rows each"
        )
    first, second = features1.detach().cpu().double(), features2.detach().cpu().double()
    random = np.random.RandomState(seed)  # the old generator, for it is what others' numbers were drawn with
    found = []
    for _ in range(subsets):
        rows1, rows2 = (torch.from_numpy(random.choice(len(part), size, replace=False)) for part in (first, second))
        found.append(discrepancy(first[rows1], second[rows2]))
    return Kid(float(np.mean(found)), float(np.std(found)))


def discrepancy(features1: Tensor, features2: Tensor) -> float:
    """The unbiased estimate from all rows of (N1, D) and (N2, D), each at least two."""
    within = [_kernel(part, part) for part in (features1, features2)]
    # No row is compared with itself: that is what makes the estimate unbiased.
    means = [(k.sum() - k.diagonal().sum()) / (len(k) * (len(k) - 1)) for k in within]
    return float(means[0] + means[1] - 2 * _kernel(features1, features2).mean())


def _kernel(left: Tensor, right: Tensor) -> Tensor:
    return (left @ right.T / left.shape[1] + 1) ** DEGREE
