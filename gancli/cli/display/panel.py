"""The live panel of a training run: progress, latest values, latest evaluation, and a thumbnail of the last preview."""

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
from rich.progress import Progress as RichProgress
from rich.progress_bar import ProgressBar
from rich.segment import Segment, Segments
from rich.style import Style
from rich.table import Table
from rich.text import Text

from gancli.io.images import GAP, METADATA_KEY, Pixels
from gancli.io.text import visible
from gancli.training.callbacks import PLACE, Progress
from gancli.training.validation import Evaluation

BORDER = 2
"""Lines of the border; border and padding take twice as many cells horizontally."""

STATUS_LINES = 2
"""Lines above the values."""

FREE_LINES = 1
"""Lines of the terminal below the panel; a panel that filled the last line would scroll."""

SCROLLBACK_SHARE = 6
"""A thumbnail leaves 1/6 of the terminal's lines to earlier output."""

COLUMN_GAP = 3
"""Cells between values and thumbnail."""

MIN_THUMBNAIL, MAX_THUMBNAIL = (6, 12), (30, 60)
"""Smallest and largest (lines, cells): smaller thumbnails are unreadable, larger ones slow down remote terminals."""


class TrainingPanel:
    """Panel that always fits the terminal at the time of rendering.

    Args:
        name: name of the recipe.
        total: number of training images of the run.

    Attributes:
        activity: text beside the progress bar.
        record: last record of the metrics.
        optimum_values: theoretical optimum of values, by name.
        evaluation: last evaluation.
        thumbnail: last preview.
    """

    def __init__(self, name: str, total: int) -> None:
        self._name = name
        self._bar = RichProgress()
        self._task = self._bar.add_task("", total=total)
        self._progress: Progress | None = None
        self._rendered: tuple[Thumbnail, tuple[int, int], list[Segment]] | None = None
        self.activity = "starting"
        self.record: Mapping[str, Any] = {}
        self.optimum_values: Mapping[str, float] = {}
        self.evaluation: Evaluation | None = None
        self.thumbnail: Thumbnail | None = None

    def begin(self, images: int, total: int, optimum_values: Mapping[str, float]) -> None:
        """Start at `images` of `total` images."""
        self.optimum_values = optimum_values
        self._bar.reset(self._task, total=total, completed=images)

    def update(self, progress: Progress) -> None:
        self._progress = progress
        fading = f"{progress.stage} (fade {progress.fade:.0%})"
        self.activity = progress.stage if progress.fade >= 1 else fading
        self._bar.update(self._task, completed=progress.images)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        overflow: OverflowMethod = "crop" if options.ascii_only else "ellipsis"
        lines, cells = options.size.height - FREE_LINES - BORDER - STATUS_LINES, width - 2 * BORDER
        values = _table(self._rows(), lines, overflow)
        values_width = min(console.measure(values).maximum, cells)
        room = (
            min(lines - options.size.height // SCROLLBACK_SHARE, MAX_THUMBNAIL[0]),
            min(cells - values_width - COLUMN_GAP, MAX_THUMBNAIL[1]),
        )
        body = Table.grid(padding=(0, COLUMN_GAP, 0, 0), pad_edge=False)
        body.add_column(width=values_width, overflow=overflow)
        columns: list[RenderableType] = [values]
        if self.thumbnail is not None and all(map(ge, room, MIN_THUMBNAIL)) and can_show_images(console):
            body.add_column(width=room[1])
            columns.append(self._render_thumbnail(self.thumbnail, room))
        body.add_row(*columns)
        content = Group(self._progress_line(overflow), self._speed_line(overflow), *([body] if lines > 0 else []))
        panel = Panel(content, title=Text(f"gan train {visible(self._name)}"), width=width)
        yield from console.render(panel, options.update(no_wrap=False, overflow=overflow))

    def _render_thumbnail(self, thumbnail: Thumbnail, room: tuple[int, int]) -> RenderableType:
        """Render the thumbnail, or reuse the last rendering if neither thumbnail nor room has changed."""
        if self._rendered is None or self._rendered[:2] != (thumbnail, room):
            rows = half_blocks(thumbnail.fit(2 * room[0], room[1]))
            self._rendered = thumbnail, room, [segment for row in rows for segment in (*row, Segment.line())]
        return Segments(self._rendered[2])

    def _progress_line(self, overflow: OverflowMethod) -> Table:
        task = self._bar.tasks[0]
        line = Table.grid(padding=(0, 1, 0, 0), expand=True)
        line.add_column(no_wrap=True, overflow=overflow)
        line.add_column(ratio=1, overflow=overflow)
        line.add_column(no_wrap=True, overflow=overflow, justify="right")
        bar = ProgressBar(total=task.total or 1, completed=task.completed)
        line.add_row(self.activity, bar, f"{task.percentage:.0f}%")
        return line

    def _speed_line(self, overflow: OverflowMethod) -> Text:
        """Return images, speed, remaining time and memory; text that does not fit is cut off."""
        task = self._bar.tasks[0]
        parts = [f"{task.completed:,.0f}/{task.total or 0:,.0f} images"]
        if self._progress is not None and self._progress.images_per_second:
            parts.append(f"{self._progress.images_per_second:,.0f} images/s")
        if task.time_remaining is not None:
            parts.append(f"{timedelta(seconds=round(task.time_remaining))} left")
        if self._progress is not None:
            parts.append(f"{self._progress.memory / 1e9:.1f} GB")
        return Text("   ".join(parts), no_wrap=True, overflow=overflow)

    def _rows(self) -> list[tuple[str, str, str]]:
        """Return name, mean and optimum of each loss, grouped by player, and then the last evaluation."""
        rows = [("", "mean", "optimum" if self.optimum_values else "")] if self.record else []
        names = [name for name in self.record if name not in PLACE]
        for player, group in groupby(names, key=lambda name: name.rpartition("/")[0]):
            rows.append((player, "", ""))
            for name in group:
                optimum = self.optimum_values.get(name)
                term = name.rpartition("/")[2]
                rows.append((f"  {term}", f"{self.record[name]:.4f}", "" if optimum is None else f"{optimum:.4f}"))
        if self.evaluation is not None and (values := metric_values(self.evaluation)):
            note = ", the best" if self.evaluation.best else ""
            rows.append((f"at {self.evaluation.images:,} images{note}", "", ""))
            rows += [(f"  {name}", f"{value:.4g}", "") for name, value in values.items()]
        return rows


def metric_values(evaluation: Evaluation) -> dict[str, float]:
    """Return the metrics, and the diversity of the samples as a fraction of that of the data."""
    diversity = {} if evaluation.diversity is None else {"diversity": evaluation.diversity}
    return {**evaluation.values, **diversity}


def can_show_images(console: Console) -> bool:
    """Return whether a terminal has the characters and colours that half blocks need."""
    colours = console.color_system in ("256", "truecolor") and not console.no_color
    return colours and not console.options.ascii_only


Pixel = tuple[int, int, int] | None
"""Red, green and blue; None is transparent."""


def half_blocks(pixels: Pixels) -> list[list[Segment]]:
    """Render an image as lines of half blocks.

    The upper half block has a foreground and a background colour, so each cell of text shows two pixels. Pixels that
    are less than half opaque show the background of the terminal.

    Args:
        pixels: (H, W, 4) uint8.

    Returns:
        ceil(H / 2) lines of W cells, with neighbouring equal cells merged.
    """
    rows: list[list[Pixel]] = [
        [(red, green, blue) if alpha >= 128 else None for red, green, blue, alpha in row.tolist()] for row in pixels
    ]
    if len(rows) % 2:
        rows.append([None] * pixels.shape[1])
    return [list(_merge_cells(zip(*rows[top : top + 2], strict=True))) for top in range(0, len(rows), 2)]


MAX_EXAMPLE_COLUMNS = 4
"""In grids with at most this number of columns, one row is one example, such as an image and its translation."""


class Thumbnail:
    """Reduced preview of a run.

    Of a grid, it shows as many images as fit: each at its own size if at least two by two of them fit (or one row, if
    one row is one example), otherwise reduced until they do. Other figures are shown completely.

    Args:
        path: PNG file.
    """

    def __init__(self, path: Path) -> None:
        with Image.open(path) as image:
            self._image = image.convert("RGBA")
            metadata = json.loads(image.info.get(METADATA_KEY, "{}"))
        self._columns: int = metadata.get("columns", 1)
        height, width = metadata.get("resolution", (self._image.height, self._image.width))
        self._resolution = (height, width)
        self._gap = GAP if "columns" in metadata else 0
        self._tile_width = (self._image.width - self._gap) // self._columns - self._gap
        self._tile_height = self._tile_width * height // width
        self._rows = (self._image.height - self._gap) // (self._tile_height + self._gap)

    def fit(self, height: int, width: int) -> Pixels:
        """Return at most (height, width, 4) pixels, with one transparent pixel between images."""
        min_rows, min_columns = (1, self._columns) if self._columns <= MAX_EXAMPLE_COLUMNS else (min(2, self._rows), 2)
        scale = min(
            1.0,
            (height + 1 - min_rows) / (min_rows * self._resolution[0]),
            (width + 1 - min_columns) / (min_columns * self._resolution[1]),
        )
        down, across = (max(1, int(side * scale)) for side in self._resolution)
        rows, columns = min(self._rows, (height + 1) // (down + 1)), min(self._columns, (width + 1) // (across + 1))
        canvas = np.zeros((rows * (down + 1) - 1, columns * (across + 1) - 1, 4), dtype=np.uint8)
        for row in range(rows):
            for column in range(columns):
                top, left = row * (down + 1), column * (across + 1)
                canvas[top : top + down, left : left + across] = self._tile(row, column, (across, down))
        return canvas

    def _tile(self, row: int, column: int, size: tuple[int, int]) -> Pixels:
        left = self._gap + column * (self._tile_width + self._gap)
        top = self._gap + row * (self._tile_height + self._gap)
        box = (left, top, left + self._tile_width, top + self._tile_height)
        # Box filter: it restores the pixels of an image that the grid has enlarged.
        return np.asarray(self._image.resize(size, Image.Resampling.BOX, box=box))


def _table(rows: list[tuple[str, str, str]], lines: int, overflow: OverflowMethod) -> Table:
    """Return a table of the rows, cut to a number of lines."""
    shown = rows if len(rows) <= lines else [*rows[: max(0, lines - 1)], ("...", "", "")]
    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, overflow=overflow)
    for _ in range(2):
        table.add_column(no_wrap=True, overflow=overflow, justify="right")
    for row in shown:
        style = "" if row[0].startswith(" ") else "dim" if row[1] else "bold"
        table.add_row(*(Text(cell) for cell in row), style=style)
    return table


def _merge_cells(cells: Iterator[tuple[Pixel, ...]]) -> Iterator[Segment]:
    for (top, bottom), group in groupby(cells):
        count = sum(1 for _ in group)
        if top == bottom:
            yield Segment(" " * count, _style(None, bottom))
        elif top is None:
            yield Segment("▄" * count, _style(bottom, None))
        else:
            yield Segment("▀" * count, _style(top, bottom))


def _style(front: Pixel, back: Pixel) -> Style:
    return Style.from_color(front and Color.from_rgb(*front), back and Color.from_rgb(*back))
