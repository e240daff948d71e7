"""Charts as inline SVG: curves over the training images shown, optimum values, and a table of the values."""

from __future__ import annotations

import bisect
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gancli.report.curves import Chart, Curve, downsample, downsample_curve
from gancli.report.html import render

if TYPE_CHECKING:
    from markupsafe import Markup

WIDTH, HEIGHT = 400, 210

LEFT, RIGHT, TOP, BOTTOM = 46, 390, 20, 184
"""Plot area within WIDTH and HEIGHT; `script.js` moves its mark from LEFT to RIGHT."""

MAX_POINTS = 400
"""Points of a curve."""

MAX_MOMENTS = 200
"""Positions of the slider."""

MAX_ROWS = 20
"""Rows of the table."""

LETTER_WIDTH = 7
"""Width of a letter; the name of a stage is omitted if it does not fit."""

LOG_RATIO = 30
"""Values are plotted on a logarithmic axis if the largest exceeds the smallest by more than this factor."""

_TINY = 1e-300  # smaller differences lose their digits

StageSpan = tuple[str, int, int]
"""Name of a stage, and the images at its first and last step."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A mapping from values to positions.

    Args:
        low, high: values at the ends.
        start, end: positions of the ends.
        log: whether the axis is logarithmic; `low` is then positive.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def position(self, value: float) -> float:
        """Return the position of a value, clipped to the ends."""
        clipped = min(max(value, self.low), self.high)
        low, high, value = (math.log(number) if self.log else number for number in (self.low, self.high, clipped))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        """Return about `count` round values."""
        return _log_ticks(self.low, self.high, count) if self.log else _linear_ticks(self.low, self.high, count)


def plot(chart: Chart, *, total: int, stages: Sequence[StageSpan] = ()) -> Markup:
    """Render a chart with its legend, which shows the latest values, and its table.

    Args:
        chart: curves to plot.
        total: training images at the right end.
        stages: stages to mark; empty if there is only one.
    """
    x_axis = Axis(low=0, high=max(total, 1), start=LEFT, end=RIGHT)
    values = [value for curve in chart.curves for _, value in curve.points]
    optima = sorted({curve.optimum for curve in chart.curves if curve.optimum is not None})
    y_axis = fit_axis(values, optima, start=BOTTOM, end=TOP)
    return render(
        "chart.html.jinja",
        title=chart.title,
        area={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM},
        log=y_axis.log,
        curves=[
            {
                "name": curve.name,
                "last": format_value(curve.points[-1][1]),
                "points": [
                    f"{x_axis.position(images):.1f} {y_axis.position(value):.1f}"
                    for images, value in downsample_curve(curve.points, MAX_POINTS)
                ],
            }
            for curve in chart.curves
        ],
        optimum_lines=[round(y_axis.position(value), 1) for value in optima if value > 0 or not y_axis.log],
        optimum_labels=_optimum_labels(chart, y_axis),
        x_ticks=[(round(x_axis.position(value), 1), format_tick(value)) for value in x_axis.ticks(5)],
        y_ticks=[(round(y_axis.position(value), 1), format_tick(value)) for value in y_axis.ticks(4)],
        stages=[_stage(stage, x_axis) for stage in stages],
        description=_description(chart),
        table=_table(chart),
        moments=_moments(chart, x_axis),
    )


def fit_axis(values: Sequence[float], optima: Sequence[float], *, start: float, end: float) -> Axis:
    """Return an axis that covers all values and optima.

    Args:
        values: finite values, at least one.
        optima: optimum values; a logarithmic axis ignores those that are not positive.
        start, end: positions of the ends.
    """
    low, high = min(values), max(values)
    if low > 0 and high / low > LOG_RATIO and all(optimum >= 0 for optimum in optima):
        covered = [*values, *(optimum for optimum in optima if optimum > 0)]
        return Axis(low=min(covered) / 1.15, high=max(covered) * 1.15, start=start, end=end, log=True)
    low, high = min(low, *optima) if optima else low, max(high, *optima) if optima else high
    size = max(abs(low), abs(high))
    # There are no round numbers between closer ends: such values count as equal.
    differ = high - low > max(1e-9 * size, _TINY)
    padding = 0.06 * (high - low) if differ else 0.1 * size if size > _TINY else 1.0
    return Axis(low=low - padding, high=high + padding, start=start, end=end)


def format_tick(value: float) -> str:
    """Format a number for an axis: 20k, 1.5M, 0.25."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}" if abs(value) >= 1e-3 or not value else f"{value:.0e}".replace("e-0", "e-")


def format_value(value: float) -> str:
    """Format a number for the legend and the table."""
    return f"{value:.4g}"


def _optimum_labels(chart: Chart, y_axis: Axis) -> list[str]:
    """Return the legend entries of the optimum values, with the curve's name unless all curves share one optimum."""
    shared = len({curve.optimum for curve in chart.curves}) == 1
    labels = []
    for curve in chart.curves:
        if curve.optimum is not None:
            name = "at the optimum" if shared else f"{curve.name} at the optimum"
            hidden = " (not on a log scale)" if y_axis.log and curve.optimum <= 0 else ""
            labels.append(f"{name} {format_value(curve.optimum)}{hidden}")
    return list(dict.fromkeys(labels))


def _stage(stage: StageSpan, x_axis: Axis) -> dict[str, Any]:
    name, first, last = stage
    start, end = round(x_axis.position(first), 1), round(x_axis.position(last), 1)
    middle = round((start + end) / 2, 1)
    return {
        "name": name,
        "start": start,
        "middle": middle,
        "width": round(end - start, 1),
        "name_width": LETTER_WIDTH * len(name),
    }


def _description(chart: Chart) -> str:
    """Describe the chart in sentences, for screen readers."""
    sentences = []
    for curve in chart.curves:
        (first, first_value), (last, last_value) = curve.points[0], curve.points[-1]
        low, high = min(value for _, value in curve.points), max(value for _, value in curve.points)
        optimum = "" if curve.optimum is None else f"; {format_value(curve.optimum)} at the optimum"
        sentences.append(
            f"{curve.name}: {format_value(first_value)} at {first:,} images, {format_value(last_value)} at {last:,}, "
            f"between {format_value(low)} and {format_value(high)}{optimum}."
        )
    return " ".join(sentences)


def _table(chart: Chart) -> dict[str, Any]:
    columns = [dict(curve.points) for curve in chart.curves]
    moments = _all_images(chart)
    rows = [
        (f"{images:,}", [format_value(column[images]) if images in column else "" for column in columns])
        for images in downsample(moments, MAX_ROWS)
    ]
    shown = f", {len(rows)} of {len(moments):,} values" if len(rows) < len(moments) else ""
    return {"rows": rows, "caption": f"{chart.title}{shown}"}


def _moments(chart: Chart, x_axis: Axis) -> str:
    """Return JSON for the script: slider positions, training images, and the value of each curve at each position."""
    moments = downsample(_all_images(chart), MAX_MOMENTS)
    values = [[_value_at(curve, images) for images in moments] for curve in chart.curves]
    positions = [round(x_axis.position(images), 1) for images in moments]
    return json.dumps([positions, moments, values], separators=(",", ":"))


def _all_images(chart: Chart) -> list[int]:
    return sorted({images for curve in chart.curves for images, _ in curve.points})


def _value_at(curve: Curve, images: int) -> str:
    """Return the last value up to a number of images; empty if there is none."""
    index = bisect.bisect_right(curve.points, images, key=lambda point: point[0]) - 1
    return format_value(curve.points[index][1]) if index >= 0 else ""


def _linear_ticks(low: float, high: float, count: int) -> list[float]:
    size = 10.0 ** math.floor(math.log10((high - low) / count))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10, 20) if (high - low) / (size * factor) <= count)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)]


def _log_ticks(low: float, high: float, count: int) -> list[float]:
    """Return powers of ten, with their multiples by 3, or by 2 and 5, if few powers are in range."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for factors in ((1,), (1, 3), (1, 2, 5)):
        finer = [factor * 10.0**power for power in exponents for factor in factors]
        finer = [value for value in finer if low <= value <= high]
        if ticks and len(finer) > count + 1:
            break
        ticks = finer
    return ticks[:: max(1, math.ceil(len(ticks) / (count + 1)))]
