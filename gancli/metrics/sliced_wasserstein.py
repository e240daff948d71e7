"""The sliced Wasserstein distance between two sets of images, by their patches: Karras et al. 2018, section 5.

Each image is taken apart into the levels of a Laplacian pyramid (Burt and Adelson 1983), so that every level holds the
structure of one size. Small patches from random places of a level are descriptors; their channels are brought to mean 0
and standard deviation 1 over the set, and the two clouds of descriptors are compared along random directions, in each
of which the Wasserstein distance is the mean distance of the sorted values (Rabin et al. 2011).

No network takes part, and the order of the two sets does not matter. Both are looked at in the same random places, so
that equal sets are at distance 0 exactly. The distance between sets of one distribution is above 0, and falls as the
sets grow: only distances of equally large sets compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.errors import DataError, UsageError
from gancli.io.resize import Size

SMALLEST = 16
"""The shorter side of the last level is at least this, and less than twice this, unless the image is smaller."""

PATCHES = 128
"""Patches of one image and level."""

SIDE = 7
"""Pixels along a patch."""

DIRECTIONS = 512
"""Random directions. The paper averages over four times 128 of them, which is the same."""

SCALE = 1e3
"""Distances are given in thousandths, as in the paper."""

_DIRECTIONS_AT_ONCE = 32

_ROWS_AT_ONCE = 65_536


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """The levels of images (N, C, H, W), the finest first: what each size holds beyond the next smaller, then the rest.

    Sides halve, an odd one rounded up. An image with a side below 32 is its only level.
    """
    levels = []
    while min(images.shape[2:]) >= 2 * SMALLEST:
        smaller = _smoothed(images)[:, :, ::2, ::2]
        levels.append(images - expanded(smaller, size_of(images)))
        images = smaller
    return [*levels, images]


def expanded(images: Tensor, size: Size) -> Tensor:
    """Images (N, C, ceil(H / 2), ceil(W / 2)) at the `size` (H, W), smoothly."""
    spread = images.new_zeros(*images.shape[:2], *size)
    spread[:, :, ::2, ::2] = images
    return _smoothed(spread) * 4


def _smoothed(images: Tensor) -> Tensor:
    """By the binomial kernel (1 4 6 4 1) / 16 along both sides; the image goes on as its mirror image.

    Sums of shifted images rather than a convolution: exact on bytes, so that a flat image leaves no trace of rounding
    in the finer levels, which normalising would blow up.
    """
    padded = F.pad(images, (2, 2, 2, 2), mode="reflect")
    for dim in (2, 3):
        length = padded.shape[dim] - 4
        a, b, c, d, e = (padded.narrow(dim, shift, length) for shift in range(5))
        padded = (a + e + 4 * (b + d) + 6 * c) / 16
    return padded


def size_of(images: Tensor) -> Size:
    """(height, width) of images (N, C, H, W)."""
    return images.shape[2], images.shape[3]


def patches(images: Tensor, generator: torch.Generator) -> Tensor:
    """`PATCHES` squares of each image (N, C, H, W), wholly inside, every place as likely: (N * PATCHES, C, 7, 7).

    Args:
        images: on any device.
        generator: of the places, on the CPU.

    Raises:
        UsageError: the images are smaller than a patch.
    """
    height, width = size_of(images)
    if min(height, width) < SIDE:
        raise UsageError(
            f"patches of {SIDE}x{SIDE} pixels do not fit into images of {height}x{width}; leave the metric swd out"
        )
    count = len(images) * PATCHES
    top = torch.randint(height - SIDE + 1, (count,), generator=generator).to(images.device)
    left = torch.randint(width - SIDE + 1, (count,), generator=generator).to(images.device)
    image = torch.arange(len(images), device=images.device).repeat_interleave(PATCHES)
    # (N, H - 6, W - 6, C, 7, 7): all patches there are, as a view.
    everywhere = images.unfold(2, SIDE, 1).unfold(3, SIDE, 1).permute(0, 2, 3, 1, 4, 5)
    return everywhere[image, top, left]


def normalise(table: Tensor) -> Tensor:
    """Brings each channel of patches (M, C, 7, 7) to mean 0 and standard deviation 1 over all of them, in place.

    A channel that is the same everywhere becomes 0.
    """
    for channel in table.unbind(1):
        parts, count = torch.split(channel, _ROWS_AT_ONCE), channel.numel()
        mean = sum(float(part.double().sum()) for part in parts) / count
        variance = sum(float((part.double() - mean).square().sum()) for part in parts) / count
        for part in parts:
            part.copy_((part.double() - mean) / (variance**0.5 or 1.0))
    return table


def descriptors(images: Iterable[Tensor], *, count: int, seed: int) -> dict[Size, Tensor]:
    """The normalised patches (count * PATCHES, C * 7 * 7) of each level, by its size, the finest first.

    They are kept on the CPU in half precision, with 11 binary digits where pixels have 8: of 16,384 images of
    3x128x128, which have four levels, 2.5 GB.

    Args:
        images: parts (N, C, H, W) of one set, floats in 0..255. Their lengths decide, with the seed, where patches lie.
        count: of all images together.
        seed: of the places.

    Raises:
        DataError: there are fewer images, or more.
        UsageError: they are smaller than a patch.
    """
    generator = torch.Generator().manual_seed(seed)
    tables: dict[Size, Tensor] = {}
    end = 0
    for part in images:
        start, end = end, end + len(part)
        if end > count:
            break
        for level in laplacian_pyramid(part):
            found, size = patches(level, generator), size_of(level)
            if size not in tables:
                tables[size] = torch.empty(count * PATCHES, *found.shape[1:], dtype=torch.float16)
            tables[size][start * PATCHES : end * PATCHES] = found
    if not count or end != count:
        raise DataError("a sliced Wasserstein distance takes sets of images whose number is known, and not 0")
    return {size: normalise(table).flatten(1) for size, table in tables.items()}


def directions(dimensions: int, *, seed: int, count: int = DIRECTIONS) -> Tensor:
    """Random directions, unit vectors (dimensions, count)."""
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(dimensions, count, generator=generator), dim=0)


def sliced_distance(first: Tensor, second: Tensor, along: Tensor) -> float:
    """The mean Wasserstein distance of two clouds of as many points, projected on directions; not scaled.

    Args:
        first: points (M, D), of any floating-point type.
        second: likewise.
        along: unit vectors (D, K), on the points' device.

    Raises:
        DataError: the shapes of the clouds differ.
    """
    if first.shape != second.shape:
        raise DataError("a sliced Wasserstein distance takes two sets of as many images of one size")
    total = 0.0
    for block in torch.split(along, _DIRECTIONS_AT_ONCE, dim=1):
        gaps = _sorted_slices(first, block).sub_(_sorted_slices(second, block)).abs_()
        total += float(gaps.mean(1).double().sum())
    return total / along.shape[1]


def _sorted_slices(points: Tensor, along: Tensor) -> Tensor:
    """The points' coordinates in each direction, (K, M), ascending."""
    slices = along.new_empty(along.shape[1], len(points))
    for start in range(0, len(points), _ROWS_AT_ONCE):
        part = points[start : start + _ROWS_AT_ONCE].to(along.dtype)
        torch.mm(along.T, part.T, out=slices[:, start : start + len(part)])
    if slices.device.type != "cpu":
        return slices.sort(1).values
    slices.numpy().sort(axis=1)  # ten times as fast as torch's, which keeps track of places
    return slices


def distances(
    first: Mapping[Size, Tensor], second: Mapping[Size, Tensor], *, seed: int, device: torch.device
) -> dict[Size, float]:
    """The distance of two sets at each level, in thousandths.

    Args:
        first: what `descriptors` returned for one set.
        second: the same for the other, from as many images.
        seed: of the directions.
        device: where to compute.

    Raises:
        DataError: the sets differ in number or size.
    """
    if first.keys() != second.keys():
        raise DataError("a sliced Wasserstein distance takes two sets of as many images of one size")
    found = {}
    for size, table in first.items():
        along = directions(table.shape[1], seed=seed).to(device)
        found[size] = SCALE * sliced_distance(table.to(device), second[size].to(device), along)
    return found
