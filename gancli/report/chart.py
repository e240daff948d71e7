"""Charts as inline SVG: curves over the training images shown, what theory says across, and the values as a table."""

from __future__ import annotations

import bisect
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from gancli.report.curves import Chart, Curve, peaked, thinned
from gancli.report.html import Html, element

WIDTH, HEIGHT = 400, 210

LEFT, RIGHT, TOP, BOTTOM = 46, 390, 20, 184
"""Where the curves are, within WIDTH and HEIGHT; `script.js` moves its mark between these."""

POINTS = 400

MOMENTS = 200

ROWS = 20
"""Points of a curve; moments that can be pointed at; rows of the table."""

NARROWEST = 7
"""Of a letter in a chart; the name of a stage is left out where it does not fit."""

Stretch = tuple[str, int, int]
"""A stage: its name, and the images at which it began and ended."""


def drawn(chart: Chart, *, total: int, stages: Sequence[Stretch] = ()) -> Html:
    """A chart with its legend, in which the latest values stand, and its table.

    Args:
        chart: what to draw.
        total: images at the right end.
        stages: that are told apart; none where there is one only.
    """
    across = Axis(low=0, high=max(total, 1), start=LEFT, end=RIGHT)
    values = [value for curve in chart.curves for _, value in curve.points]
    levels = sorted({curve.optimum for curve in chart.curves if curve.optimum is not None})
    up = axis_of(values, levels, start=BOTTOM, end=TOP)
    parts = [
        *_stages(stages, across),
        *_grid(across, up),
        *(_level(level, up) for level in levels if level > 0 or not up.log),
        *(_line(curve, index, across, up) for index, curve in enumerate(chart.curves)),
        element("line", class_="mark", x1=LEFT, x2=LEFT, y1=TOP, y2=BOTTOM, visibility="hidden"),
    ]
    picture = element("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=_described(chart))
    scale = element("span", " log scale", class_="scale") if up.log else ""
    caption = element("figcaption", element("strong", chart.title), scale, _legend(chart, up))
    return element("figure", caption, picture, _table(chart), class_="chart", data_moments=_moments(chart, across))


def _line(curve: Curve, index: int, across: Axis, up: Axis) -> Html:
    points = [f"{across.place(images):.1f} {up.place(value):.1f}" for images, value in peaked(curve.points, POINTS)]
    if len(points) == 1:
        x, y = points[0].split()
        return element("circle", cx=x, cy=y, r=3, class_=f"dot c{index % 4}")
    return element("path", d=f"M{' L'.join(points)}", class_=f"curve c{index % 4}")


def _level(level: float, up: Axis) -> Html:
    y = round(up.place(level), 1)
    return element("line", class_="optimum", x1=LEFT, x2=RIGHT, y1=y, y2=y)


def _grid(across: Axis, up: Axis) -> list[Html]:
    parts = []
    for value in up.ticks(4):
        y = round(up.place(value), 1)
        parts.append(element("line", class_="grid", x1=LEFT, x2=RIGHT, y1=y, y2=y))
        parts.append(element("text", short(value), x=LEFT - 6, y=y + 4, text_anchor="end"))
    for value in across.ticks(5):
        x = round(across.place(value), 1)
        parts.append(element("text", short(value), x=x, y=BOTTOM + 17, text_anchor="middle"))
    return parts


def _stages(stages: Sequence[Stretch], across: Axis) -> list[Html]:
    parts = []
    for index, (name, first, last) in enumerate(stages):
        x, end = round(across.place(first), 1), round(across.place(last), 1)
        if index % 2:
            area = {"x": x, "y": TOP, "width": round(end - x, 1), "height": BOTTOM - TOP}
            parts.append(element("rect", class_="stage", **area))
        if end - x > NARROWEST * len(name):
            parts.append(element("text", name, x=round((x + end) / 2, 1), y=TOP - 7, text_anchor="middle"))
    return parts


def _legend(chart: Chart, up: Axis) -> Html:
    """Each curve's name and its last value, and where theory puts it."""
    entries = []
    for index, curve in enumerate(chart.curves):
        value = element("output", exact(curve.points[-1][1]))
        entries.append(element("li", _swatch(f"curve c{index % 4}"), f"{curve.name} ", value))
    for name, level in {
        (_named(chart, curve), curve.optimum): None for curve in chart.curves if curve.optimum is not None
    }:
        hidden = " (not on a log scale)" if up.log and level <= 0 else ""
        entries.append(element("li", _swatch("optimum"), f"{name} {exact(level)}{hidden}"))
    return element("ul", *entries, class_="legend")


def _named(chart: Chart, curve: Curve) -> str:
    """What the optimum is called, which need not be that of all curves."""
    alike = len({each.optimum for each in chart.curves}) == 1
    return "at the optimum" if alike else f"{curve.name} at the optimum"


def _swatch(look: str) -> Html:
    line = element("line", x1=1, x2=21, y1=6, y2=6, class_=look)
    return element("svg", line, viewBox="0 0 22 12", class_="swatch", aria_hidden="true")


def _described(chart: Chart) -> str:
    """The chart in words."""
    sentences = []
    for curve in chart.curves:
        (first, began), (last, ended) = curve.points[0], curve.points[-1]
        low, high = min(value for _, value in curve.points), max(value for _, value in curve.points)
        optimum = "" if curve.optimum is None else f"; {exact(curve.optimum)} at the optimum"
        sentences.append(
            f"{curve.name}: {exact(began)} at {first:,} images, {exact(ended)} at {last:,}, "
            f"between {exact(low)} and {exact(high)}{optimum}."
        )
    return " ".join(sentences)


def _table(chart: Chart) -> Html:
    head = element("tr", element("th", "images", scope="col"), *(_head(curve.name) for curve in chart.curves))
    by_curve = [dict(curve.points) for curve in chart.curves]
    moments = sorted({images for points in by_curve for images in points})
    shown = thinned(moments, ROWS)
    rows = [
        element(
            "tr",
            element("th", f"{images:,}", scope="row"),
            *(element("td", exact(points[images]) if images in points else "") for points in by_curve),
        )
        for images in shown
    ]
    some = "" if len(shown) == len(moments) else f", {len(shown)} of {len(moments):,} moments"
    table = element(
        "table", element("caption", f"{chart.title}{some}"), element("thead", head), element("tbody", *rows)
    )
    inside = element("div", table, class_="wide", tabindex=0, role="region", aria_label=f"values of {chart.title}")
    return element("details", element("summary", "values"), inside)


def _head(name: str) -> Html:
    return element("th", name, scope="col")


def _moments(chart: Chart, across: Axis) -> str:
    """For the script: where moments are, how many images had been shown, and the value of each curve there."""
    every = sorted({images for curve in chart.curves for images, _ in curve.points})
    shown = thinned(every, MOMENTS)
    values = [[_value_at(curve, images) for images in shown] for curve in chart.curves]
    places = [round(across.place(images), 1) for images in shown]
    return json.dumps([places, shown, values], separators=(",", ":"))


def _value_at(curve: Curve, images: int) -> str:
    """The last value up to a moment."""
    index = bisect.bisect_right(curve.points, images, key=lambda point: point[0]) - 1
    return exact(curve.points[index][1]) if index >= 0 else ""


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
