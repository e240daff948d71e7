"""Fewer of many, evenly spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

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
