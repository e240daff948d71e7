"""Images of any size through networks that accept certain sizes only: padding, blended tiles, tiles with margins."""

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
"""Neighbouring tiles share 1/OVERLAP of a tile's side."""


def apply_padded(
    apply: Apply, image: Tensor, multiple: int, *, enough: tuple[int, int] = (1, 1), scale: int = 1
) -> Tensor:
    """Apply a network to images (N, C, H, W), padded by reflection at the right and the bottom; crop the output.

    Reflection repeats where the padding is larger than the image. If the network raises an error, as for an image that
    is too small for its convolutions or for the statistics of a channel, sides below `enough` are doubled until it does
    not.

    Args:
        apply: network.
        image: (N, C, H, W).
        multiple: the sides are padded to multiples of this.
        enough: (height, width) that the network accepts, such as those of its training images.
        scale: the output is this many times as large as the input.
    """
    height, width = image.shape[2:]
    sides = [math.ceil(side / multiple) * multiple for side in (height, width)]
    limits = [math.ceil(side / multiple) * multiple for side in enough]
    while True:
        rows, columns = (
            _reflected_indices(*pair).to(image.device) for pair in zip((height, width), sides, strict=True)
        )
        try:
            return apply(image[:, :, rows][:, :, :, columns])[:, :, : height * scale, : width * scale]
        except (RuntimeError, ValueError):
            larger = [max(side, min(2 * side, limit)) for side, limit in zip(sides, limits, strict=True)]
            if larger == sides:
                raise
            sides = larger


def apply_tiled(apply: Apply, image: Tensor, multiple: int, tile: int, *, enough: tuple[int, int] = (1, 1)) -> Tensor:
    """Apply a network to overlapping tiles and blend the outputs, for images that do not fit into memory.

    Each pixel is a weighted mean over the tiles that contain it. Weights rise from the border of a tile inwards, which
    avoids seams.

    Args:
        apply: network.
        image: (N, C, H, W).
        multiple: sides of the input of `apply` are multiples of this.
        tile: side of a tile, rounded up to a multiple; images with smaller sides are padded.
        enough: as for `apply_padded`.
    """
    tile = math.ceil(tile / multiple) * multiple
    height, width = image.shape[2:]
    if max(height, width) <= tile:
        return apply_padded(apply, image, multiple, enough=enough)
    total, weights = None, image.new_zeros(1, 1, height, width)
    overlap = tile // OVERLAP
    for (top, bottom), (left, right) in product(_spans(height, tile, overlap), _spans(width, tile, overlap)):
        part = apply_padded(apply, image[:, :, top:bottom, left:right], multiple, enough=enough)
        weight = _ramp(bottom - top).view(-1, 1) * _ramp(right - left)
        weight = weight.to(part)
        if total is None:
            total = part.new_zeros(*part.shape[:2], height, width)
        total[:, :, top:bottom, left:right] += weight * part
        weights[:, :, top:bottom, left:right] += weight
    assert total is not None
    return total / weights


@dataclass(frozen=True)
class Tile:
    """A tile of an image, and its central part whose output is kept.

    Args:
        rows: rows of the tile, as a slice of the image.
        columns: columns of the tile.
        kept_rows: rows of the kept part, as a slice of the image; the kept parts of all tiles cover the image once.
        kept_columns: columns of the kept part.
    """

    rows: slice
    columns: slice
    kept_rows: slice
    kept_columns: slice

    def kept_output(self, scale: int) -> tuple[slice, slice]:
        """Return the kept rows and columns within the tile's output, which is `scale` times as large as the tile."""
        return _scale(self.kept_rows, self.rows.start, scale), _scale(self.kept_columns, self.columns.start, scale)

    def destination(self, scale: int) -> tuple[slice, slice]:
        """Return the rows and columns of the kept part within the output of the whole image."""
        return _scale(self.kept_rows, 0, scale), _scale(self.kept_columns, 0, scale)


def split_into_tiles(height: int, width: int, *, tile: int, margin: int) -> Iterator[Tile]:
    """Yield tiles row by row. There are no seams if the network's receptive field does not exceed the margin.

    Args:
        height: height of the image.
        width: width of the image.
        tile: side of a tile including its margins; smaller images have smaller tiles.
        margin: minimum margin to discard on each side, except at the image border; less than half of `tile`.
    """
    vertical, horizontal = (list(_kept(list(_spans(side, tile, 2 * margin)))) for side in (height, width))
    for (rows, kept_rows), (columns, kept_columns) in product(vertical, horizontal):
        yield Tile(rows, columns, kept_rows, kept_columns)


def _kept(spans: list[tuple[int, int]]) -> Iterator[tuple[slice, slice]]:
    """Yield each span with its kept part, which ends in the middle of the overlap with the next span."""
    borders = [0, *((end + start) // 2 for (_, end), (start, _) in pairwise(spans)), spans[-1][1]]
    for (start, end), (first, last) in zip(spans, pairwise(borders), strict=True):
        yield slice(start, end), slice(first, last)


def _scale(part: slice, origin: int, scale: int) -> slice:
    return slice((part.start - origin) * scale, (part.stop - origin) * scale)


def _spans(side: int, tile: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of evenly spaced tiles that cover a side; neighbours share at least `overlap` pixels."""
    if side <= tile:
        yield 0, side
        return
    step = tile - overlap
    count = math.ceil((side - tile) / step) + 1
    for index in range(count):
        start = round(index * (side - tile) / (count - 1))
        yield start, start + tile


def _ramp(side: int) -> Tensor:
    """Return weights that rise linearly over the overlap at both ends, and are 1 in between."""
    overlap = max(1, side // OVERLAP)
    distance = torch.minimum(torch.arange(side), torch.arange(side).flip(0)) + 0.5
    return (distance / overlap).clamp(max=1.0)


def _reflected_indices(side: int, padded_side: int) -> Tensor:
    """Return the source pixel of each of `padded_side` pixels, for repeated reflection at the ends."""
    if side == 1:
        return torch.zeros(padded_side, dtype=torch.long)
    index = torch.arange(padded_side) % (2 * (side - 1))
    return torch.minimum(index, 2 * (side - 1) - index)
