"""Pictures in a terminal: the upper half block ▀ has two colours, so a cell of text shows two pixels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style

from gancli.pictures import Pixels

Pixel = tuple[int, int, int] | None
"""Red, green and blue; None shows what is behind."""


def half_blocks(pixels: Pixels) -> list[list[Segment]]:
    """A picture (H, W, 4) of bytes as ceil(H / 2) lines of W cells, neighbours of one look joined in a segment.

    A pixel is drawn or it is not: what is less than half opaque is left as the terminal has it.
    """
    rows = [_row(row) for row in pixels]
    if len(rows) % 2:
        rows.append([None] * pixels.shape[1])
    return [list(_joined(zip(*rows[top : top + 2], strict=True))) for top in range(0, len(rows), 2)]


def can_draw(console: Console) -> bool:
    """Whether a terminal has the letters and colours that it takes."""
    colours = console.color_system in ("256", "truecolor") and not console.no_color
    return colours and not console.options.ascii_only


def _row(row: Pixels) -> list[Pixel]:
    return [(red, green, blue) if alpha >= 128 else None for red, green, blue, alpha in row.tolist()]


def _joined(cells: Iterator[tuple[Pixel, ...]]) -> Iterator[Segment]:
    for (top, bottom), same in groupby(cells):
        count = sum(1 for _ in same)
        if top == bottom:
            yield Segment(" " * count, _style(None, bottom))
        elif top is None:
            yield Segment("▄" * count, _style(bottom, None))
        else:
            yield Segment("▀" * count, _style(top, bottom))


def _style(front: Pixel, back: Pixel) -> Style:
    return Style.from_color(front and Color.from_rgb(*front), back and Color.from_rgb(*back))
