"""A data set at every resolution that a run asks for: averaged once, not at every step.

A pixel of a smaller level is the mean of a whole block of the data's own pixels, rounded to the nearest integer and
from halfway to the even one. The data sets of Karras et al. (2018) hold the same bytes: their program halves an image
again and again by means of 2x2 pixels, but goes on from what it has not rounded. Here the sums of blocks are kept as
integers from level to level, so that a level does not depend on which others there are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt

from gancli.data import cache
from gancli.data.memory import fits_in_memory
from gancli.data.ragged import VariableSizeImages
from gancli.data.source import PackedDataset
from gancli.errors import DataError, DiskError
from gancli.io.cache_folder import VARIABLE, cache_folder
from gancli.io.resize import Size
from gancli.io.types import Bytes, Points, Progress

Images = npt.NDArray[Any]

Levels = Mapping[Size, Mapping[str, Bytes | Points | VariableSizeImages]]
"""The same images, (N, C, height, width), by (height, width) and key. Where images are cropped as they are drawn, the
size is that of the crop, and the arrays are larger by the same factor at every level; or the images are of many sizes,
and there is only their own level.
"""

_BLOCK = 1 << 24  # bytes of the data that are averaged at a time; the sums take about three times as much

_log = logging.getLogger("gancli")


def build_levels(
    packed: PackedDataset, resolutions: Collection[Size | None], progress: Progress | None = None
) -> Levels:
    """The data at their own resolution, as they are, and at each smaller one that is asked for.

    Where the data are a map of a file, so are the levels: they are written into the cache, where the next run finds
    them. Where the data are in memory, or the cache cannot be written, they are in memory.

    Args:
        packed: the data set; points have no smaller resolution.
        resolutions: (height, width); None stands for the data's own.
        progress: called with the images done and all of them, if there is anything to do; for each key anew.

    Raises:
        DataError: a resolution does not divide the data's.
        DiskError: the cache cannot be written, and the levels do not fit into memory.
    """
    own = packed.spec.height, packed.spec.width
    smaller = sorted({size for size in resolutions if size not in (None, own)}, reverse=True)
    levels: dict[Size, dict[str, Bytes | Points | VariableSizeImages]] = {size: {} for size in (own, *smaller)}
    for key in packed.spec.image_keys:
        if key in packed.ragged:
            levels[own][key] = _check_wanted_whole(packed.ragged[key], smaller)
            continue
        images = packed.arrays[key]
        whole: Size = images.shape[2], images.shape[3]
        sizes = {size: _check_divides(own, whole, size) for size in smaller}
        name = packed.fingerprint if key == "image" else f"{packed.fingerprint}-{key}"
        reduced = _reduce(images, name, list(sizes.values()), progress)
        levels[own][key] = images
        for size, actual in sizes.items():
            levels[size][key] = reduced[actual]
    return levels


def _reduce(images: Images, name: str, sizes: Sequence[Size], progress: Progress | None) -> dict[Size, Images]:
    """One array at every size, each from the cache if it is there. The name is that of its entries."""
    if not isinstance(images, np.memmap):
        return _keep(images, sizes, progress) if sizes else {}
    levels = {size: level for size in sizes if (level := _cached(images, name, size)) is not None}
    missing = [size for size in sizes if size not in levels]
    return levels | (_write(images, name, missing, progress) if missing else {})


def _check_wanted_whole(images: VariableSizeImages, smaller: Sequence[Size]) -> VariableSizeImages:
    if smaller:
        raise DataError(
            f"images of many sizes cannot be reduced to {smaller[0][0]}x{smaller[0][1]} by whole numbers; set "
            "data.resolution"
        )
    return images


def _check_divides(own: Size, whole: Size, size: Size) -> Size:
    """What `size` of the `own` ones is of the `whole` images, from which those of the data's own size are cropped."""
    actual = whole[0] * size[0] // own[0], whole[1] * size[1] // own[1]
    if not _divides(own, size) or not _divides(whole, (own[0] // size[0], own[1] // size[1])):
        cropped = f", of which data.random_crop leaves {own[0]}x{own[1]}," if whole != own else ""
        raise DataError(
            f"images of {whole[0]}x{whole[1]}{cropped} cannot be reduced to {size[0]}x{size[1]} by whole numbers; "
            "set data.resolution to a multiple of every stage's"
        )
    return actual


def _divides(large: Size, small: Size) -> bool:
    return all(a % b == 0 for a, b in zip(large, small, strict=True))


def _shape(images: Images, size: Size) -> tuple[int, int, int]:
    return (images.shape[1], *size)


def _entry(name: str, size: Size) -> str:
    """The name of a level in the cache, beside the data's own."""
    return f"{name}-{size[0]}x{size[1]}"


def _cached(images: Images, name: str, size: Size) -> Bytes | None:
    entry = cache.load(_entry(name, size))
    if entry is not None and entry.images.shape != (len(images), *_shape(images, size)):
        cache.discard(_entry(name, size))  # of a packing that was thrown away since
        return None
    return None if entry is None else entry.images


def _write(images: Images, name: str, sizes: Sequence[Size], progress: Progress | None) -> dict[Size, Images]:
    """Into the cache, one image after the other."""
    try:
        with ExitStack() as open_files:
            writers = {
                size: open_files.enter_context(cache.Writer(_entry(name, size), _shape(images, size))) for size in sizes
            }

            def append(size: Size, start: int, means: Bytes) -> None:
                for image in means:
                    writers[size].append(image)

            _average(images, sizes, append, progress)
            return {size: writer.commit(()).images for size, writer in writers.items()}
    except OSError as error:
        need = sum(len(images) * int(np.prod(_shape(images, size))) for size in sizes)
        if not fits_in_memory(need):
            raise DiskError(
                f"cannot write {cache_folder()} ({error.strerror or error}), and {need / 1e9:,.1f} GB of reduced "
                f"images are too much for the memory; make room there, or name another folder in {VARIABLE}"
            ) from error
        _log.warning("reduced images are kept in memory: %s cannot be written (%s)", cache_folder(), error)
    return _keep(images, sizes, progress)


def _keep(images: Images, sizes: Sequence[Size], progress: Progress | None) -> dict[Size, Images]:
    """In memory."""
    levels = {size: np.empty((len(images), *_shape(images, size)), dtype=np.uint8) for size in sizes}

    def put(size: Size, start: int, means: Bytes) -> None:
        levels[size][start : start + len(means)] = means

    _average(images, sizes, put, progress)
    return dict(levels)


def _average(
    images: Images, sizes: Sequence[Size], put: Callable[[Size, int, Bytes], None], progress: Progress | None
) -> None:
    """Hands `put` every level of so many images at a time as the block allows, with the place of the first."""
    count = len(images)
    step = max(1, _BLOCK // int(np.prod(images.shape[1:])))
    for start in range(0, count, step):
        for size, means in _means(images[start : start + step], sizes):
            put(size, start, means)
        if progress:
            progress(min(start + step, count), count)


def _means(images: Images, sizes: Sequence[Size]) -> Iterator[tuple[Size, Bytes]]:
    """Every level of the images, from the largest down; each is summed up from the smallest one that it divides."""
    own: Size = images.shape[2], images.shape[3]
    sums = {own: images}
    for size in sizes:
        above = min((known for known in sums if _divides(known, size)), key=lambda known: known[0] * known[1])
        pixels = own[0] * own[1] // (size[0] * size[1])
        sums[size] = _block_sums(sums[above], size, np.min_scalar_type(255 * pixels))
        # float32 takes half the time, and up to 2**16 pixels no quotient is so near a half that it would round to it.
        means = np.divide(sums[size], pixels, dtype=np.float32 if pixels <= 1 << 16 else np.float64)
        yield size, np.rint(means, out=means).astype(np.uint8)


def _block_sums(values: npt.NDArray[Any], size: Size, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """(N, C, H, W) to (N, C, *size): exact, in a type that holds the largest sum."""
    down, across = values.shape[2] // size[0], values.shape[3] // size[1]
    rows = values[:, :, ::down].astype(dtype)
    for offset in range(1, down):
        rows += values[:, :, offset::down]
    total = rows[:, :, :, ::across].copy()
    for offset in range(1, across):
        total += rows[:, :, :, offset::across]
    return total
