"""What a generator and a discriminator have learned of a known density on a line.

The curves are those of figure 1 of Goodfellow et al. 2014: the data's density p, the generator's density q, the
discriminator D, and beside them the best discriminator for this p and q, which in that game is p / (p + q).
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
"""Samples that the generator's density is estimated from.

With n samples and a Gaussian kernel of width h the estimate has the variance q / (2 sqrt(pi) n h). For N(m, 1) that is
a standard deviation of 0.8 % of q at the centre, and of 2.4 % where q is 0.05.
"""

BANDWIDTH = 0.05
"""Width of the kernels, in standard deviations of the data.

A kernel of width h turns N(m, s^2) into N(m, s^2 + h^2): 0.1 % too low at the centre, 1 % too high 3 s from it.
"""

REACH = 5.0

STEPS_PER_STD = 40
"""The line is cut into so many steps a standard deviation, up to `REACH` of them beyond the outermost mean."""

_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Functions on a line, each (M,).

    Args:
        x: where, rising in equal steps.
        data: the density of the data, exact.
        generated: the density of the generator, estimated.
        discriminator: what the discriminator answers; None where it cannot be asked.
        optimum: what the best one would answer; None where that is not known.
    """

    x: Numbers
    data: Numbers
    generated: Numbers
    discriminator: Numbers | None = None
    optimum: Numbers | None = None

    def to_json(self) -> dict[str, Any]:
        """Lists of numbers with 6 digits; a number that is not finite is null."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: None if array is None else listed(array) for name, array in arrays.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Curves:
        given = {field.name: values[field.name] for field in fields(cls)}
        arrays: dict[str, Any] = {
            name: None if numbers is None else np.array(numbers, dtype=np.float64) for name, numbers in given.items()
        }
        return cls(**arrays)


def line(mixture: Mixture) -> Numbers:
    """Where to draw the curves of a mixture in one dimension."""
    centres = mixture.centres[:, 0]
    start, end = centres.min() - REACH * mixture.std, centres.max() + REACH * mixture.std
    steps = min(4_000, round((end - start) / mixture.std * STEPS_PER_STD))
    return np.linspace(start, end, steps + 1)


def kernel_density(samples: Numbers, x: Numbers, bandwidth: float) -> Numbers:
    """The density (M,) of samples (N,) at points (M,) in equal steps, by Gaussian kernels.

    Samples are first counted in bins of one step, which adds step^2 / 12 to the kernels' variance.
    """
    step = (x[-1] - x[0]) / (len(x) - 1)
    around = math.ceil(5 * bandwidth / step)  # steps after which a kernel has died away
    places = np.round((samples - x[0]) / step) + around
    inside = (places >= 0) & (places < len(x) + 2 * around)
    counts = np.bincount(places[inside].astype(np.int64), minlength=len(x) + 2 * around)
    kernel = np.exp(-np.square(np.arange(-around, around + 1) * step / bandwidth) / 2)
    density: Numbers = np.convolve(counts, kernel / kernel.sum(), mode="valid") / (len(samples) * step)
    return density


def gap(curves: Curves, *, above: float = 0.05) -> float | None:
    """The largest |D - D*| where either density exceeds `above`, so where there is anything to learn from.

    None where one of the two is not known.
    """
    if curves.discriminator is None or curves.optimum is None:
        return None
    seen = np.maximum(curves.data, curves.generated) > above
    return float(np.abs(curves.discriminator - curves.optimum)[seen].max()) if seen.any() else None


def value(curves: Curves) -> float | None:
    """The value of the 2014 game, V(D, G) = E log D(x) + E log(1 - D(G(z))), integrated over the line.

    None where D is not known or is no probability, or where more than 1 % of the generator's samples fall beside the
    line. D is kept from 0 and 1 by float32's precision, at which a sigmoid rounds to them.
    """
    answers = curves.discriminator
    if answers is None or answers.min() < 0 or answers.max() > 1 or _integral(curves.generated, curves.x) < 0.99:
        return None
    tiny = float(np.finfo(np.float32).eps)
    safe = answers.clip(tiny, 1 - tiny)
    return _integral(curves.data * np.log(safe) + curves.generated * np.log1p(-safe), curves.x)


def _integral(values: Numbers, x: Numbers) -> float:
    """By the trapezoidal rule, which for functions that have died away at both ends is as exact as any."""
    return float((values[:-1] + values[1:]).sum() / 2 * (x[1] - x[0]))


def listed(array: Numbers) -> list[Any]:
    """An array as JSON has it: nested lists of numbers with 6 digits, null where one is not finite."""
    if array.ndim > 1:
        return [listed(row) for row in array]
    return [float(f"{number:.{_DIGITS}g}") if math.isfinite(number) else None for number in array]
