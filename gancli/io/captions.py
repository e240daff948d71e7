"""Words and signs in pictures. A tile is one picture (H, W, C); what is around it is white."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from gancli.io.images import Pixels, magnified, sheet

SIZE = 13
"""The height of captions, in pixels."""

MARGIN = 4


def written(words: str, *, channels: int, size: int = SIZE) -> Pixels:
    """A tile with words in black, as wide as they are; the height depends on the size alone.

    The font knows ASCII only: letters lose their accents, and what is left is a question mark.
    """
    from PIL import Image, ImageDraw, ImageFont

    bare = "".join(letter for letter in unicodedata.normalize("NFKD", words) if not unicodedata.combining(letter))
    words = bare.encode("ascii", "replace").decode()
    font = ImageFont.load_default(size)
    left, _, right, bottom = font.getbbox(words)
    # The height of high and deep letters, so that words beside each other stand on one line.
    height = max(bottom, font.getbbox("Tgj")[3])
    image = Image.new("L", (max(1, round(right - left)), round(height)), 255)
    ImageDraw.Draw(image).text((-left, 0), words, fill=0, font=font)
    ink = np.asarray(image, dtype=np.uint8)[:, :, None].repeat(channels, axis=2)
    if channels == 4:
        ink[:, :, 3] = 255
    return ink


def captioned(pixels: Pixels, captions: Sequence[str], *, smallest: int = 48) -> Pixels:
    """Images (N, H, W, C) as tiles (N, height, width, C), each with its caption below; small ones are magnified.

    The image is at the top, in the middle of its tile: its first row of pixels is the tile's.
    """
    pixels = magnified(pixels, smallest=smallest)
    below = [written(caption, channels=pixels.shape[3]) for caption in captions]
    width = max(pixels.shape[2], *(tile.shape[1] for tile in below))
    return np.stack([above([image, tile], width=width) for image, tile in zip(pixels, below, strict=True)])


def captioned_sheet(
    pixels: Pixels, captions: Sequence[str], *, columns: int | None = None, rows: Sequence[str] = ()
) -> Pixels:
    """A sheet of images (N, H, W, C) with a caption below each, and names on the left of its rows.

    Args:
        columns: how many images side by side; as square as possible where left out.
        rows: the names of the first rows; the others have none.
    """
    tiles = captioned(pixels, captions)
    page = sheet(tiles, columns=columns, smallest=1, gap=MARGIN)
    if not rows:
        return page
    names = [written(name, channels=page.shape[2]) for name in rows]
    left = blank(page.shape[0], 2 * MARGIN + max(name.shape[1] for name in names), page.shape[2])
    below = names[0].shape[0]
    for row, name in enumerate(names):
        middle = MARGIN + row * (tiles.shape[1] + MARGIN) + (tiles.shape[1] - below) // 2
        top, start = middle - name.shape[0] // 2, left.shape[1] - MARGIN - name.shape[1]
        left[top : top + name.shape[0], start : start + name.shape[1]] = name
    return np.concatenate([left, page], axis=1)


def above(tiles: Sequence[Pixels], *, width: int | None = None) -> Pixels:
    """Tiles one above the other, in the middle of a column of `width`, or as wide as the widest."""
    width = width or max(tile.shape[1] for tile in tiles)
    return np.concatenate([_in_the_middle(tile, width) for tile in tiles])


def beside(tiles: Sequence[Pixels]) -> Pixels:
    """Tiles beside each other, all standing on the bottom of the row."""
    height = max(tile.shape[0] for tile in tiles)
    raised = [np.concatenate([blank(height - tile.shape[0], *tile.shape[1:]), tile]) for tile in tiles]
    return np.concatenate(raised, axis=1)


def blank(height: int, width: int, channels: int) -> Pixels:
    """A white tile."""
    return np.full((height, width, channels), 255, dtype=np.uint8)


def _in_the_middle(tile: Pixels, width: int) -> Pixels:
    height, narrow, channels = tile.shape
    left = (width - narrow) // 2
    return np.concatenate([blank(height, left, channels), tile, blank(height, width - narrow - left, channels)], axis=1)
