"""Structural similarity of pairs of images: MS-SSIM of samples, and SSIM of upscaled images.

MS-SSIM, Wang, Simoncelli and Bovik 2003, compares contrast and structure within Gaussian windows at five scales, each
half the size of the previous one, and luminance at the last. The mean over random pairs of samples measures how similar
a generator's images are (Odena et al. 2017): a lower value means more variety, and the value of real pairs is ideal.

Small images are treated as in the code of Karras et al. 2018: if a side is shorter than the window, the window and its
Gaussian shrink to it. That code does not support images below 16 pixels, which have fewer than five scales. Here they
use the scales they have, with weights that have the same sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.data.loader import Rows, random_rows
from gancli.errors import DataError
from gancli.io.types import Labels
from gancli.metrics.context import Measurement, MetricContext

SAMPLES = 20_000
"""Maximum number of samples, for 10,000 pairs as in Karras et al. 2018."""

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, the finest first, as published."""

WINDOW = 11
"""Side of the window in pixels."""

SIGMA = 1.5
"""Standard deviation of the window's Gaussian in pixels."""

RANGE = 255.0
"""Difference between white and black."""

C1 = (0.01 * RANGE) ** 2

C2 = (0.03 * RANGE) ** 2

_BATCH_SIZE = 16  # smaller batches would not be faster to generate


def measure(context: MetricContext) -> list[Measurement]:
    """Measure the mean MS-SSIM of random pairs of samples and of training images.

    For a model that takes labels, also of pairs with equal labels as in Odena et al. 2017, which detects a generator
    that produces a single image for each label.

    Raises:
        DataError: there are fewer than two training images.
    """
    train, seed = context.train(), context.options.seed
    if len(train.images) < 2:
        raise DataError("ms_ssim requires at least two training images; use other data with --data")
    count = context.options.samples or min(SAMPLES, len(train.images))
    indices = np.random.default_rng(seed).permutation(count)
    rows = random_rows(train, count, seed=seed)
    pairs = {"ms_ssim": make_pairs(indices), "ms_ssim/real": make_pairs(rows)}
    if context.labels:
        pairs["ms_ssim/same_label"] = make_pairs(indices, indices % len(context.labels))
        if train.labels is not None:
            pairs["ms_ssim/real/same_label"] = make_pairs(rows, train.labels[rows])
    measurements = []
    for name, both in pairs.items():
        if not len(both):
            continue  # there are fewer images than labels
        real = name.startswith("ms_ssim/real")
        first, second = (
            context.data_batches(train, side, _BATCH_SIZE) if real else context.sample_batches(side, _BATCH_SIZE)
            for side in both.T
        )
        similarities = [ms_ssim(one, two) for one, two in zip(first, second, strict=True)]
        protocol: dict[str, Any] = {"split": "train"} if real else {}
        protocol |= {"pairs": len(both), "scales": number_of_scales(train.spec.height, train.spec.width)}
        value = sum(float(part.sum()) for part in similarities) / len(both)
        measurements.append(Measurement(metric=name, value=value, protocol=protocol))
    return measurements


def make_pairs(rows: Rows, labels: Labels | None = None) -> Rows:
    """Group successive rows into pairs (P, 2), each row at most once; with labels (N,), rows of equal labels."""
    groups = [rows] if labels is None else [rows[labels == label] for label in np.unique(labels)]
    return np.concatenate([group[: len(group) // 2 * 2].reshape(-1, 2) for group in groups])


def number_of_scales(height: int, width: int) -> int:
    """Return the number of scales of an image, at most five: the number of times it can be halved, plus one."""
    return min(len(WEIGHTS), min(height, width).bit_length())


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """Return the MS-SSIM of each pair, (N,), in [0, 1]; 1 for equal images.

    Args:
        first: images (N, C, H, W), floats in 0..255.
        second: images (N, C, H, W), floats in 0..255.

    Raises:
        DataError: the shapes differ.
    """
    _check(first, second)
    count = number_of_scales(first.shape[2], first.shape[3])
    factor = sum(WEIGHTS) / sum(WEIGHTS[:count])
    product = torch.ones(len(first), device=first.device)
    for scale, weight in enumerate(WEIGHTS[:count]):
        if scale:
            # The last row or column is omitted if the number is odd.
            first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
        similarity, contrast = _ssim_and_contrast(first, second)
        # Negative similarities are clipped as in the published code, since they have no such power.
        product = product * (similarity if scale == count - 1 else contrast).clamp(min=0) ** (weight * factor)
    return product


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Return the SSIM of each pair, (N,), at most 1; 1 for equal images.

    Wang, Bovik, Sheikh and Simoncelli 2004: the mean over all positions of the window inside the image and over
    channels. Values near 1 require float64.

    Args:
        first: images (N, C, H, W), floats in 0..255.
        second: images (N, C, H, W), floats in 0..255.

    Raises:
        DataError: the shapes differ.
    """
    _check(first, second)
    return _ssim_and_contrast(first, second)[0]


def _check(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.dim() != 4:
        raise DataError("SSIM requires two tensors (N, C, H, W) of equal shape")


def _ssim_and_contrast(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return SSIM, and its contrast and structure part, (N,) each: means over pixels and channels."""
    # Variances are differences of squares. Subtracting the mean keeps the digits that would be lost in 0..255.
    level1, level2 = (images.mean((2, 3), keepdim=True) for images in (first, second))
    one, two = first - level1, second - level2
    mean1, mean2, square1, square2, mixed = _smooth(torch.stack([one, two, one * one, two * two, one * two]))
    contrast = (2 * (mixed - mean1 * mean2) + C2) / (square1 - mean1**2 + square2 - mean2**2 + C2)
    mean1, mean2 = mean1 + level1, mean2 + level2
    luminance = (2 * mean1 * mean2 + C1) / (mean1**2 + mean2**2 + C1)
    return (luminance * contrast).mean((1, 2, 3)), contrast.mean((1, 2, 3))


def _smooth(images: Tensor) -> Tensor:
    """Filter (..., H, W) with the window at all positions inside: (..., H - window + 1, W - window + 1)."""
    side = min(WINDOW, *images.shape[-2:])
    down, across = (_window_matrix(length, side).to(images) for length in images.shape[-2:])
    return down @ (images @ across.T)


def _window_matrix(length: int, side: int) -> Tensor:
    """Return (length - side + 1, length): a row for each position; matrix products are much faster than convolution."""
    offsets = torch.arange(length) - torch.arange(length - side + 1).unsqueeze(1)
    centred = offsets.double() - (side - 1) / 2
    weights = torch.exp(-((centred * WINDOW / (side * SIGMA)) ** 2) / 2) * ((offsets >= 0) & (offsets < side))
    return weights / weights.sum(1, keepdim=True)
