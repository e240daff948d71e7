"""Mode coverage: how many of a known mixture's Gaussians a generator has found, and how well it hits them.

The protocol of Srivastava et al. 2017, "VEEGAN", and Lin et al. 2018, "PacGAN": 2,500 samples are drawn; one is of high
quality if it lies within 3 standard deviations of the nearest mean. Those papers count a mode as covered from its first
high-quality sample on, which a generator that scatters points between the modes reaches by chance. Here a mode has to
be hit by a quarter of its fair share, samples / modes / 4; `touched` is the published count.

Of samples of the mixture itself, 1 - exp(-9/2) = 98.9 % are of high quality in the plane, and 99.7 % on a line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gancli.data.mixture import Mixture
from gancli.errors import DataError

SAMPLES = 2_500
"""Samples of the published protocol."""

RADIUS = 3.0
"""How far from a mean a sample of high quality may lie, in standard deviations."""

SHARE = 0.25
"""The part of its fair share of all samples that a covered mode needs."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What samples say about a generator.

    Attributes:
        covered: modes with at least a quarter of their fair share of the samples, all of high quality.
        touched: modes with one high-quality sample or more, as VEEGAN and PacGAN count.
        total: modes of the mixture.
        high_quality: the share of samples that are of high quality, in [0, 1].
        imbalance: Kullback-Leibler divergence, in nats, from equal shares to the modes' shares of the high-quality
            samples; 0 is even, log(total) is all in one mode, None means that no sample is of high quality.
        samples: how many samples were judged.
    """

    covered: int
    touched: int
    total: int
    high_quality: float
    imbalance: float | None
    samples: int


def coverage(samples: npt.ArrayLike, mixture: Mixture) -> Coverage:
    """Judges samples (N, dimensions) of a generator by the mixture that it should have learned.

    A sample that is not finite is of no mode.

    Raises:
        DataError: there are no samples, or they have another number of coordinates.
    """
    points = np.asarray(samples, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != mixture.dimensions or not len(points):
        raise DataError(f"modes need samples of shape (N, {mixture.dimensions}), not {points.shape}")
    modes, distances = mixture.nearest(points)
    total = len(mixture.means)
    counts = np.bincount(modes[distances <= RADIUS], minlength=total)
    return Coverage(
        covered=int((counts >= max(1.0, SHARE * len(points) / total)).sum()),
        touched=int((counts > 0).sum()),
        total=total,
        high_quality=float(counts.sum() / len(points)),
        imbalance=_divergence(counts) if counts.any() else None,
        samples=len(points),
    )


def attainable(dimensions: int) -> float:
    """The share of a Gaussian's own samples that lie within `RADIUS`: the chi-squared distribution's, at its square."""
    import torch

    halves = torch.tensor([dimensions, RADIUS**2], dtype=torch.float64) / 2
    return float(torch.special.gammainc(halves[0], halves[1]))


def _divergence(counts: npt.NDArray[np.int64]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return max(0.0, math.log(len(counts)) + float((shares * np.log(shares)).sum()))
