"""Resize images: a centre crop to the target's shape or a stretch, then antialiased bicubic resampling.

Single images are resized by Pillow. Stacks of equal size are resized by two matrix products with Pillow's own filter
weights, which takes a second for 60,000 digits. The two agree within one grey level if both sides scale alike.
Otherwise, newer versions of Pillow may swap the two passes, and values are clipped between the passes.
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

_BLOCK = 1 << 24  # numbers of a stack that are resized at once: 64 MB of float32


def as_size(resolution: int | Size | None) -> Size | None:
    """Return a recipe's resolution as (height, width)."""
    return (resolution, resolution) if isinstance(resolution, int) else resolution


def crop_box(size: Size, target: Size, fit: Fit) -> tuple[float, float, float, float]:
    """Return the part of an image of `size` that becomes `target`, as (left, top, right, bottom), not rounded."""
    (height, width), (to_height, to_width) = size, target
    if fit == "stretch":
        return 0.0, 0.0, float(width), float(height)
    scale = max(to_height / height, to_width / width)
    box_height, box_width = min(to_height / scale, height), min(to_width / scale, width)
    left, top = (width - box_width) / 2, (height - box_height) / 2
    return left, top, left + box_width, top + box_height


def resize_image(image: Image.Image, target: Size, fit: Fit) -> Image.Image:
    """Resize an L, LA, RGB or RGBA image. Colours of transparent pixels do not bleed into visible ones."""
    if (image.height, image.width) == target:
        return image
    box = crop_box((image.height, image.width), target, fit)
    return image.resize((target[1], target[0]), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)


def resize_stack(images: Bytes, target: Size, fit: Fit) -> Bytes:
    """Resize images (N, C, H, W), each channel independently."""
    count, channels, height, width = images.shape
    if (height, width) == target:
        return images
    left, top, right, bottom = crop_box((height, width), target, fit)
    row_weights = _weights(height, target[0], top, bottom)
    column_weights = _weights(width, target[1], left, right).T
    result = np.empty((count, channels, *target), dtype=np.uint8)
    step = max(1, _BLOCK // (channels * max(height, target[0]) * max(width, target[1])))
    for start in range(0, count, step):
        wide = _round_and_clip(images[start : start + step].astype(np.float32) @ column_weights)
        result[start : start + step] = _round_and_clip(row_weights @ wide)
    return result


def _round_and_clip(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Round and clip in place, as Pillow does after each pass, because the filter overshoots at edges."""
    return np.clip(np.rint(values, out=values), 0, 255, out=values)


def _weights(size: int, target: int, start: float, end: float) -> npt.NDArray[np.float32]:
    """Return Pillow's filter along one axis as a (target, size) matrix, by resizing an identity matrix."""
    identity = Image.fromarray(np.eye(size, dtype=np.float32))
    box = (0.0, start, float(size), end)
    return np.asarray(identity.resize((size, target), Image.Resampling.BICUBIC, box=box), dtype=np.float32)
