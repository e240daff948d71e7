"""A preview, cut and reduced to the few pixels that a terminal has."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from gancli.pictures import GAP, METADATA_KEY, Pixels

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
