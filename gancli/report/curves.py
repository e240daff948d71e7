"""Curves of a run: loss and metric values over the training images shown, grouped into charts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gancli.evaluation.protocol import MODEL_ENTRIES
from gancli.report.run_data import Line, RunData, finite_number
from gancli.runs.eval_log import Record, column

POSITION_KEYS = ("images", "step", "stage")
"""Keys of a logged line that give the position in training; all other keys are values."""

REAL = "/real"
"""Suffix of a metric's name for its value on real images."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One value during training.

    Args:
        name: shown in the legend.
        points: (images, value) in ascending order; values are finite.
        optimum: value at the theoretical optimum; None if unknown.
    """

    name: str
    points: Sequence[tuple[int, float]]
    optimum: float | None = None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Curves that share their axes.

    Args:
        player: player whose values these are; empty for metrics.
        curves: at least one.
        title: shown above the chart.
    """

    player: str
    curves: Sequence[Curve]
    title: str


def loss_charts(run_data: RunData) -> list[Chart]:
    """Return one chart per loss term of each player, and one per network for its outputs: D(x) beside D(G(z))."""
    values: dict[str, list[tuple[int, float]]] = {}
    for line in run_data.lines:
        for key, value in line.items():
            if key not in POSITION_KEYS and (number := finite_number(value)) is not None:
                values.setdefault(key, []).append((line["images"], number))
    optimum_values = _finite_numbers(run_data.manifest.get("references"))
    curves: dict[tuple[str, str], list[Curve]] = {}
    for key, points in values.items():
        player, _, name = key.rpartition("/")
        curve = Curve(name=name, points=points, optimum=optimum_values.get(key))
        curves.setdefault((player, name.partition("(")[0] if "(" in name else name), []).append(curve)
    charts = [
        Chart(player=player, curves=group, title=", ".join(curve.name for curve in group))
        for (player, _), group in curves.items()
    ]
    players = list(dict.fromkeys(chart.player for chart in charts))
    return sorted(charts, key=lambda chart: (players.index(chart.player), "(" not in chart.title))


def metric_charts(records: Sequence[Record]) -> list[Chart]:
    """Return one chart per metric and protocol with more than one value, with the values on real images if known."""
    values: dict[tuple[str, str], dict[int, float]] = {}
    for record in records:
        value, images = finite_number(record["value"]), finite_number(record["protocol"].get("images"))
        if value is not None and images is not None:
            values.setdefault((column(record), _protocol_key(record)), {})[int(images)] = value
    charts: dict[tuple[str, str], list[Curve]] = {}
    for (name, protocol), points in values.items():
        if len(points) > 1:
            charts.setdefault((name.replace(REAL, ""), protocol), []).append(
                Curve(name="real images" if REAL in name else "samples", points=sorted(points.items()))
            )
    return [
        Chart(player="", curves=sorted(curves, key=lambda curve: curve.name, reverse=True), title=title)
        for (title, _), curves in charts.items()
    ]


def stage_spans(lines: Sequence[Line]) -> list[tuple[str, int, int]]:
    """Return the name and the first and last images of each stage, as precisely as the logged lines allow."""
    spans: list[tuple[str, int, int]] = []
    for line in lines:
        name = str(line.get("stage", ""))
        if spans and spans[-1][0] == name:
            spans[-1] = (name, spans[-1][1], line["images"])
        else:
            spans.append((name, spans[-1][2] if spans else 0, line["images"]))
    return spans


def downsample(items: Sequence[T], count: int) -> list[T]:
    """Return at most `count` (at least 2) evenly spaced items, including the first and the last."""
    if len(items) <= count:
        return list(items)
    return [items[round(index * (len(items) - 1) / (count - 1))] for index in range(count)]


def downsample_curve(points: Sequence[tuple[int, float]], count: int) -> list[tuple[int, float]]:
    """Return about `count` points of a curve with all its peaks: the minimum and the maximum of each interval."""
    if len(points) <= count:
        return list(points)
    size = -(-2 * len(points) // count)
    kept = [points[0]]
    for start in range(0, len(points), size):
        interval = points[start : start + size]
        extremes = {min(interval, key=lambda point: point[1]), max(interval, key=lambda point: point[1])}
        kept += sorted(extremes - set(kept[-1:]))
    return [*kept, *([points[-1]] if kept[-1] != points[-1] else [])]


def _protocol_key(record: Record) -> str:
    """Identify how a value was measured, without the model; real images are another split of the same protocol."""
    protocol = {key: value for key, value in record["protocol"].items() if key not in (*MODEL_ENTRIES, "split")}
    return json.dumps(protocol, sort_keys=True)


def _finite_numbers(values: Any) -> Mapping[str, float]:
    pairs = values.items() if isinstance(values, dict) else ()
    return {name: number for name, value in pairs if (number := finite_number(value)) is not None}
