"""How a growing network grew: the same latents at every resolution, one above the other."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gancli.io.images import GAP, METADATA_KEY, SMALLEST, Pixels, sheet, write_png
from gancli.runs.run import Run

STORY = "growing.png"

LARGEST = 256
"""Images with a longer side than this are reduced in the figure."""


def record(run: Run, images: int, *, columns: int, metadata: Mapping[str, Any]) -> None:
    """Writes `growing.png`: a row for every resolution that was drawn so far, each as it was last drawn.

    It is put together from the first rows of the sheets in `samples/`, so that a resumed run goes on with the whole
    story.

    Args:
        run: whose previews to look at.
        images: training images shown; sheets of later moments, left by a run that was resumed, do not count.
        columns: of those sheets.
        metadata: of the last of them.

    Raises:
        DiskError: the disk refuses.
    """
    rows: dict[tuple[int, int], Pixels] = {}
    for path in sorted(run.samples.glob("*.png")):
        if int(path.stem) <= images and (found := _first_row(path, columns)) is not None:
            rows[found.shape[1:3]] = found
    if len(rows) > 1:
        height, width = max(rows)
        scale = min(float(math.ceil(SMALLEST / min(height, width))), LARGEST / max(height, width))
        size = round(height * scale), round(width * scale)
        cells = np.concatenate([_resized(rows[resolution], size) for resolution in sorted(rows)])
        shown = [f"{height}x{width}" for height, width in sorted(rows)]
        write_png(run.path / STORY, sheet(cells, columns=columns), metadata={**metadata, "shown": shown})


def _first_row(path: Path, columns: int) -> Pixels | None:
    """The images (columns, H, W, C) at the resolution that they were drawn in; None where the file is no such sheet."""
    try:
        with Image.open(path) as picture:
            resolution = json.loads(picture.info[METADATA_KEY])["resolution"]
            pixels = np.asarray(picture)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    side = (pixels.shape[1] - GAP) // columns - GAP  # of a magnified image, across
    down = side * resolution[0] // resolution[1]
    cells = [pixels[GAP : GAP + down, GAP + (side + GAP) * index :][:, :side] for index in range(columns)]
    step = max(1, side // resolution[1])
    return np.stack(cells)[:, ::step, ::step]


def _resized(images: Pixels, size: tuple[int, int]) -> Pixels:
    """Images (N, H, W, C) at another size, pixels kept as squares where that enlarges them."""
    larger = size[0] >= images.shape[1]
    way = Image.Resampling.NEAREST if larger else Image.Resampling.LANCZOS
    made = []
    for image in images:
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        made.append(np.asarray(picture.resize(size[::-1], way)).reshape(*size, image.shape[2]))
    return np.stack(made)
