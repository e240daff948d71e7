"""Multi-scale structural similarity of pairs of images: Wang, Simoncelli and Bovik 2003.

Contrast and structure are compared within Gaussian windows at five scales, each half as large as the one before, and
luminance at the last. Between random pairs of samples the mean says how alike a generator's images are (Odena et al.
2017): the lower, the more variety, and near that of real pairs is as it should be.

Small images are treated as in the code of Karras et al. 2018: where a side is shorter than the window, the window
shrinks to it, and its Gaussian with it. That code knows no image below 16 pixels, which has no five scales; here such
an image has as many as there are, with weights that add up to the same.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.errors import DataError

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, the finest first, as published."""

WINDOW = 11

SIGMA = 1.5
"""The window's pixels, and the standard deviation of its Gaussian in pixels."""

SPAN = 255.0
"""From black to white."""

C1 = (0.01 * SPAN) ** 2

C2 = (0.03 * SPAN) ** 2


def scales(height: int, width: int) -> int:
    """How many times such an image can be halved, and once more; five at most."""
    return min(len(WEIGHTS), min(height, width).bit_length())


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """The similarity of each pair, (N,), in [0, 1]; 1 of equal images.

    Args:
        first: images (N, C, H, W), floats in 0..255.
        second: likewise.

    Raises:
        DataError: the shapes differ.
    """
    _check(first, second)
    count = scales(first.shape[2], first.shape[3])
    raised = sum(WEIGHTS) / sum(WEIGHTS[:count])
    product = torch.ones(len(first), device=first.device)
    for scale, weight in enumerate(WEIGHTS[:count]):
        if scale:
            # An odd last row or column is left out.
            first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
        whole, contrast = _compared(first, second)
        # A negative similarity has no such power; the published code cuts it off too.
        product = product * (whole if scale == count - 1 else contrast).clamp(min=0) ** (weight * raised)
    return product


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """The structural similarity at the images' own scale of each pair, (N,), at most 1, which is that of equal images.

    Of Wang, Bovik, Sheikh and Simoncelli 2004, with the window wherever it fits: the mean over its places and over
    channels. Near 1 it takes float64.

    Args:
        first: images (N, C, H, W), floats in 0..255.
        second: likewise.

    Raises:
        DataError: the shapes differ.
    """
    _check(first, second)
    return _compared(first, second)[0]


def _check(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.dim() != 4:
        raise DataError("SSIM takes pairs of images of one size, two tensors (N, C, H, W)")


def _compared(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM, and its part without luminance, (N,) each: means over pixels and channels."""
    # Variances are differences of squares: near 0, where they lose no digits, rather than in 0..255.
    level1, level2 = (images.mean((2, 3), keepdim=True) for images in (first, second))
    one, two = first - level1, second - level2
    mean1, mean2, square1, square2, mixed = _smoothed(torch.stack([one, two, one * one, two * two, one * two]))
    contrast = (2 * (mixed - mean1 * mean2) + C2) / (square1 - mean1**2 + square2 - mean2**2 + C2)
    mean1, mean2 = mean1 + level1, mean2 + level2
    luminance = (2 * mean1 * mean2 + C1) / (mean1**2 + mean2**2 + C1)
    return (luminance * contrast).mean((1, 2, 3)), contrast.mean((1, 2, 3))


def _smoothed(images: Tensor) -> Tensor:
    """(..., H, W) under the window, wherever it fits: (..., H - window + 1, W - window + 1)."""
    side = min(WINDOW, *images.shape[-2:])
    down, across = (_window_at_every_place(length, side).to(images) for length in images.shape[-2:])
    return down @ (images @ across.T)


def _window_at_every_place(length: int, side: int) -> Tensor:
    """(length - side + 1, length): a row for each place, for products are many times as fast as convolutions here."""
    offsets = torch.arange(length) - torch.arange(length - side + 1).unsqueeze(1)
    centred = offsets.double() - (side - 1) / 2
    weights = torch.exp(-((centred * WINDOW / (side * SIGMA)) ** 2) / 2) * ((offsets >= 0) & (offsets < side))
    return weights / weights.sum(1, keepdim=True)
