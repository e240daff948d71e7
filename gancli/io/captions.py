"""Captions and symbols in images. A tile is one image (H, W, C) on a white background."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from gancli.io.images import Pixels, magnify, make_grid

SIZE = 13
"""Font size of captions, in pixels."""

MARGIN = 4


def render_text(text: str, *, channels: int, size: int = SIZE) -> Pixels:
    """Render black text as a tile of the width of the text; the height depends on the font size alone.

    The font has ASCII characters only: accents are removed, and other characters become question marks.
    """
    from PIL import Image, ImageDraw, ImageFont

    bare = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    text = bare.encode("ascii", "replace").decode()
    font = ImageFont.load_default(size)
    left, _, right, bottom = font.getbbox(text)
    # Include ascenders and descenders, so that texts side by side share a baseline.
    height = max(bottom, font.getbbox("Tgj")[3])
    image = Image.new("L", (max(1, round(right - left)), round(height)), 255)
    ImageDraw.Draw(image).text((-left, 0), text, fill=0, font=font)
    tile = np.asarray(image, dtype=np.uint8)[:, :, None].repeat(channels, axis=2)
    if channels == 4:
        tile[:, :, 3] = 255
    return tile


def add_captions(pixels: Pixels, captions: Sequence[str], *, min_side: int = 48) -> Pixels:
    """Return images (N, H, W, C) as tiles (N, height, width, C) with a caption below each; small images are magnified.

    Each image is at the top of its tile, centred horizontally.
    """
    pixels = magnify(pixels, min_side=min_side)
    texts = [render_text(caption, channels=pixels.shape[3]) for caption in captions]
    width = max(pixels.shape[2], *(tile.shape[1] for tile in texts))
    return np.stack([stack_vertically([image, tile], width=width) for image, tile in zip(pixels, texts, strict=True)])


def captioned_grid(
    pixels: Pixels, captions: Sequence[str], *, columns: int | None = None, rows: Sequence[str] = ()
) -> Pixels:
    """Return a grid of images (N, H, W, C) with a caption below each image and names to the left of the rows.

    Args:
        pixels: images.
        captions: caption of each image.
        columns: images per row (default: the grid is as square as possible).
        rows: names of the first rows; the remaining rows have none.
    """
    tiles = add_captions(pixels, captions)
    grid = make_grid(tiles, columns=columns, min_side=1, gap=MARGIN)
    if not rows:
        return grid
    names = [render_text(name, channels=grid.shape[2]) for name in rows]
    left = blank_tile(grid.shape[0], 2 * MARGIN + max(name.shape[1] for name in names), grid.shape[2])
    caption_height = names[0].shape[0]
    for row, name in enumerate(names):
        middle = MARGIN + row * (tiles.shape[1] + MARGIN) + (tiles.shape[1] - caption_height) // 2
        top, start = middle - name.shape[0] // 2, left.shape[1] - MARGIN - name.shape[1]
        left[top : top + name.shape[0], start : start + name.shape[1]] = name
    return np.concatenate([left, grid], axis=1)


def stack_vertically(tiles: Sequence[Pixels], *, width: int | None = None) -> Pixels:
    """Stack tiles in a column of `width` (default: of the widest tile), each centred horizontally."""
    width = width or max(tile.shape[1] for tile in tiles)
    return np.concatenate([_centre(tile, width) for tile in tiles])


def stack_horizontally(tiles: Sequence[Pixels]) -> Pixels:
    """Stack tiles in a row, aligned at the bottom."""
    height = max(tile.shape[0] for tile in tiles)
    padded = [np.concatenate([blank_tile(height - tile.shape[0], *tile.shape[1:]), tile]) for tile in tiles]
    return np.concatenate(padded, axis=1)


def blank_tile(height: int, width: int, channels: int) -> Pixels:
    """Return a white tile."""
    return np.full((height, width, channels), 255, dtype=np.uint8)


def _centre(tile: Pixels, width: int) -> Pixels:
    height, tile_width, channels = tile.shape
    left = (width - tile_width) // 2
    right = blank_tile(height, width - tile_width - left, channels)
    return np.concatenate([blank_tile(height, left, channels), tile, right], axis=1)
