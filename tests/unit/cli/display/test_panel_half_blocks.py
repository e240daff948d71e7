"""Characters and colours of half blocks: two pixels in each cell."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console
from rich.segment import Segment

from gancli.cli.display.panel import can_show_images, half_blocks

RED, BLUE, CLEAR = (255, 0, 0, 255), (0, 0, 255, 255), (9, 9, 9, 0)


def cells(*rows: list[tuple[int, ...]]) -> list[list[tuple[str, str | None, str | None]]]:
    lines = half_blocks(np.array(rows, dtype=np.uint8))
    return [[_describe(segment) for segment in line] for line in lines]


def _describe(segment: Segment) -> tuple[str, str | None, str | None]:
    style = segment.style
    assert style is not None
    front, back = (colour and colour.name for colour in (style.color, style.bgcolor))
    return segment.text, front, back


def test_the_upper_pixel_is_the_letter_and_the_lower_one_is_behind_it() -> None:
    assert cells([RED], [BLUE]) == [[("▀", "#ff0000", "#0000ff")]]


def test_what_is_transparent_is_left_to_the_terminal() -> None:
    row = cells([RED, CLEAR, CLEAR], [CLEAR, BLUE, CLEAR])
    assert row == [[("▀", "#ff0000", None), ("▄", "#0000ff", None), (" ", None, None)]]


def test_neighbours_of_one_look_are_one_segment() -> None:
    assert cells([RED, RED, BLUE], [RED, RED, BLUE]) == [[("  ", None, "#ff0000"), (" ", None, "#0000ff")]]


def test_an_odd_last_line_has_nothing_below_it() -> None:
    assert cells([BLUE], [BLUE], [RED]) == [[(" ", None, "#0000ff")], [("▀", "#ff0000", None)]]


@pytest.mark.parametrize("size", [(1, 1), (6, 4), (7, 5)])
def test_every_line_is_as_wide_as_the_picture(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 4), dtype=np.uint8)
    lines = half_blocks(pixels)
    assert len(lines) == -(-size[0] // 2)
    assert {sum(len(segment.text) for segment in line) for line in lines} == {size[1]}


@pytest.mark.parametrize(
    ("colours", "encoding", "no_color", "can"),
    [
        ("truecolor", "utf-8", False, True),
        ("256", "utf-8", False, True),
        ("standard", "utf-8", False, False),
        ("truecolor", "ascii", False, False),
        ("truecolor", "utf-8", True, False),
    ],
)
def test_which_terminals_can(colours: str, encoding: str, no_color: bool, can: bool) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, force_terminal=True, color_system=colours, no_color=no_color)  # type: ignore[arg-type]
    assert can_show_images(console) is can
