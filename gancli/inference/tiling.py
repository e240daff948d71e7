"""Images of any size through networks that take some sizes only: padded and cut back, or in overlapping tiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import torch
from torch import Tensor

Apply = Callable[[Tensor], Tensor]
"""(N, C, H, W) to (N, C', H, W)."""

OVERLAP = 4
"""Neighbouring tiles share one part in so many of a tile's side."""


def padded(apply: Apply, image: Tensor, multiple: int) -> Tensor:
    """`apply` to images (N, C, H, W) whose sides are brought up to multiples by reflection at the right and the bottom;
    what was added is cut off again.
    """
    height, width = image.shape[2:]
    rows, columns = (_reflected(side, math.ceil(side / multiple) * multiple) for side in (height, width))
    whole = image[:, :, rows.to(image.device)][:, :, :, columns.to(image.device)]
    return apply(whole)[:, :, :height, :width]


def tiled(apply: Apply, image: Tensor, multiple: int, tile: int) -> Tensor:
    """The same, tile by tile: for images that do not fit into memory whole, or are much larger than those of training.

    Each pixel is a weighted mean over the tiles that it lies in. A tile weighs nothing at its border and the more the
    farther from it, so that one passes into the next without a seam.

    Args:
        apply: as for `padded`.
        image: (N, C, H, W).
        multiple: of the sides that `apply` takes.
        tile: side of a tile, brought up to a multiple; a smaller side of an image is padded.
    """
    tile = math.ceil(tile / multiple) * multiple
    height, width = image.shape[2:]
    if max(height, width) <= tile:
        return padded(apply, image, multiple)
    total, weights = None, image.new_zeros(1, 1, height, width)
    shared = tile // OVERLAP
    for (top, bottom), (left, right) in product(_spans(height, tile, shared), _spans(width, tile, shared)):
        part = padded(apply, image[:, :, top:bottom, left:right], multiple)
        weight = _ramp(bottom - top).view(-1, 1) * _ramp(right - left)
        weight = weight.to(part)
        if total is None:
            total = part.new_zeros(*part.shape[:2], height, width)
        total[:, :, top:bottom, left:right] += weight * part
        weights[:, :, top:bottom, left:right] += weight
    assert total is not None
    return total / weights


@dataclass(frozen=True)
class Cut:
    """One tile of an image: what a network is shown, and the part in its middle whose result is kept.

    Args:
        rows: shown, as slices of the image.
        columns: shown.
        kept_rows: of them, by their place in the image; the kept parts of all tiles cover it once.
        kept_columns: of them.
    """

    rows: slice
    columns: slice
    kept_rows: slice
    kept_columns: slice

    def within(self, scale: int) -> tuple[slice, slice]:
        """The rows and columns to keep, counted within the result, which is `scale` times as large as the tile."""
        return _scaled(self.kept_rows, self.rows.start, scale), _scaled(self.kept_columns, self.columns.start, scale)

    def placed(self, scale: int) -> tuple[slice, slice]:
        """The rows and columns that they become of the whole image's result."""
        return _scaled(self.kept_rows, 0, scale), _scaled(self.kept_columns, 0, scale)


def cuts(height: int, width: int, *, tile: int, margin: int) -> Iterator[Cut]:
    """Tiles whose margins are thrown away, row by row: no seam, where a network sees no farther than the margin.

    Args:
        height: of the image.
        width: of the image.
        tile: side of what is shown, margins included; all are equal, but for those of an image that is smaller.
        margin: pixels to throw away at least on every side but the image's own border; twice that is less than `tile`.
    """
    down, across = (list(_kept(list(_spans(side, tile, 2 * margin)))) for side in (height, width))
    for (rows, kept_rows), (columns, kept_columns) in product(down, across):
        yield Cut(rows, columns, kept_rows, kept_columns)


def _kept(spans: list[tuple[int, int]]) -> Iterator[tuple[slice, slice]]:
    """Every span with its kept part, which ends in the middle of what it shares with the next."""
    borders = [0, *((end + start) // 2 for (_, end), (start, _) in pairwise(spans)), spans[-1][1]]
    for (start, end), (first, last) in zip(spans, pairwise(borders), strict=True):
        yield slice(start, end), slice(first, last)


def _scaled(part: slice, origin: int, scale: int) -> slice:
    return slice((part.start - origin) * scale, (part.stop - origin) * scale)


def _spans(side: int, tile: int, shared: int) -> Iterator[tuple[int, int]]:
    """Where tiles begin and end along a side: evenly spread, the first at its beginning and the last at its end.

    Neighbours share at least so many pixels.
    """
    if side <= tile:
        yield 0, side
        return
    step = tile - shared
    count = math.ceil((side - tile) / step) + 1
    for index in range(count):
        start = round(index * (side - tile) / (count - 1))
        yield start, start + tile


def _ramp(side: int) -> Tensor:
    """Rises evenly from the border over the part that tiles share, and is 1 in between."""
    shared = max(1, side // OVERLAP)
    distance = torch.minimum(torch.arange(side), torch.arange(side).flip(0)) + 0.5
    return (distance / shared).clamp(max=1.0)


def _reflected(side: int, wanted: int) -> Tensor:
    """Which pixels of a side stand at 0 to `wanted` - 1 if it is reflected at its ends as often as it takes."""
    if side == 1:
        return torch.zeros(wanted, dtype=torch.long)
    place = torch.arange(wanted) % (2 * (side - 1))
    return torch.minimum(place, 2 * (side - 1) - place)
