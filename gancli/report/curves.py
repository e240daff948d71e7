"""Which values of a run share a chart, and how they ran."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gancli.evaluation.protocol import OF_THE_RUN
from gancli.report.run_data import Line, RunData, number
from gancli.runs.eval_log import Record, column

PLACE = ("images", "step", "stage")
"""Entries of a logged line that say where it is rather than what was seen."""

REAL = "/real"
"""What a metric's name ends in where real images were measured."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One value through training.

    Args:
        name: of it.
        points: (images, value), in order; values are finite.
        optimum: where theory puts it; None: nowhere.
    """

    name: str
    points: Sequence[tuple[int, float]]
    optimum: float | None = None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Curves that share their axes.

    Args:
        player: whose values they are; empty of what was measured.
        curves: at least one.
        title: above them.
    """

    player: str
    curves: Sequence[Curve]
    title: str


def logged(story: RunData) -> list[Chart]:
    """A chart for each term of each player's loss, and one for the answers of each network: D(x) beside D(G(z))."""
    values: dict[str, list[tuple[int, float]]] = {}
    for line in story.lines:
        for name, value in line.items():
            if name not in PLACE and (found := number(value)) is not None:
                values.setdefault(name, []).append((line["images"], found))
    references = _numbers(story.manifest.get("references"))
    charts: dict[tuple[str, str], list[Curve]] = {}
    for name, points in values.items():
        player, _, own = name.rpartition("/")
        curve = Curve(name=own, points=points, optimum=references.get(name))
        charts.setdefault((player, own.partition("(")[0] if "(" in own else own), []).append(curve)
    made = [
        Chart(player=player, curves=curves, title=", ".join(curve.name for curve in curves))
        for (player, _), curves in charts.items()
    ]
    players = list(dict.fromkeys(chart.player for chart in made))
    return sorted(made, key=lambda chart: (players.index(chart.player), "(" not in chart.title))


def measured(records: Sequence[Record]) -> list[Chart]:
    """A chart for each metric that was measured in the same way more than once, beside real images where they were."""
    ways: dict[tuple[str, str], dict[int, float]] = {}
    for record in records:
        value, images = number(record["value"]), number(record["protocol"].get("images"))
        if value is not None and images is not None:
            ways.setdefault((column(record), _way(record)), {})[int(images)] = value
    charts: dict[tuple[str, str], list[Curve]] = {}
    for (name, way), points in ways.items():
        if len(points) > 1:
            charts.setdefault((name.replace(REAL, ""), way), []).append(
                Curve(name="real images" if REAL in name else "samples", points=sorted(points.items()))
            )
    return [
        Chart(player="", curves=sorted(curves, key=lambda curve: curve.name, reverse=True), title=title)
        for (title, _), curves in charts.items()
    ]


def stages(lines: Sequence[Line]) -> list[tuple[str, int, int]]:
    """Name, first and last images of each stage that a run came through, as closely as its lines say."""
    found: list[tuple[str, int, int]] = []
    for line in lines:
        name = str(line.get("stage", ""))
        if found and found[-1][0] == name:
            found[-1] = (name, found[-1][1], line["images"])
        else:
            found.append((name, found[-1][2] if found else 0, line["images"]))
    return found


def _way(record: Record) -> str:
    """How a number was taken, without what it was taken of; real images are another split of the same way."""
    protocol = {key: value for key, value in record["protocol"].items() if key not in (*OF_THE_RUN, "split")}
    return json.dumps(protocol, sort_keys=True)


def _numbers(value: Any) -> Mapping[str, float]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {name: level for name, given in pairs if (level := number(given)) is not None}


T = TypeVar("T")


def thinned(items: Sequence[T], most: int) -> list[T]:
    """At most so many, the first and the last among them; `most` is at least 2."""
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def peaked(points: Sequence[tuple[int, float]], most: int) -> list[tuple[int, float]]:
    """At most about so many points of a curve that has the same peaks: the lowest and the highest of each stretch."""
    if len(points) <= most:
        return list(points)
    size = -(-2 * len(points) // most)
    kept = [points[0]]
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        ends = {min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1])}
        kept += sorted(ends - set(kept[-1:]))
    return [*kept, *([points[-1]] if kept[-1] != points[-1] else [])]
