"""Densities of data and generator, and output of the discriminator, for one-dimensional data.

The curves are those of figure 1 of Goodfellow et al. 2014: the data's density p, the generator's density q, the
discriminator D, and the optimal discriminator for this p and q, which is p / (p + q) for that loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from gancli.data.mixture import Mixture

Numbers = npt.NDArray[np.float64]

SAMPLES = 200_000
"""Number of samples for the estimate of the generator's density.

With n samples and a Gaussian kernel of width h, the variance of the estimate is q / (2 sqrt(pi) n h). For N(m, 1), the
standard deviation is 0.8 % of q at the centre, and 2.4 % at q = 0.05.
"""

BANDWIDTH = 0.05
"""Width of the kernels, in standard deviations of the data.

A kernel of width h turns N(m, s^2) into N(m, s^2 + h^2): 0.1 % too low at the centre, 1 % too high at distance 3 s.
"""

REACH = 5.0
"""Distance of the ends of the line from the outermost means, in standard deviations."""

STEPS_PER_STD = 40
"""Number of steps per standard deviation."""

_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Functions on a line, each (M,).

    Args:
        x: points, in ascending order and equal steps.
        data: exact density of the data.
        generated: estimated density of the generator.
        discriminator: output of the discriminator; None if it has none for single points.
        optimum: output of the optimal discriminator; None if it is not known.
    """

    x: Numbers
    data: Numbers
    generated: Numbers
    discriminator: Numbers | None = None
    optimum: Numbers | None = None

    def to_json(self) -> dict[str, Any]:
        """Return lists of numbers with 6 digits; a number that is not finite is null."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: None if array is None else to_json_list(array) for name, array in arrays.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Curves:
        lists = {field.name: values[field.name] for field in fields(cls)}
        arrays: dict[str, Any] = {
            name: None if numbers is None else np.array(numbers, dtype=np.float64) for name, numbers in lists.items()
        }
        return cls(**arrays)


def line(mixture: Mixture) -> Numbers:
    """Return the points at which to plot the curves of a one-dimensional mixture."""
    centres = mixture.centres[:, 0]
    start, end = centres.min() - REACH * mixture.std, centres.max() + REACH * mixture.std
    steps = min(4_000, round((end - start) / mixture.std * STEPS_PER_STD))
    return np.linspace(start, end, steps + 1)


def kernel_density(samples: Numbers, x: Numbers, bandwidth: float) -> Numbers:
    """Estimate the density (M,) of samples (N,) at points (M,) in equal steps with Gaussian kernels.

    Samples are first counted in bins of one step, which adds step^2 / 12 to the variance of the kernels.
    """
    step = (x[-1] - x[0]) / (len(x) - 1)
    margin = math.ceil(5 * bandwidth / step)  # number of steps after which a kernel is negligible
    bins = np.round((samples - x[0]) / step) + margin
    inside = (bins >= 0) & (bins < len(x) + 2 * margin)
    counts = np.bincount(bins[inside].astype(np.int64), minlength=len(x) + 2 * margin)
    kernel = np.exp(-np.square(np.arange(-margin, margin + 1) * step / bandwidth) / 2)
    density: Numbers = np.convolve(counts, kernel / kernel.sum(), mode="valid") / (len(samples) * step)
    return density


def optimum_gap(curves: Curves, *, above: float = 0.05) -> float | None:
    """Return the largest |D - D*| where either density exceeds `above`, so that there are samples to learn from.

    None if D or D* is not known.
    """
    if curves.discriminator is None or curves.optimum is None:
        return None
    dense = np.maximum(curves.data, curves.generated) > above
    return float(np.abs(curves.discriminator - curves.optimum)[dense].max()) if dense.any() else None


def game_value(curves: Curves) -> float | None:
    """Return the value V(D, G) = E log D(x) + E log(1 - D(G(z))) of Goodfellow et al. 2014, integrated over the line.

    None if D is not known or no probability, or if more than 1 % of the generator's samples are outside the line. D is
    clipped to float32 precision, at which a sigmoid rounds to 0 and 1.
    """
    outputs = curves.discriminator
    if outputs is None or outputs.min() < 0 or outputs.max() > 1 or _integrate(curves.generated, curves.x) < 0.99:
        return None
    epsilon = float(np.finfo(np.float32).eps)
    clipped = outputs.clip(epsilon, 1 - epsilon)
    return _integrate(curves.data * np.log(clipped) + curves.generated * np.log1p(-clipped), curves.x)


def _integrate(values: Numbers, x: Numbers) -> float:
    """Integrate by the trapezoidal rule, which is accurate for functions that vanish at both ends."""
    return float((values[:-1] + values[1:]).sum() / 2 * (x[1] - x[0]))


def to_json_list(array: Numbers) -> list[Any]:
    """Return an array as nested lists of numbers with 6 digits; a number that is not finite is None."""
    if array.ndim > 1:
        return [to_json_list(row) for row in array]
    return [float(f"{number:.{_DIGITS}g}") if math.isfinite(number) else None for number in array]
