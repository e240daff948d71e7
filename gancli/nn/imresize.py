"""Bicubic resizing as MATLAB's `imresize` does it, which the literature of super-resolution degrades and compares by.

The kernel is that of Keys 1981 with a = -1/2. Where an image shrinks, the kernel is widened by the same factor, so that
nothing aliases; and the weights of each pixel add up to one. `torch.nn.functional.interpolate` differs: its kernel has
a = -3/4 unless it is antialiased, and then its border is cut off.

Set5's small images, as papers share them, were made with the outermost pixel repeated beyond the border, as is the
default here; later versions of MATLAB mirror the image there. `degrade` makes the very bytes of those files.
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

Border = Literal["repeat", "mirror"]
"""What lies beyond the outermost pixel: more of the same, or the image in a mirror, that pixel first."""

_BLOCK = 128
"""Pixels of a side that are multiplied by one matrix, about. Of a whole side, nearly all weights would be zero."""


def imresize(
    images: Tensor,
    *,
    scale: float | Fraction | None = None,
    size: tuple[int, int] | None = None,
    border: Border = "repeat",
) -> Tensor:
    """Images at another size, each channel by itself; differentiable, and in float32 at least even under autocast.

    What comes out may lie beyond the range of what goes in, as the kernel overshoots at edges.

    Args:
        images: (N, C, H, W), floating-point numbers of any range.
        scale: of both sides, each brought up to a whole number; of a float, the nearest fraction is taken.
        size: (height, width), instead of a scale; each side then has a scale of its own.
        border: what lies beyond the outermost pixel.

    Returns:
        (N, C, height, width).

    Raises:
        ValueError: neither or both of scale and size are given, or there would be no pixel left.
    """
    for direction in _directions(images, scale, size, border):
        images = _along(images, direction)
    return images


def degrade(images: Tensor, scale: int) -> Tensor:
    """The low-resolution images that MATLAB makes of such images as are kept in files: of bytes, to bytes.

    It rounds after each direction, the rows' first, halves upwards. Of what has no bytes, those that it would be saved
    as are taken.

    Args:
        images: (N, C, H, W) in [-1, 1].
        scale: how many times smaller they become; divides H and W.

    Returns:
        (N, C, H / scale, W / scale) in [-1, 1], on 256 levels.

    Raises:
        ValueError: a side is no multiple of the scale.
    """
    if any(side % scale for side in images.shape[2:]):
        raise ValueError(f"images of {images.shape[2]}x{images.shape[3]} cannot be reduced {scale} times evenly")
    levels = images.detach().float().add(1).mul(127.5).round_().clamp_(0, 255)
    for direction in _directions(levels, Fraction(1, scale), None, "repeat"):
        levels = _along(levels, direction).add_(0.5).floor_().clamp_(0, 255)
    return levels.div_(127.5).sub_(1)


class _Direction(NamedTuple):
    """How one side changes: the height (axis 2) or the width (axis 3)."""

    axis: int
    side: int
    wanted: int
    scale: Fraction
    border: Border


def _directions(
    images: Tensor, scale: float | Fraction | None, size: tuple[int, int] | None, border: Border
) -> list[_Direction]:
    """Both, that of the smaller scale first, and of equal ones the height, as MATLAB does it."""
    sides = images.shape[2], images.shape[3]
    if scale is not None and size is None:
        exact = Fraction(scale).limit_denominator(4096)
        scales = exact, exact
        size = math.ceil(sides[0] * exact), math.ceil(sides[1] * exact)
    elif size is not None and scale is None:
        scales = Fraction(size[0], sides[0]), Fraction(size[1], sides[1])
    else:
        raise ValueError("imresize takes either a scale or a size")
    if min(size) < 1:
        raise ValueError(f"imresize makes images of at least one pixel, not of {size[0]}x{size[1]}")
    both = (_Direction(2 + side, sides[side], size[side], scales[side], border) for side in (0, 1))
    return sorted(both, key=lambda direction: direction.scale)


class _Block(NamedTuple):
    """So many neighbouring pixels that come out, as weights (pixels, end - start) of those from `start` to `end`."""

    start: int
    end: int
    weights: Tensor


def _along(images: Tensor, direction: _Direction) -> Tensor:
    """Images with another height or width."""
    if direction.scale == 1:
        return images
    images = images if images.dtype in (torch.float32, torch.float64) else images.float()
    # Of tensors without content, by which costs are counted, the weights have none either: they must not be kept.
    blocks = _kept_blocks if type(images) is Tensor else _blocks
    parts = []
    with torch.autocast(images.device.type, enabled=False):
        for start, end, weights in blocks(direction, images.device, images.dtype):
            part = images.narrow(direction.axis, start, end - start)
            parts.append(weights @ part if direction.axis == 2 else part @ weights.T)
    return parts[0] if len(parts) == 1 else torch.cat(parts, direction.axis)


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # what is kept has to serve training too
def _kept_blocks(direction: _Direction, device: torch.device, dtype: torch.dtype) -> list[_Block]:
    return _blocks(direction, device, dtype)


def _blocks(direction: _Direction, device: torch.device, dtype: torch.dtype) -> list[_Block]:
    places, weights = _taps(direction)
    blocks = []
    step = math.ceil(_BLOCK * direction.scale)
    for first in range(0, direction.wanted, step):
        some = places[first : first + step]
        start, end = int(some.min()), int(some.max()) + 1
        matrix = np.zeros((len(some), end - start))
        np.add.at(matrix, (np.arange(len(some))[:, None], some - start), weights[first : first + step])
        blocks.append(_Block(start, end, torch.from_numpy(matrix).to(dtype).to(device)))
    return blocks


def _taps(direction: _Direction) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of each pixel that comes out, which ones it is a sum of, (wanted, taps), and their weights."""
    scale = float(direction.scale)
    widening = min(scale, 1.0)
    width = 4 / widening
    # Pixels are intervals of length one, with centres at halves, so both images begin at one place and end at another.
    centres = (np.arange(direction.wanted) + 0.5) / scale - 0.5
    first = np.ceil(centres - width / 2).astype(np.int64)
    places = first[:, None] + np.arange(math.floor(width) + 1)
    weights = _cubic((centres[:, None] - places) * widening)
    return _within(places, direction), weights / weights.sum(1, keepdims=True)


def _within(places: NDArray[np.int64], direction: _Direction) -> NDArray[np.int64]:
    """Places beyond the border as those of the pixels that stand there."""
    if direction.border == "repeat":
        return places.clip(0, direction.side - 1)
    turn = places % (2 * direction.side)
    return np.minimum(turn, 2 * direction.side - 1 - turn)


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' kernel with a = -1/2."""
    x = np.abs(distance)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
