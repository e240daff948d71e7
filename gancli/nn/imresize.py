"""Bicubic resizing like MATLAB's `imresize`, the standard of the super-resolution literature.

The kernel is that of Keys 1981 with a = -1/2. For downscaling, the kernel is widened by the scale factor, which
prevents aliasing. The weights of each output pixel sum to one. `torch.nn.functional.interpolate` differs: its kernel
has a = -3/4 without antialiasing, and with antialiasing the kernel is truncated at the border.

The low-resolution images of Set5 that papers use were made with the outermost pixel repeated beyond the border, which
is the default here. Later versions of MATLAB mirror the image. `degrade` produces the same bytes as those files.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gancli.io.images import normalize, quantize

Border = Literal["repeat", "mirror"]
"""Extension of the image beyond its border: repeat the outermost pixel, or mirror the image including that pixel."""

_BLOCK = 128
"""Approximate number of output pixels per matrix. In a matrix for a whole side, nearly all weights would be zero."""


def imresize(
    images: Tensor,
    *,
    scale: float | Fraction | None = None,
    size: tuple[int, int] | None = None,
    border: Border = "repeat",
) -> Tensor:
    """Resize images, each channel separately; differentiable, and at least in float32 even under autocast.

    The output can exceed the value range of the input, because the kernel overshoots at edges.

    Args:
        images: (N, C, H, W), floating-point numbers of any range.
        scale: scale factor of both sides; output sides are rounded up, and a float is replaced by the nearest fraction.
        size: (height, width) of the output, instead of a scale factor; each side then has its own scale factor.
        border: extension of the image beyond its border.

    Returns:
        (N, C, height, width).

    Raises:
        ValueError: neither or both of scale and size are given, or the output has no pixel.
    """
    for direction in _directions(images, scale, size, border):
        images = _resize(images, direction)
    return images


def degrade(images: Tensor, scale: int) -> Tensor:
    """Return the low-resolution images that MATLAB computes from 8-bit images, with 8 bits.

    Values are rounded to 256 levels before and after resizing each direction, rows first, with halves rounded up.

    Args:
        images: (N, C, H, W) in [-1, 1].
        scale: downscaling factor; divides H and W.

    Returns:
        (N, C, H / scale, W / scale) in [-1, 1], on 256 levels.

    Raises:
        ValueError: a side is not a multiple of the scale.
    """
    if any(side % scale for side in images.shape[2:]):
        raise ValueError(f"images of {images.shape[2]}x{images.shape[3]} have a side that is not a multiple of {scale}")
    levels = quantize(images.detach().float())
    for direction in _directions(levels, Fraction(1, scale), None, "repeat"):
        levels = _resize(levels, direction).add_(0.5).floor_().clamp_(0, 255)
    return normalize(levels)


class _Direction(NamedTuple):
    """Resizing of one side: the height (axis 2) or the width (axis 3)."""

    axis: int
    side: int
    size: int
    scale: Fraction
    border: Border


def _directions(
    images: Tensor, scale: float | Fraction | None, size: tuple[int, int] | None, border: Border
) -> list[_Direction]:
    """Return both directions, the one with the smaller scale first, or the height if they are equal, as in MATLAB."""
    sides = images.shape[2], images.shape[3]
    if scale is not None and size is None:
        exact = Fraction(scale).limit_denominator(4096)
        scales = exact, exact
        size = math.ceil(sides[0] * exact), math.ceil(sides[1] * exact)
    elif size is not None and scale is None:
        scales = Fraction(size[0], sides[0]), Fraction(size[1], sides[1])
    else:
        raise ValueError("imresize needs either a scale or a size; give one of them")
    if min(size) < 1:
        raise ValueError(f"imresize cannot produce images of {size[0]}x{size[1]}; the smallest size is 1x1")
    both = (_Direction(2 + side, sides[side], size[side], scales[side], border) for side in (0, 1))
    return sorted(both, key=lambda direction: direction.scale)


class _Block(NamedTuple):
    """Adjacent output pixels: their weights (pixels, end - start) for the input pixels from `start` to `end`."""

    start: int
    end: int
    weights: Tensor


def _resize(images: Tensor, direction: _Direction) -> Tensor:
    """Resize one side."""
    if direction.scale == 1:
        return images
    images = images if images.dtype in (torch.float32, torch.float64) else images.float()
    # Fake tensors, which are used to count operations, give fake weights, which must not be cached.
    blocks = _cached_blocks if type(images) is Tensor else _blocks
    parts = []
    with torch.autocast(images.device.type, enabled=False):
        for start, end, weights in blocks(direction, images.device, images.dtype):
            part = images.narrow(direction.axis, start, end - start)
            parts.append(weights @ part if direction.axis == 2 else part @ weights.T)
    return parts[0] if len(parts) == 1 else torch.cat(parts, direction.axis)


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # the cached tensors are also used in training
def _cached_blocks(direction: _Direction, device: torch.device, dtype: torch.dtype) -> list[_Block]:
    return _blocks(direction, device, dtype)


def _blocks(direction: _Direction, device: torch.device, dtype: torch.dtype) -> list[_Block]:
    places, weights = _taps(direction)
    blocks = []
    step = math.ceil(_BLOCK * direction.scale)
    for first in range(0, direction.size, step):
        taps = places[first : first + step]
        start, end = int(taps.min()), int(taps.max()) + 1
        matrix = np.zeros((len(taps), end - start))
        np.add.at(matrix, (np.arange(len(taps))[:, None], taps - start), weights[first : first + step])
        blocks.append(_Block(start, end, torch.from_numpy(matrix).to(dtype).to(device)))
    return blocks


def _taps(direction: _Direction) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the input pixels (size, taps) whose weighted sum is each output pixel, and their weights."""
    scale = float(direction.scale)
    widening = min(scale, 1.0)
    width = 4 / widening
    # Pixels are intervals of length one with centres at halves, so input and output cover the same interval.
    centres = (np.arange(direction.size) + 0.5) / scale - 0.5
    first = np.ceil(centres - width / 2).astype(np.int64)
    places = first[:, None] + np.arange(math.floor(width) + 1)
    weights = _cubic((centres[:, None] - places) * widening)
    return _inside(places, direction), weights / weights.sum(1, keepdims=True)


def _inside(places: NDArray[np.int64], direction: _Direction) -> NDArray[np.int64]:
    """Replace positions beyond the border by those of the pixels that extend the image there."""
    if direction.border == "repeat":
        return places.clip(0, direction.side - 1)
    position = places % (2 * direction.side)
    return np.minimum(position, 2 * direction.side - 1 - position)


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the kernel of Keys 1981 with a = -1/2."""
    x = np.abs(distance)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
