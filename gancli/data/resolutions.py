"""A dataset at all resolutions of a run, averaged once instead of in every step.

A pixel of a smaller level is the mean of a block of full-size pixels, rounded to the nearest integer, halves to even.
The datasets of Karras et al. (2018) have the same bytes: their program averages 2x2 pixels repeatedly, without rounding
in between. Here, sums of blocks are passed from level to level as integers, so a level does not depend on the others.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt

from gancli.data import cache
from gancli.data.source import PackedDataset
from gancli.data.variable_size import VariableSizeImages
from gancli.errors import DataError, DiskError
from gancli.io.files import CACHE_VARIABLE, cache_folder
from gancli.io.resize import Size
from gancli.io.types import Bytes, Points, Progress

Images = npt.NDArray[Any]

Levels = Mapping[Size, Mapping[str, Bytes | Points | VariableSizeImages]]
"""Images (N, C, height, width) by (height, width) and key. With random crops, the size is that of the crop, and the
arrays are larger by the same factor at every level. Images of different sizes have only their original level.
"""

_BLOCK = 1 << 24  # bytes averaged at a time; the sums take about three times as much

_log = logging.getLogger("gancli")


def build_levels(
    packed: PackedDataset, resolutions: Collection[Size | None], progress: Progress | None = None
) -> Levels:
    """Return the dataset at its own resolution and at each smaller one in `resolutions`.

    If the data are a memory map, the levels are written to the cache and mapped as well, and later runs reuse them. If
    the data are in memory, or the cache cannot be written, the levels are in memory.

    Args:
        packed: dataset; points have no smaller resolution.
        resolutions: (height, width) of each level; None is the dataset's own.
        progress: callback with the number of finished images and the total, per key; not called if all is cached.

    Raises:
        DataError: a resolution does not divide that of the dataset.
        DiskError: the cache cannot be written, and the levels do not fit into memory.
    """
    full = packed.spec.height, packed.spec.width
    smaller = sorted({size for size in resolutions if size not in (None, full)}, reverse=True)
    levels: dict[Size, dict[str, Bytes | Points | VariableSizeImages]] = {size: {} for size in (full, *smaller)}
    for key in packed.spec.image_keys:
        if key in packed.variable_size:
            if smaller:
                raise DataError(
                    f"images of different sizes cannot be reduced to {smaller[0][0]}x{smaller[0][1]} by whole numbers; "
                    "set data.resolution"
                )
            levels[full][key] = packed.variable_size[key]
            continue
        images = packed.arrays[key]
        uncropped: Size = images.shape[2], images.shape[3]
        sizes = {size: _uncropped_size(full, uncropped, size) for size in smaller}
        name = packed.fingerprint if key == "image" else f"{packed.fingerprint}-{key}"
        reduced = _reduce(images, name, list(sizes.values()), progress)
        levels[full][key] = images
        for size, reduced_size in sizes.items():
            levels[size][key] = reduced[reduced_size]
    return levels


def fits_in_memory(size: int) -> bool:
    """True if `size` bytes are at most a quarter of this machine's memory."""
    return size <= _physical_memory() // 4


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _uncropped_size(full: Size, uncropped: Size, size: Size) -> Size:
    """Return the size to which uncropped images are reduced, if crops of the size `full` are reduced to `size`."""
    reduced = uncropped[0] * size[0] // full[0], uncropped[1] * size[1] // full[1]
    if not _divides(full, size) or not _divides(uncropped, (full[0] // size[0], full[1] // size[1])):
        crop = f" with data.random_crop {full[0]}x{full[1]}" if uncropped != full else ""
        raise DataError(
            f"images of {uncropped[0]}x{uncropped[1]}{crop} cannot be reduced to {size[0]}x{size[1]} by whole numbers; "
            "set data.resolution to a multiple of the resolution of every stage"
        )
    return reduced


def _reduce(images: Images, name: str, sizes: Sequence[Size], progress: Progress | None) -> dict[Size, Images]:
    """Return the images at each size, from the cache if possible; `name` is the prefix of the cache entries."""
    if not isinstance(images, np.memmap):
        return _reduce_in_memory(images, sizes, progress) if sizes else {}
    levels = {size: level for size in sizes if (level := _load_level(images, name, size)) is not None}
    missing = [size for size in sizes if size not in levels]
    return levels | (_write_levels(images, name, missing, progress) if missing else {})


def _divides(large: Size, small: Size) -> bool:
    return all(a % b == 0 for a, b in zip(large, small, strict=True))


def _shape(images: Images, size: Size) -> tuple[int, int, int]:
    return (images.shape[1], *size)


def _entry_name(name: str, size: Size) -> str:
    return f"{name}-{size[0]}x{size[1]}"


def _load_level(images: Images, name: str, size: Size) -> Bytes | None:
    entry = cache.load(_entry_name(name, size))
    if entry is not None and entry.images.shape != (len(images), *_shape(images, size)):
        cache.discard(_entry_name(name, size))  # the dataset has been packed differently since
        return None
    return None if entry is None else entry.images


def _write_levels(images: Images, name: str, sizes: Sequence[Size], progress: Progress | None) -> dict[Size, Images]:
    """Write the levels to the cache, or keep them in memory if it cannot be written."""
    try:
        with ExitStack() as open_files:
            writers = {
                size: open_files.enter_context(cache.Writer(_entry_name(name, size), _shape(images, size)))
                for size in sizes
            }

            def append(size: Size, start: int, means: Bytes) -> None:
                for image in means:
                    writers[size].append(image)

            _average(images, sizes, append, progress)
            return {size: writer.commit(()).images for size, writer in writers.items()}
    except OSError as error:
        needed = sum(len(images) * int(np.prod(_shape(images, size))) for size in sizes)
        if not fits_in_memory(needed):
            raise DiskError(
                f"cannot write {cache_folder()} ({error.strerror or error}), and {needed / 1e9:,.1f} GB of reduced "
                f"images do not fit into memory; make room there, or set {CACHE_VARIABLE} to another folder"
            ) from error
        _log.warning("keeping reduced images in memory: %s cannot be written (%s)", cache_folder(), error)
    return _reduce_in_memory(images, sizes, progress)


def _reduce_in_memory(images: Images, sizes: Sequence[Size], progress: Progress | None) -> dict[Size, Images]:
    levels = {size: np.empty((len(images), *_shape(images, size)), dtype=np.uint8) for size in sizes}

    def put(size: Size, start: int, means: Bytes) -> None:
        levels[size][start : start + len(means)] = means

    _average(images, sizes, put, progress)
    return dict(levels)


def _average(
    images: Images, sizes: Sequence[Size], put: Callable[[Size, int, Bytes], None], progress: Progress | None
) -> None:
    """Call `put` with each size, the index of the first image and the reduced images, one block of images at a time."""
    count = len(images)
    step = max(1, _BLOCK // int(np.prod(images.shape[1:])))
    for start in range(0, count, step):
        for size, means in _means(images[start : start + step], sizes):
            put(size, start, means)
        if progress:
            progress(min(start + step, count), count)


def _means(images: Images, sizes: Sequence[Size]) -> Iterator[tuple[Size, Bytes]]:
    """Yield the images at each size, the largest first; each is summed from the smallest level that it divides."""
    full: Size = images.shape[2], images.shape[3]
    sums = {full: images}
    for size in sizes:
        parent = min((other for other in sums if _divides(other, size)), key=lambda other: other[0] * other[1])
        pixels = full[0] * full[1] // (size[0] * size[1])
        sums[size] = _block_sums(sums[parent], size, np.min_scalar_type(255 * pixels))
        # float32 takes half the time, and up to 2**16 pixels no quotient is close enough to a half to round to it.
        means = np.divide(sums[size], pixels, dtype=np.float32 if pixels <= 1 << 16 else np.float64)
        yield size, np.rint(means, out=means).astype(np.uint8)


def _block_sums(values: npt.NDArray[Any], size: Size, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Sum blocks of (N, C, H, W) to (N, C, *size), exactly, in a type that fits the largest sum."""
    height, width = values.shape[2] // size[0], values.shape[3] // size[1]
    rows = values[:, :, ::height].astype(dtype)
    for offset in range(1, height):
        rows += values[:, :, offset::height]
    total = rows[:, :, :, ::width].copy()
    for offset in range(1, width):
        total += rows[:, :, :, offset::width]
    return total
