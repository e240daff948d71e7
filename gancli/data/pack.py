"""Many encoded images to one packed array: decoded once by a pool of threads, and kept in the cache.

Where the cache cannot be written the array is built in memory instead: a full or read-only disk stops no training.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from gancli.data import cache
from gancli.data.ragged import VariableSizeImages
from gancli.data.source import DataSummary, PackedDataset
from gancli.data.spec import DataSpec
from gancli.errors import DataError
from gancli.io import decode as decoding
from gancli.io.cache_folder import cache_folder
from gancli.io.resize import Size, as_size
from gancli.io.types import Array, Bytes, Labels, Progress
from gancli.recipes.options import SourceConfig

T = TypeVar("T")

_VERSION = 1  # part of every fingerprint; to be raised where the same files would pack to other bytes

_BLOCK = 128  # images in flight, which bounds the memory

_log = logging.getLogger("gancli")


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Encoded images, to be opened one by one, from several threads at once.

    Args:
        count: how many.
        name: of each, for messages.
        open: the image of an index; raises anything where it cannot be read.
        labels: (N,), or None.
        label_names: the labels, in the order of their indices.
        identity: stands for the content, in the fingerprint.
        size: the one size that all have; None where it varies; `"unknown"` where the files must be asked.
        channels: the same.
        skip: leave unreadable images out, instead of refusing them.
        remedy: what to do about unreadable images, as the end of a sentence.
        beside: further arrays of `count` rows by key, which are handed on row by row.
    """

    count: int
    name: Callable[[int], str]
    open: Callable[[int], Image.Image]
    labels: Labels | None
    label_names: tuple[str, ...]
    identity: str
    size: Size | str | None = "unknown"
    channels: int | str = "unknown"
    skip: bool = False
    remedy: str = "remove it"
    beside: Mapping[str, Array] = field(default_factory=dict)


def pack(
    pictures: Pictures, config: SourceConfig, progress: Progress | None = None, *, whole: bool = False
) -> PackedDataset:
    """The chosen pictures at the recipe's resolution and channels.

    Left out, the resolution is the one that all pictures have; where they differ, and parts are cut out of them at
    random, each keeps its own. The channels are then 1 where all are grey, 4 where all have opacity, 3 otherwise.

    Args:
        pictures: to choose from.
        config: the recipe's options.
        progress: told how many are decoded.
        whole: each may keep its own size although nothing is cut out of them; the spec is that of the smallest sides.

    Raises:
        DataError: no picture is chosen, one is unreadable (unless `skip`), sizes differ and nothing says what to do
            about it, or a picture is smaller than what is to be cut out.
    """
    chosen = _chosen(pictures, config)
    fingerprint = _fingerprint(pictures, chosen, config)
    entry = cache.load(fingerprint)
    if entry is None:
        channels, size = _shape(pictures, chosen, config)
        _check_sizes(size is None and not whole, config)
        entry = _fill(pictures, chosen, channels, size, config, fingerprint, progress)
    _check_sizes(entry.ragged is not None and not whole, config)
    if entry.unreadable:
        _log.warning("left out %d unreadable images of %d", len(entry.unreadable), len(chosen.rows))
    lost = list(entry.unreadable)
    labels = None if chosen.labels is None else np.delete(chosen.labels, lost)
    rows = np.delete(chosen.rows, lost)
    beside = {key: array[rows] for key, array in pictures.beside.items()}
    images: Bytes | VariableSizeImages = entry.images if entry.ragged is None else entry.ragged
    channels, height, width = (
        images.shape[1:]
        if not isinstance(images, VariableSizeImages)
        else _cut_shape(images, pictures, rows, config, whole=whole)
    )
    spec = DataSpec(channels=channels, height=height, width=width, labels=chosen.names)
    packed = PackedDataset.of_images(images=images, labels=labels, spec=spec, fingerprint=fingerprint)
    return replace(packed, arrays={**packed.arrays, **beside})


def is_packed(pictures: Pictures, config: SourceConfig) -> bool:
    """Whether `pack` would find them in the cache, and so decode nothing."""
    return cache.load(_fingerprint(pictures, _chosen(pictures, config), config)) is not None


def sizes(pictures: Pictures) -> list[Size | None]:
    """The (height, width) that each picture declares; None of one that cannot be read."""

    def look(row: int) -> Size:
        with pictures.open(row) as image:
            return decoding.header(image).size

    found = _in_order(look, range(pictures.count), None)
    return [None if isinstance(size, Exception) else size for size in found]


def survey(
    pictures: Pictures, source: str, ignored: Sequence[str] = (), progress: Progress | None = None
) -> DataSummary:
    """What the pictures are; each is decoded, as only that finds a truncated one."""

    def look(row: int) -> decoding.Header:
        with pictures.open(row) as image:
            found = decoding.header(image)
            decoding.verify(image)
            return found

    count = pictures.count
    headers, unreadable = {}, []
    for row, result in enumerate(_in_order(look, range(count), progress)):
        if isinstance(result, decoding.Header):
            headers[row] = result
        else:
            unreadable.append((pictures.name(row), decoding.reason(result)))
    labels: dict[str, int] = {}
    if pictures.labels is not None:
        found = Counter(int(pictures.labels[row]) for row in headers)
        labels = {name: found[index] for index, name in enumerate(pictures.label_names)}
    return DataSummary(
        source=source,
        count=len(headers),
        sizes=_counted(header.size for header in headers.values()),
        channels=_counted(header.channels for header in headers.values()),
        bits=_counted(header.bits for header in headers.values()),
        labels=labels,
        unreadable=tuple(unreadable),
        ignored=tuple(ignored),
    )


def _chosen(pictures: Pictures, config: SourceConfig) -> Chosen:
    return choose(pictures.count, pictures.labels, pictures.label_names, config)


def _fingerprint(pictures: Pictures, chosen: Chosen, config: SourceConfig) -> str:
    what = [_VERSION, pictures.identity, config.resolution, config.channels, config.fit, pictures.skip, chosen.names]
    digest = hashlib.sha256(json.dumps(what).encode())
    digest.update(chosen.rows.tobytes())
    if chosen.labels is not None:
        digest.update(chosen.labels.tobytes())
    for key, array in pictures.beside.items():
        digest.update(key.encode() + array.tobytes())
    return digest.hexdigest()


def _check_sizes(differ: bool, config: SourceConfig) -> None:
    if differ and config.random_crop is None:
        raise DataError(
            f"the images of the source {config.source!r} differ in size; set data.resolution in the recipe, or "
            "data.random_crop, which cuts parts out of them as they are"
        )


def _cut_shape(
    images: VariableSizeImages, pictures: Pictures, rows: Labels, config: SourceConfig, *, whole: bool
) -> tuple[int, int, int]:
    """(C, H, W) of what is cut out of images of many sizes."""
    size = as_size(config.random_crop)
    if whole or size is None:
        return images.channels, *images.smallest
    sizes = {int(row): (int(height), int(width)) for row, (height, width) in zip(rows, images.sizes, strict=True)}
    if problem := too_small(sizes, pictures.name, size):
        raise DataError(problem)
    return images.channels, *size


def _shape(pictures: Pictures, chosen: Chosen, config: SourceConfig) -> tuple[int, Size | None]:
    """C and (H, W) of every packed image; no size where they differ. Files are asked only for what neither the recipe
    nor the source says.
    """
    size: Size | str | None = as_size(config.resolution) or pictures.size
    channels: int | str = config.channels or pictures.channels
    if isinstance(size, str) or isinstance(channels, str):
        headers = _headers(pictures, chosen)
        sizes = {header.size for header in headers}
        counts = {header.channels for header in headers}
        size = (sizes.pop() if len(sizes) == 1 else None) if isinstance(size, str) else size
        channels = (counts.pop() if len(counts) == 1 else 3) if isinstance(channels, str) else channels
    return channels, size


def _headers(pictures: Pictures, chosen: Chosen) -> list[decoding.Header]:
    """Of the chosen pictures that have one; at least one has."""

    def look(row: int) -> decoding.Header:
        with pictures.open(int(chosen.rows[row])) as image:
            return decoding.header(image)

    headers, unreadable = [], []
    for row, result in enumerate(_in_order(look, range(len(chosen.rows)), None)):
        if isinstance(result, decoding.Header):
            headers.append(result)
        else:
            unreadable.append((int(chosen.rows[row]), result))
    if not headers:
        _refuse(pictures, unreadable)
    return headers


def _fill(
    pictures: Pictures,
    chosen: Chosen,
    channels: int,
    size: Size | None,
    config: SourceConfig,
    fingerprint: str,
    progress: Progress | None,
) -> cache.Entry:
    def decode(position: int) -> Bytes:
        with pictures.open(int(chosen.rows[position])) as image:
            return decoding.decode(image, size=size, channels=channels, fit=config.fit)

    def decode_all(append: Callable[[Bytes], None]) -> tuple[int, ...]:
        unreadable: list[tuple[int, Exception]] = []
        for position, result in enumerate(_in_order(decode, range(len(chosen.rows)), progress)):
            if isinstance(result, Exception):
                unreadable.append((position, result))
            elif pictures.skip or not unreadable:
                append(result)
        if len(unreadable) == len(chosen.rows) or (unreadable and not pictures.skip):
            _refuse(pictures, [(int(chosen.rows[position]), error) for position, error in unreadable])
        return tuple(position for position, _ in unreadable)

    try:
        with cache.Writer(fingerprint, size and (channels, *size)) as writer:
            return writer.commit(decode_all(writer.append))
    except OSError as error:  # the writer's: those of reading images are caught one by one
        _log.warning("packed images are kept in memory: %s cannot be written (%s)", cache_folder(), error)
    if size is None:
        kept: list[Bytes] = []
        unreadable = decode_all(kept.append)
        ragged = VariableSizeImages.of(kept)
        return cache.Entry(ragged.flat, unreadable, ragged)
    images = np.empty((len(chosen.rows), channels, *size), dtype=np.uint8)
    places = iter(images)

    def keep(image: Bytes) -> None:
        next(places)[:] = image

    unreadable = decode_all(keep)
    return cache.Entry(images[: len(images) - len(unreadable)], unreadable)


def _refuse(pictures: Pictures, unreadable: Sequence[tuple[int, Exception]]) -> None:
    row, error = unreadable[0]
    more = f" (and {len(unreadable) - 1} more)" if len(unreadable) > 1 else ""
    raise DataError(f"{pictures.name(row)} cannot be read{more}: {decoding.reason(error)}; {pictures.remedy}")


def _in_order(work: Callable[[int], T], rows: Sequence[int], progress: Progress | None) -> Iterator[T | Exception]:
    """The results of `work`, or what it raised, in the order of `rows`; a bounded number is under way at a time."""

    def safely(row: int) -> T | Exception:
        try:
            return work(row)
        except Exception as error:  # image libraries raise nearly anything on damaged files
            return error

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(rows), _BLOCK):
            yield from pool.map(safely, rows[start : start + _BLOCK])
            if progress:
                progress(min(start + _BLOCK, len(rows)), len(rows))


def _counted(values: Iterable[T]) -> dict[T, int]:
    """How often each value occurs, the most frequent first."""
    return dict(Counter(values).most_common())


def too_small(sizes: Mapping[int, Size], name: Callable[[int], str], crop: Size) -> str | None:
    """A sentence about those in which no such part lies; None where there are none.

    Args:
        sizes: (height, width) by row.
        name: of the image of a row.
        crop: (height, width) of the parts.
    """
    small = [row for row, (height, width) in sizes.items() if height < crop[0] or width < crop[1]]
    if not small:
        return None
    height, width = sizes[small[0]]
    more = f" (and {len(small) - 1:,} more are too small)" if len(small) > 1 else ""
    return (
        f"{name(small[0])} has {height}x{width} pixels{more}, in which data.random_crop of {crop[0]}x{crop[1]} does "
        "not lie; set a smaller one, or remove it"
    )


@dataclass(frozen=True)
class Chosen:
    """The images that were asked for.

    Args:
        rows: (N,), indices into the source, rising.
        labels: (N,), indices into `names`, or None.
        names: the labels that were kept, in the source's order.
    """

    rows: npt.NDArray[np.int64]
    labels: Labels | None
    names: tuple[str, ...]


def choose(count: int, labels: Labels | None, names: Sequence[str], config: SourceConfig) -> Chosen:
    """Applies `classes`, then `limit`, to `count` images.

    A class is the label that reads like it (7 is the label "7" where there is one), or else the label of that index.

    Raises:
        DataError: nothing is left, a class is unknown, or classes are asked of a source without labels.
    """
    rows = np.arange(count, dtype=np.int64)
    kept = tuple(names)
    if config.classes is not None:
        if labels is None:
            raise DataError(f"the source {config.source!r} has no labels here; remove data.classes from the recipe")
        wanted = sorted({_index(entry, names, config.source) for entry in config.classes})
        kept = tuple(names[index] for index in wanted)
        rows = np.flatnonzero(np.isin(labels, wanted)).astype(np.int64)
        renumbered = np.zeros(len(names), dtype=np.int64)
        renumbered[wanted] = np.arange(len(wanted))
        labels = renumbered[labels]
    rows = rows[: config.limit]
    if not len(rows):
        raise DataError(f"no images are left of the source {config.source!r}; change data.classes or data.split")
    return Chosen(rows, None if labels is None else labels[rows], kept)


def _index(entry: str | int, names: Sequence[str], source: str) -> int:
    if str(entry) in names:
        return list(names).index(str(entry))
    if isinstance(entry, int) and 0 <= entry < len(names):
        return entry
    near = difflib.get_close_matches(str(entry), names, n=1, cutoff=0.5)
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    hint = f"did you mean {near[0]!r}?" if near else f"its labels are {shown or 'none'}"
    raise DataError(f"data.classes: the source {source!r} has no label {entry!r}: {hint}")
