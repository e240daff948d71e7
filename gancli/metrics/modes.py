"""Mode coverage: the number of Gaussians of a known mixture that a generator covers, and the quality of its samples.

The protocol of Srivastava et al. 2017, "VEEGAN", and Lin et al. 2018, "PacGAN": of 2,500 samples, those within 3
standard deviations of the nearest mean are of high quality. Those papers count a mode as covered if it has at least one
high-quality sample, which a generator that scatters points between the modes reaches by chance. Here, a mode is covered
if it has a quarter of its fair share of the samples, samples / modes / 4; `touched` is the published count.

Among samples of the mixture itself, 1 - exp(-9/2) = 98.9 % are of high quality in two dimensions, and 99.7 % in one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from gancli.data.mixture import Mixture
from gancli.errors import DataError
from gancli.metrics.context import Measurement, MetricContext

SAMPLES = 2_500
"""Number of samples of the published protocol."""

RADIUS = 3.0
"""Largest distance of a high-quality sample from a mean, in standard deviations."""

SHARE = 0.25
"""Part of its fair share of all samples that a covered mode needs."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Mode coverage of samples.

    Attributes:
        covered: number of modes with at least a quarter of their fair share of the samples, all of high quality.
        touched: number of modes with at least one high-quality sample, as VEEGAN and PacGAN count.
        total: number of modes of the mixture.
        high_quality: share of samples that are of high quality, in [0, 1].
        imbalance: Kullback-Leibler divergence, in nats, from equal shares to the modes' shares of the high-quality
            samples; 0 if they are equal, log(total) if all samples belong to one mode, None if no sample is of high
            quality.
        samples: number of samples.
    """

    covered: int
    touched: int
    total: int
    high_quality: float
    imbalance: float | None
    samples: int


def measure(context: MetricContext) -> list[Measurement]:
    """Measure the number of covered modes, the share of high-quality samples, and, if there are any, the imbalance.

    Raises:
        DataError: the distribution of the data is not known.
    """
    mixture = context.train().mixture
    if mixture is None:
        raise DataError("modes requires data of a known distribution; use such data with --data points")
    result = coverage(context.samples(SAMPLES).flatten(1).numpy(), mixture)
    protocol = {
        "samples": result.samples,
        "modes": result.total,
        "std": mixture.std,
        "radius": RADIUS,
        "share": SHARE,
    }
    values = {
        "modes": float(result.covered),
        "modes/high_quality": result.high_quality,
        "modes/imbalance": result.imbalance,
    }
    return [
        Measurement(metric=name, value=value, protocol=protocol, observed={"touched": result.touched})
        for name, value in values.items()
        if value is not None
    ]


def coverage(samples: npt.ArrayLike, mixture: Mixture) -> Coverage:
    """Compute the coverage of the modes of a mixture by samples (N, dimensions).

    A sample that is not finite belongs to no mode.

    Raises:
        DataError: there are no samples, or their number of coordinates is wrong.
    """
    points = np.asarray(samples, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != mixture.dimensions or not len(points):
        raise DataError(f"modes requires samples of shape (N, {mixture.dimensions}), not {points.shape}")
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
    """Return the share of a Gaussian's own samples within `RADIUS`: the chi-squared distribution function."""
    halves = torch.tensor([dimensions, RADIUS**2], dtype=torch.float64) / 2
    return float(torch.special.gammainc(halves[0], halves[1]))


def _divergence(counts: npt.NDArray[np.int64]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return max(0.0, math.log(len(counts)) + float((shares * np.log(shares)).sum()))
