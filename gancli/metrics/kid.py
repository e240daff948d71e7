"""Kernel distance between two sets of features: Bińkowski et al. 2018, "Demystifying MMD GANs". It is called KID for
features of Inception.

The squared maximum mean discrepancy (MMD) with the cubic kernel (x·y / D + 1)^3, estimated without bias for any number
of rows; the estimate may therefore be negative. As in the paper and in torch-fidelity, it is the mean over random
subsets of both sets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gancli.errors import DataError
from gancli.metrics.context import Measurement, MetricContext
from gancli.metrics.feature_cache import compute_features

SUBSETS = 100

SUBSET_SIZE = 1_000

DEGREE = 3


class KernelDistance(NamedTuple):
    """Mean and standard deviation over subsets."""

    mean: float
    spread: float


def measure(context: MetricContext) -> list[Measurement]:
    """Measure the distance of samples, and of test images, to training images, over subsets of up to 1,000 images.

    Raises:
        GanError: the backbone does not exist, or a sample is not finite.
    """
    features, measurements = compute_features(context), []
    train = features.train.features
    for suffix, output in features.evaluated.items():
        size = min(SUBSET_SIZE, len(train), len(output.features))
        distance = kernel_distance(output.features, train, size=size, seed=context.options.seed)
        protocol = {"subsets": SUBSETS, "subset": size, "kernel": "(x·y/D + 1)^3"}
        measurements.append(
            Measurement(
                metric=features.metric_name("KD", suffix),
                value=distance.mean,
                protocol={**features.protocol(suffix), **protocol},
                observed={"spread": distance.spread},
            )
        )
    return measurements


def kernel_distance(
    features1: Tensor, features2: Tensor, *, subsets: int = SUBSETS, size: int = SUBSET_SIZE, seed: int = 0
) -> KernelDistance:
    """Return the MMD over `subsets` pairs of subsets, each of `size` rows sampled without replacement.

    Args:
        features1: (N1, D).
        features2: (N2, D).
        subsets: number of pairs of subsets.
        size: number of rows of each subset, at most N1 and N2.
        seed: seed of the subsets; torch-fidelity selects the same rows with the same seed.

    Raises:
        DataError: a set has fewer than `size` rows, or the sets differ in D.
    """
    if features1.shape[1:] != features2.shape[1:] or size < 2 or min(len(features1), len(features2)) < size:
        raise DataError(
            f"a kernel distance requires two sets of features of equal dimension with at least {max(size, 2)} rows each"
        )
    first, second = features1.detach().cpu().double(), features2.detach().cpu().double()
    random = np.random.RandomState(seed)  # the legacy generator, as in published implementations
    distances = []
    for _ in range(subsets):
        rows1, rows2 = (torch.from_numpy(random.choice(len(part), size, replace=False)) for part in (first, second))
        distances.append(squared_mmd(first[rows1], second[rows2]))
    return KernelDistance(float(np.mean(distances)), float(np.std(distances)))


def squared_mmd(features1: Tensor, features2: Tensor) -> float:
    """Return the unbiased estimate from all rows of (N1, D) and (N2, D), N1 and N2 at least 2."""
    kernels = [_kernel(part, part) for part in (features1, features2)]
    # Leaving out the diagonal, the pairs of a row with itself, makes the estimate unbiased.
    means = [(k.sum() - k.diagonal().sum()) / (len(k) * (len(k) - 1)) for k in kernels]
    return float(means[0] + means[1] - 2 * _kernel(features1, features2).mean())


def _kernel(left: Tensor, right: Tensor) -> Tensor:
    return (left @ right.T / left.shape[1] + 1) ** DEGREE
