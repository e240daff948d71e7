"""The panel of a training: where it stands, its latest values, and its latest samples beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from operator import ge
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.color import Color
from rich.console import Console, ConsoleOptions, Group, OverflowMethod, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress import Progress as Estimate
from rich.progress_bar import ProgressBar
from rich.segment import Segment, Segments
from rich.style import Style
from rich.table import Table
from rich.text import Text

from gancli.io.images import GAP, METADATA_KEY, Pixels
from gancli.training.callbacks import PLACE, Progress
from gancli.training.validation import Evaluation

FRAME = 2
"""Lines that the border takes; across, it and its padding take twice as many."""

HEAD = 2
"""Lines above the values."""

SPARE = 1
"""Lines of the terminal that the panel leaves: one that fills the last would scroll."""

HEADER = 6
"""A picture leaves this part of the terminal's lines to what was said before."""

COLUMN_GAP = 3
"""Cells between the values and the picture."""

SMALLEST, LARGEST = (6, 12), (30, 60)
"""The least and the most (lines, cells) that a picture takes: fewer show nothing, more slow a connection down."""


class TrainingPanel:
    """Never wider or higher than the terminal, whatever that is when it is drawn.

    Args:
        name: of the recipe.
        total: training images of the run.
    """

    def __init__(self, name: str, total: int) -> None:
        self._name = name
        self._estimate = Estimate()
        self._task = self._estimate.add_task("", total=total)
        self._place: Progress | None = None
        self._thumbnail: Thumbnail | None = None
        self._drawn: tuple[Thumbnail, tuple[int, int], list[Segment]] | None = None
        self.doing = "starting"
        self.record: Mapping[str, Any] = {}
        self.optimum_values: Mapping[str, float] = {}
        self.evaluation: Evaluation | None = None

    def begin(self, images: int, total: int, optimum_values: Mapping[str, float]) -> None:
        """A run of `total` images that stands at `images`."""
        self.optimum_values = optimum_values
        self._estimate.reset(self._task, total=total, completed=images)

    def move(self, place: Progress) -> None:
        self._place = place
        self.doing = place.stage if place.fade >= 1 else f"{place.stage} (fade {place.fade:.0%})"
        self._estimate.update(self._task, completed=place.images)

    def show(self, thumbnail: Thumbnail) -> None:
        self._thumbnail = thumbnail

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        cut: OverflowMethod = "crop" if options.ascii_only else "ellipsis"
        lines, cells = options.size.height - SPARE - FRAME - HEAD, width - 2 * FRAME
        values = _table(self._values(), lines, cut)
        needed = min(console.measure(values).maximum, cells)
        free = min(lines - options.size.height // HEADER, LARGEST[0]), min(cells - needed - COLUMN_GAP, LARGEST[1])
        body = Table.grid(padding=(0, COLUMN_GAP, 0, 0), pad_edge=False)
        body.add_column(width=needed, overflow=cut)
        shown: list[RenderableType] = [values]
        if self._thumbnail is not None and all(map(ge, free, SMALLEST)) and can_draw(console):
            body.add_column(width=free[1])
            shown.append(self._picture(self._thumbnail, free))
        body.add_row(*shown)
        parts = Group(self._bar(cut), self._numbers(cut), *([body] if lines > 0 else []))
        panel = Panel(parts, title=f"gan train {self._name}", width=width)
        yield from console.render(panel, options.update(no_wrap=False, overflow=cut))

    def _picture(self, thumbnail: Thumbnail, free: tuple[int, int]) -> RenderableType:
        """Drawn anew only where the picture or its place is another."""
        if self._drawn is None or self._drawn[:2] != (thumbnail, free):
            drawn = half_blocks(thumbnail.fitted(2 * free[0], free[1]))
            self._drawn = thumbnail, free, [segment for line in drawn for segment in (*line, Segment.line())]
        return Segments(self._drawn[2])

    def _bar(self, cut: OverflowMethod) -> Table:
        task = self._estimate.tasks[0]
        bar = Table.grid(padding=(0, 1, 0, 0), expand=True)
        bar.add_column(no_wrap=True, overflow=cut)
        bar.add_column(ratio=1, overflow=cut)
        bar.add_column(no_wrap=True, overflow=cut, justify="right")
        bar.add_row(self.doing, ProgressBar(total=task.total or 1, completed=task.completed), f"{task.percentage:.0f}%")
        return bar

    def _numbers(self, cut: OverflowMethod) -> Text:
        """The clock of the run; what does not fit is cut off."""
        task = self._estimate.tasks[0]
        parts = [f"{task.completed:,.0f}/{task.total or 0:,.0f} images"]
        if self._place is not None and self._place.images_per_second:
            parts.append(f"{self._place.images_per_second:,.0f} images/s")
        if task.time_remaining is not None:
            parts.append(f"{_clock(task.time_remaining)} left")
        if self._place is not None:
            parts.append(f"{self._place.memory / 1e9:.1f} GB")
        return Text("   ".join(parts), no_wrap=True, overflow=cut)

    def _values(self) -> list[tuple[str, str, str]]:
        """Names, means and optima, the terms of a player below its name; then what was measured last."""
        rows = [("", "mean", "optimum" if self.optimum_values else "")] if self.record else []
        named = [name for name in self.record if name not in PLACE]
        for player, names in groupby(named, key=lambda name: name.rpartition("/")[0]):
            rows.append((player, "", ""))
            for name in names:
                reference = self.optimum_values.get(name)
                term = name.rpartition("/")[2]
                rows.append((f"  {term}", f"{self.record[name]:.4f}", "" if reference is None else f"{reference:.4f}"))
        if self.evaluation is not None and (measured := numbers(self.evaluation)):
            best = ", the best" if self.evaluation.best else ""
            rows.append((f"at {self.evaluation.images:,} images{best}", "", ""))
            rows += [(f"  {name}", f"{value:.4g}", "") for name, value in measured.items()]
        return rows


def numbers(evaluation: Evaluation) -> dict[str, float]:
    """The metrics, and the samples' diversity as a fraction of the data's."""
    diversity = {} if evaluation.diversity is None else {"diversity": evaluation.diversity}
    return {**evaluation.values, **diversity}


def _table(rows: list[tuple[str, str, str]], lines: int, cut: OverflowMethod) -> Table:
    """The rows, or as many as there are lines for."""
    shown = rows if len(rows) <= lines else [*rows[: max(0, lines - 1)], ("...", "", "")]
    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, overflow=cut)
    for _ in range(2):
        table.add_column(no_wrap=True, overflow=cut, justify="right")
    for row in shown:
        table.add_row(
            *(Text(cell) for cell in row), style="" if row[0].startswith(" ") else "dim" if row[1] else "bold"
        )
    return table


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


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


FEW = 4
"""Sheets of so many columns or fewer hold one example a row, such as an image and its translation."""


class Thumbnail:
    """A picture of a run's `samples/`.

    Of a sheet, as many images are shown as fit, each at its own size if at least two by two of them fit so, or one
    row if a row is one example; else reduced until they do. Any other picture is shown whole.

    Args:
        path: of the PNG.
    """

    def __init__(self, path: Path) -> None:
        with Image.open(path) as picture:
            self._image = picture.convert("RGBA")
            about = json.loads(picture.info.get(METADATA_KEY, "{}"))
        self._columns: int = about.get("columns", 1)
        height, width = about.get("resolution", (self._image.height, self._image.width))
        self._gap = GAP if "columns" in about else 0
        self._native = (height, width)
        self._across = (self._image.width - self._gap) // self._columns - self._gap
        self._down = self._across * height // width
        self._rows = (self._image.height - self._gap) // (self._down + self._gap)

    def fitted(self, height: int, width: int) -> Pixels:
        """At most (height, width, 4) pixels; between images lies a transparent one."""
        down, across = self._least()
        scale = min(
            1.0, (height + 1 - down) / (down * self._native[0]), (width + 1 - across) / (across * self._native[1])
        )
        tall, wide = (max(1, int(side * scale)) for side in self._native)
        rows, columns = min(self._rows, (height + 1) // (tall + 1)), min(self._columns, (width + 1) // (wide + 1))
        canvas = np.zeros((rows * (tall + 1) - 1, columns * (wide + 1) - 1, 4), dtype=np.uint8)
        for row in range(rows):
            for column in range(columns):
                top, left = row * (tall + 1), column * (wide + 1)
                canvas[top : top + tall, left : left + wide] = self._cell(row, column, (wide, tall))
        return canvas

    def _least(self) -> tuple[int, int]:
        """Rows and columns to have on view."""
        if self._columns <= FEW:
            return 1, self._columns
        return min(2, self._rows), 2

    def _cell(self, row: int, column: int, size: tuple[int, int]) -> Pixels:
        left, top = (
            self._gap + index * (side + self._gap) for index, side in ((column, self._across), (row, self._down))
        )
        box = (left, top, left + self._across, top + self._down)
        # The mean of what a pixel covers: it gives back the image that a sheet has magnified.
        return np.asarray(self._image.resize(size, Image.Resampling.BOX, box=box))
