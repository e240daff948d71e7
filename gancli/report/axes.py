"""Axes of charts: which range they cover, where their ticks are, and how their numbers are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

STEEP = 30
"""Values whose largest is so many times the smallest are drawn on a logarithmic axis."""

_TINY = 1e-300  # below, differences lose their digits


@dataclass(frozen=True, kw_only=True)
class Axis:
    """From values to places.

    Args:
        low, high: the values at its ends.
        start, end: the places of these.
        log: whether equal ratios, rather than equal differences, are equally long; then `low` is above 0.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value is, within the ends."""
        low, high, value = (math.log(each) if self.log else each for each in (self.low, self.high, self._inside(value)))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        """About so many round values."""
        return _powers(self.low, self.high, count) if self.log else _steps(self.low, self.high, count)

    def _inside(self, value: float) -> float:
        return min(max(value, self.low), self.high)


def axis_of(values: Sequence[float], levels: Sequence[float], *, start: float, end: float) -> Axis:
    """An axis that shows all of `values` and `levels`.

    Args:
        values: finite, at least one.
        levels: that are drawn across; they count unless the axis is logarithmic and they are not above 0.
        start, end: places.
    """
    low, high = min(values), max(values)
    if low > 0 and high / low > STEEP and all(level >= 0 for level in levels):
        shown = [*values, *(level for level in levels if level > 0)]
        return Axis(low=min(shown) / 1.15, high=max(shown) * 1.15, start=start, end=end, log=True)
    low, high = min(low, *levels) if levels else low, max(high, *levels) if levels else high
    size = max(abs(low), abs(high))
    # Closer ends would leave no round numbers between them: such values are one level.
    apart = high - low > max(1e-9 * size, _TINY)
    spare = 0.06 * (high - low) if apart else 0.1 * size if size > _TINY else 1.0
    return Axis(low=low - spare, high=high + spare, start=start, end=end)


def short(value: float) -> str:
    """A number on an axis: 20k, 1.5M, 0.25."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}" if abs(value) >= 1e-3 or not value else f"{value:.0e}".replace("e-0", "e-")


def exact(value: float) -> str:
    """A number to be read."""
    return f"{value:.4g}"


def _steps(low: float, high: float, count: int) -> list[float]:
    size = 10.0 ** math.floor(math.log10((high - low) / count))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10, 20) if (high - low) / (size * factor) <= count)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)]


def _powers(low: float, high: float, count: int) -> list[float]:
    """Powers of ten, with their halves and fifths where few of them fit."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for factors in ((1,), (1, 3), (1, 2, 5)):
        finer = [factor * 10.0**power for power in exponents for factor in factors]
        finer = [value for value in finer if low <= value <= high]
        if found and len(finer) > count + 1:
            break
        found = finer
    return found[:: max(1, math.ceil(len(found) / (count + 1)))]
