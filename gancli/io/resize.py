"""Bringing images to one size: a centre crop to its shape, or a stretch, then antialiased bicubic resampling.

Single images go through Pillow. Stacks of equal images go through two matrix products with Pillow's own filter weights,
which take 60,000 digits in a second. The two agree to one grey level where both sides scale alike; elsewhere newer
versions of Pillow may exchange the two passes, between which values are clipped.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from gancli.io.types import Bytes

Size = tuple[int, int]
"""(height, width) in pixels."""

Fit = Literal["crop", "stretch"]

_BLOCK = 1 << 24  # numbers that a block of a stack holds: 64 MB of float32


def as_size(resolution: int | Size | None) -> Size | None:
    """A recipe's resolution as (height, width)."""
    return (resolution, resolution) if isinstance(resolution, int) else resolution


def crop_box(size: Size, target: Size, fit: Fit) -> tuple[float, float, float, float]:
    """The part of an image of `size` that becomes `target`, as (left, top, right, bottom), not rounded."""
    (height, width), (to_height, to_width) = size, target
    if fit == "stretch":
        return 0.0, 0.0, float(width), float(height)
    scale = max(to_height / height, to_width / width)
    box_height, box_width = min(to_height / scale, height), min(to_width / scale, width)
    left, top = (width - box_width) / 2, (height - box_height) / 2
    return left, top, left + box_width, top + box_height


def resize_image(image: Image.Image, target: Size, fit: Fit) -> Image.Image:
    """An L, LA, RGB or RGBA image at `target`. Colours under transparent pixels do not bleed."""
    if (image.height, image.width) == target:
        return image
    box = crop_box((image.height, image.width), target, fit)
    return image.resize((target[1], target[0]), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)


def resize_stack(images: Bytes, target: Size, fit: Fit) -> Bytes:
    """Images (N, C, H, W) at `target`, each channel by itself."""
    count, channels, height, width = images.shape
    if (height, width) == target:
        return images
    left, top, right, bottom = crop_box((height, width), target, fit)
    down = _weights(height, target[0], top, bottom)
    across = _weights(width, target[1], left, right).T
    result = np.empty((count, channels, *target), dtype=np.uint8)
    step = max(1, _BLOCK // (channels * max(height, target[0]) * max(width, target[1])))
    for start in range(0, count, step):
        wide = _to_levels(images[start : start + step].astype(np.float32) @ across)
        result[start : start + step] = _to_levels(down @ wide)
    return result


def _to_levels(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rounded and clipped after each direction, as Pillow does, for the filter overshoots at edges."""
    return np.clip(np.rint(values, out=values), 0, 255, out=values)


def _weights(size: int, target: int, start: float, end: float) -> npt.NDArray[np.float32]:
    """The (target, size) matrix of Pillow's filter along one axis, read off the columns of an identity."""
    identity = Image.fromarray(np.eye(size, dtype=np.float32))
    box = (0.0, start, float(size), end)
    return np.asarray(identity.resize((size, target), Image.Resampling.BICUBIC, box=box), dtype=np.float32)
