"""Pictures that remember how they were made."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gancli.io.files import disk_errors, write_atomically

if TYPE_CHECKING:
    from torch import Tensor


METADATA_KEY = "gancli"
"""The PNG text chunk that holds, as JSON, what made a picture."""

Pixels = npt.NDArray[np.uint8]

GAP = 2
"""Pixels between the images of a sheet."""

SMALLEST = 48
"""The shorter side of an image that is large enough for a person to see; smaller ones are magnified."""


def to_pixels(images: Tensor) -> Pixels:
    """Images (N, C, H, W) in [-1, 1] as bytes (N, H, W, C); values outside are clipped, NaN is black."""
    scaled = images.detach().float().nan_to_num(-1.0).add(1).mul(127.5).round().clamp(0, 255)
    return scaled.byte().permute(0, 2, 3, 1).cpu().numpy()


def magnified(pixels: Pixels, *, smallest: int = SMALLEST) -> Pixels:
    """Images (N, H, W, C), each pixel a square of as many as it takes for the shorter side to have `smallest`."""
    factor = max(1, math.ceil(smallest / min(pixels.shape[1:3])))
    return pixels.repeat(factor, axis=1).repeat(factor, axis=2)


def sheet(pixels: Pixels, *, columns: int | None = None, smallest: int = SMALLEST, gap: int = GAP) -> Pixels:
    """Lays images (N, H, W, C) out as one picture (height, width, C) on white.

    Args:
        columns: how many side by side; as square as possible where left out.
        smallest: images with a shorter side than this are magnified by a whole number, so that a person sees them.
        gap: pixels between images.
    """
    pixels = magnified(pixels, smallest=smallest)
    count, height, width, channels = pixels.shape
    columns = min(count, columns or math.ceil(math.sqrt(count)))
    rows = math.ceil(count / columns)
    canvas = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, dtype=np.uint8)
    for index, image in enumerate(pixels):
        top = gap + index // columns * (height + gap)
        left = gap + index % columns * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def write_png(path: Path, pixels: Pixels, *, metadata: Mapping[str, Any]) -> None:
    """Writes one picture (H, W, C) with 1, 3 or 4 channels; the same pixels and metadata give the same bytes.

    Raises:
        DiskError: the disk refuses.
    """
    content = encode_png(pixels, metadata=metadata)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)


def encode_png(pixels: Pixels, *, metadata: Mapping[str, Any]) -> bytes:
    """The bytes of such a file."""
    from PIL import Image, PngImagePlugin

    chunks = PngImagePlugin.PngInfo()
    chunks.add_text(METADATA_KEY, json.dumps(metadata))
    buffer = io.BytesIO()
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image.save(buffer, format="PNG", pnginfo=chunks)
    return buffer.getvalue()
