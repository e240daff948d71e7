"""Image arrays: value ranges, channels, grids of images, and PNG files with metadata about their origin."""

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

    from gancli.io.types import Bytes

METADATA_KEY = "gancli"
"""PNG text chunk with the origin of an image, as JSON."""

Pixels = npt.NDArray[np.uint8]

GAP = 2
"""Pixels between the images of a grid."""

MIN_SIDE = 48
"""Shorter side of an image, in pixels, below which it is magnified for display."""


def normalize(levels: Tensor) -> Tensor:
    """Return levels in 0..255, of any dtype, as float32 in [-1, 1]. The input is not changed."""
    import torch

    # Division is exact at both ends, 0 -> -1 and 255 -> 1; multiplication by the reciprocal is not.
    return levels.to(torch.float32, copy=True).div_(127.5).sub_(1)


def quantize(images: Tensor, *, largest: int = 255) -> Tensor:
    """Return images in [-1, 1] as whole numbers in 0..largest, clipped, in the same dtype; NaN stays NaN.

    Convert half precision to float32 first. Metrics that need it pass float64.
    """
    # Out of place, `round` also gives one-channel images the strides that convolutions see in images from files.
    return images.add(1).mul_(largest / 2).round().clamp_(0, largest)


def to_pixels(images: Tensor) -> Pixels:
    """Return images (N, C, H, W) in [-1, 1] as bytes (N, H, W, C); values are clipped, NaN becomes black."""
    levels = quantize(images.detach().float().nan_to_num(-1.0))
    return levels.byte().permute(0, 2, 3, 1).cpu().numpy()


def grey_to_rgb(pixels: Pixels) -> Pixels:
    """Repeat the channel of grey images (..., 1); return images with more channels unchanged."""
    return pixels.repeat(3, axis=-1) if pixels.shape[-1] == 1 else pixels


def to_rgb(images: Tensor) -> Tensor:
    """Return images (N, 1, 3 or 4, H, W) with 3 channels: grey is repeated without a copy, alpha is dropped."""
    return images[:, :3] if images.shape[1] > 1 else images.expand(-1, 3, -1, -1)


def convert_channels(images: Bytes, channels: int) -> Bytes:
    """Convert images (N, 1 or 3, H, W) to 1, 3 or 4 channels, with the results of `gancli.io.decode`.

    Grey is repeated, alpha is opaque, and RGB becomes grey by Pillow's integer formula for ITU-R 601 luma.
    """
    if images.shape[1] == channels:
        return images
    if channels == 1:
        red, green, blue = images.astype(np.uint32).swapaxes(0, 1)
        luma: Bytes = ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)
        return luma[:, None]
    count, _, height, width = images.shape
    rgb = np.broadcast_to(images, (count, 3, height, width))
    if channels == 3:
        return rgb
    return np.concatenate([rgb, np.full((count, 1, height, width), 255, np.uint8)], axis=1)


def magnify(pixels: Pixels, *, min_side: int = MIN_SIDE) -> Pixels:
    """Enlarge images (N, H, W, C) by the smallest whole number that makes the shorter side at least `min_side`."""
    factor = max(1, math.ceil(min_side / min(pixels.shape[1:3])))
    return pixels.repeat(factor, axis=1).repeat(factor, axis=2)


def make_grid(pixels: Pixels, *, columns: int | None = None, min_side: int = MIN_SIDE, gap: int = GAP) -> Pixels:
    """Arrange images (N, H, W, C) in one image (height, width, C) on white.

    Args:
        pixels: images.
        columns: images per row (default: the grid is as square as possible).
        min_side: images with a shorter side are magnified by a whole number.
        gap: pixels between images.
    """
    pixels = magnify(pixels, min_side=min_side)
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
    """Write an image (H, W, C) with 1, 3 or 4 channels; the file is a function of the pixels and the metadata.

    Raises:
        DiskError: the file cannot be written.
    """
    content = encode_png(pixels, metadata=metadata)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)


def encode_png(pixels: Pixels, *, metadata: Mapping[str, Any]) -> bytes:
    """Return the bytes of the file that `write_png` writes."""
    from PIL import Image, PngImagePlugin

    chunks = PngImagePlugin.PngInfo()
    chunks.add_text(METADATA_KEY, json.dumps(metadata))
    buffer = io.BytesIO()
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image.save(buffer, format="PNG", pnginfo=chunks)
    return buffer.getvalue()
