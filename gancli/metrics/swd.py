"""Sliced Wasserstein distance between image patches of samples and of training images: Karras et al. 2018, section 5.

Each image is decomposed into a Laplacian pyramid (Burt and Adelson 1983), so that every level contains the structure of
one scale. Small patches at random positions of a level are the descriptors. Their channels are normalised to mean 0 and
standard deviation 1 over the set, and the two sets of descriptors are compared along random directions. In each
direction, the Wasserstein distance is the mean distance of the sorted values (Rabin et al. 2011).

No network is needed, and the distance is symmetric. Both sets use the same random positions, so that equal sets have a
distance of exactly 0. The distance between two sets of one distribution is above 0 and decreases as the sets grow: only
distances between sets of equal size are comparable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.data.loader import random_rows
from gancli.errors import DataError, UsageError
from gancli.io.resize import Size
from gancli.metrics.context import Measurement, MetricContext

SAMPLES = 16_384
"""Maximum number of samples, as published."""

MIN_LEVEL_SIDE = 16
"""The shorter side of the last level is at least this, and less than twice this, unless the image is smaller."""

PATCHES = 128
"""Number of patches of one image and level."""

PATCH_SIDE = 7
"""Side of a patch in pixels."""

DIRECTIONS = 512
"""Number of random directions; equivalent to the average over four times 128 directions in the paper."""

SCALE = 1e3
"""Distances are multiplied by 1,000, as in the paper."""

_IMAGES_AT_ONCE = 16  # fewer would not be faster to generate

_DIRECTIONS_AT_ONCE = 32

_ROWS_AT_ONCE = 65_536


def measure(context: MetricContext) -> list[Measurement]:
    """Measure the distance x 1000 between samples and training images, at each level and on average.

    As a reference, it is also measured between these training images and an equal number of others. Therefore at most
    half of the training images are used, and the same number of samples.

    Raises:
        DataError: there are fewer than two training images.
        UsageError: images are smaller than a patch.
    """
    train, seed = context.train(), context.options.seed
    if len(train.images) < 2:
        raise DataError("swd requires at least two training images; use other data with --data")
    count = min(context.options.samples or SAMPLES, len(train.images) // 2)
    rows = random_rows(train, 2 * count, seed=seed)
    real = descriptors(context.data_batches(train, rows[:count], _IMAGES_AT_ONCE), count=count, seed=seed)
    protocol = {
        "split": "train",
        "samples": count,
        "train": count,
        "patches": PATCHES,
        "patch": PATCH_SIDE,
        "directions": DIRECTIONS,
    }
    evaluated = {
        "swd": context.sample_batches(np.arange(count), _IMAGES_AT_ONCE),
        "swd/real": context.data_batches(train, rows[count:], _IMAGES_AT_ONCE),
    }
    measurements = []
    for name, images in evaluated.items():
        others = descriptors(images, count=count, seed=seed)
        by_level = distances(real, others, seed=seed, device=context.device)
        del others  # frees memory for the next set
        levels = {f"{name}/{_size_text(size)}": distance for size, distance in by_level.items()}
        values = {name: sum(by_level.values()) / len(by_level), **levels}
        measurements += [Measurement(metric=key, value=value, protocol=protocol) for key, value in values.items()]
    return measurements


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """Decompose images (N, C, H, W) into levels, the finest first: details of each scale, then the smallest image.

    Each level halves the sides, rounded up. An image with a side below 32 is its only level.
    """
    levels = []
    while min(images.shape[2:]) >= 2 * MIN_LEVEL_SIDE:
        smaller = _blur(images)[:, :, ::2, ::2]
        levels.append(images - upsample(smaller, image_size(images)))
        images = smaller
    return [*levels, images]


def upsample(images: Tensor, size: Size) -> Tensor:
    """Upsample images (N, C, ceil(H / 2), ceil(W / 2)) smoothly to the `size` (H, W)."""
    spread = images.new_zeros(*images.shape[:2], *size)
    spread[:, :, ::2, ::2] = images
    return _blur(spread) * 4


def image_size(images: Tensor) -> Size:
    """Return (height, width) of images (N, C, H, W)."""
    return images.shape[2], images.shape[3]


def patches(images: Tensor, generator: torch.Generator) -> Tensor:
    """Cut `PATCHES` patches at uniformly random positions out of each image: (N * PATCHES, C, 7, 7).

    Args:
        images: (N, C, H, W), on any device.
        generator: generator of the positions, on the CPU.

    Raises:
        UsageError: the images are smaller than a patch.
    """
    height, width = image_size(images)
    if min(height, width) < PATCH_SIDE:
        raise UsageError(
            f"images of {height}x{width} pixels are smaller than the {PATCH_SIDE}x{PATCH_SIDE} patches of swd; use "
            "other --metrics"
        )
    count = len(images) * PATCHES
    top = torch.randint(height - PATCH_SIDE + 1, (count,), generator=generator).to(images.device)
    left = torch.randint(width - PATCH_SIDE + 1, (count,), generator=generator).to(images.device)
    image = torch.arange(len(images), device=images.device).repeat_interleave(PATCHES)
    # A view of all patches, (N, H - 6, W - 6, C, 7, 7).
    windows = images.unfold(2, PATCH_SIDE, 1).unfold(3, PATCH_SIDE, 1).permute(0, 2, 3, 1, 4, 5)
    return windows[image, top, left]


def normalise(patches: Tensor) -> Tensor:
    """Normalise each channel of patches (M, C, 7, 7) to mean 0 and standard deviation 1 over the set, in place.

    A constant channel becomes 0.
    """
    for channel in patches.unbind(1):
        parts, count = torch.split(channel, _ROWS_AT_ONCE), channel.numel()
        mean = sum(float(part.double().sum()) for part in parts) / count
        variance = sum(float((part.double() - mean).square().sum()) for part in parts) / count
        for part in parts:
            part.copy_((part.double() - mean) / (variance**0.5 or 1.0))
    return patches


def descriptors(images: Iterable[Tensor], *, count: int, seed: int) -> dict[Size, Tensor]:
    """Compute the normalised patches (count * PATCHES, C * 7 * 7) of each level, by size of the level, finest first.

    They are stored on the CPU in float16, whose 11 significant bits suffice for 8-bit pixels. 16,384 images of
    3x128x128, which have four levels, take 2.5 GB.

    Args:
        images: batches (N, C, H, W) of one set, floats in 0..255. The positions of patches depend on the batch sizes.
        count: total number of images.
        seed: seed of the positions.

    Raises:
        DataError: the number of images differs from `count`, or is 0.
        UsageError: the images are smaller than a patch.
    """
    generator = torch.Generator().manual_seed(seed)
    by_level: dict[Size, Tensor] = {}
    end = 0
    for batch in images:
        start, end = end, end + len(batch)
        if end > count:
            break
        for level in laplacian_pyramid(batch):
            cut, size = patches(level, generator), image_size(level)
            if size not in by_level:
                by_level[size] = torch.empty(count * PATCHES, *cut.shape[1:], dtype=torch.float16)
            by_level[size][start * PATCHES : end * PATCHES] = cut
    if not count or end != count:
        raise DataError("a sliced Wasserstein distance requires sets of images of a known number above 0")
    return {size: normalise(level).flatten(1) for size, level in by_level.items()}


def directions(dimensions: int, *, seed: int, count: int = DIRECTIONS) -> Tensor:
    """Return random directions, unit vectors (dimensions, count)."""
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(dimensions, count, generator=generator), dim=0)


def sliced_distance(first: Tensor, second: Tensor, along: Tensor) -> float:
    """Return the mean Wasserstein distance of two equally large sets of points along directions, not scaled.

    Args:
        first: points (M, D), of any floating-point type.
        second: points (M, D), of any floating-point type.
        along: unit vectors (D, K), on the device of the points.

    Raises:
        DataError: the shapes of the sets differ.
    """
    if first.shape != second.shape:
        raise DataError("a sliced Wasserstein distance requires two sets with the same number and size of images")
    total = 0.0
    for block in torch.split(along, _DIRECTIONS_AT_ONCE, dim=1):
        gaps = _sorted_projections(first, block).sub_(_sorted_projections(second, block)).abs_()
        total += float(gaps.mean(1).double().sum())
    return total / along.shape[1]


def distances(
    first: Mapping[Size, Tensor], second: Mapping[Size, Tensor], *, seed: int, device: torch.device
) -> dict[Size, float]:
    """Return the distance x 1000 of two sets at each level.

    Args:
        first: result of `descriptors` for one set.
        second: result of `descriptors` for another set of the same number of images.
        seed: seed of the directions.
        device: device of the computation.

    Raises:
        DataError: the sets differ in number or size.
    """
    if first.keys() != second.keys():
        raise DataError("a sliced Wasserstein distance requires two sets with the same number and size of images")
    by_level = {}
    for size, level in first.items():
        along = directions(level.shape[1], seed=seed).to(device)
        by_level[size] = SCALE * sliced_distance(level.to(device), second[size].to(device), along)
    return by_level


def _blur(images: Tensor) -> Tensor:
    """Filter with the binomial kernel (1 4 6 4 1) / 16 along both sides, with reflected borders.

    Sums of shifted images instead of a convolution are exact on bytes. A flat image therefore leaves no rounding errors
    in the finer levels, which normalisation would amplify.
    """
    padded = F.pad(images, (2, 2, 2, 2), mode="reflect")
    for dim in (2, 3):
        length = padded.shape[dim] - 4
        a, b, c, d, e = (padded.narrow(dim, shift, length) for shift in range(5))
        padded = (a + e + 4 * (b + d) + 6 * c) / 16
    return padded


def _sorted_projections(points: Tensor, along: Tensor) -> Tensor:
    """Return the coordinates of the points in each direction, (K, M), in ascending order."""
    projections = along.new_empty(along.shape[1], len(points))
    for start in range(0, len(points), _ROWS_AT_ONCE):
        part = points[start : start + _ROWS_AT_ONCE].to(along.dtype)
        torch.mm(along.T, part.T, out=projections[:, start : start + len(part)])
    if projections.device.type != "cpu":
        return projections.sort(1).values
    projections.numpy().sort(axis=1)  # ten times as fast as torch, which also computes the indices
    return projections


def _size_text(size: Size) -> str:
    height, width = size
    return str(height) if height == width else f"{height}x{width}"
