"""Pictures small enough for a page that holds them all."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gancli.report.document import data_uri

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from gancli.pictures import Pixels

QUALITIES = (90, 75, 50)
"""Of WebP, tried in this order where a PNG is too large; then the picture is halved."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A picture in a page.

    Args:
        uri: its address, which holds it.
        width, height: in pixels.
        exact: whether it is the picture to the last bit.
    """

    uri: str
    width: int
    height: int
    exact: bool


def encoded(pixels: Pixels, *, most: int) -> Encoded:
    """A picture (H, W, C) with 1, 3 or 4 channels, in at most so many bytes."""
    from PIL.Image import fromarray

    image = fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
    return _encoded(image, most)


def encoded_file(path: Path, *, most: int) -> Encoded:
    """A picture of the run, as it is where it is small enough.

    Raises:
        OSError: it cannot be read.
    """
    from PIL.Image import DecompressionBombError, open

    content = path.read_bytes()
    try:
        with open(io.BytesIO(content), formats=["PNG"]) as image:
            image.load()
            if len(content) <= most:
                return Encoded(uri=data_uri(content, "image/png"), width=image.width, height=image.height, exact=True)
            return _encoded(image, most)
    except (SyntaxError, ValueError, DecompressionBombError) as error:  # what Pillow says of damaged files besides
        raise OSError(f"{path} cannot be read: {error}") from None


def _encoded(image: Image, most: int) -> Encoded:
    content, kind = _saved(image, "PNG"), "image/png"
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGBA")
    exact = len(content) <= most
    while len(content) > most and min(image.size) > 1:
        for quality in QUALITIES:
            content, kind = _saved(image, "WEBP", quality=quality), "image/webp"
            if len(content) <= most:
                break
        else:
            image = image.reduce(2)
    return Encoded(uri=data_uri(content, kind), width=image.width, height=image.height, exact=exact)


def _saved(image: Image, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()
