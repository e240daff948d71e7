"""Pack encoded images into one array: decoded once by a pool of threads, and kept in the cache.

If the cache cannot be written, the array is built in memory, so a full or read-only disk does not stop training.
"""

from __future__ import annotations

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
from gancli.data.source import DataSummary, PackedDataset
from gancli.data.spec import DataSpec
from gancli.data.variable_size import VariableSizeImages
from gancli.errors import DataError, did_you_mean
from gancli.io import decode as decoding
from gancli.io.files import cache_folder
from gancli.io.resize import Size, as_size
from gancli.io.types import Array, Bytes, Labels, Progress
from gancli.recipes.options import SourceConfig

T = TypeVar("T")

_VERSION = 1  # part of all fingerprints; increase it if the same files would be packed to other bytes

_CHUNK = 128  # images submitted to the threads at once, which bounds the memory

_log = logging.getLogger("gancli")


@dataclass(frozen=True, kw_only=True)
class EncodedImages:
    """Encoded images, opened one by one from several threads.

    Args:
        count: number of images.
        name: function that returns the name of a row, for messages.
        open: function that opens the image of a row, or raises any exception if it cannot be read.
        labels: label indices, (N,), or None.
        label_names: names of the labels by index.
        identity: text that identifies the content, for the fingerprint.
        size: (height, width) of all images; None if they differ; `"unknown"` if the headers must be read.
        channels: number of channels, or `"unknown"` likewise.
        skip: leave out unreadable images instead of raising.
        remedy: advice about unreadable images, as the end of a sentence.
        beside: further arrays of `count` rows by key, passed on to the packed dataset.
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
    encoded: EncodedImages, config: SourceConfig, progress: Progress | None = None, *, full_size: bool = False
) -> PackedDataset:
    """Pack the selected images at the recipe's resolution and channels.

    The default resolution is the common size of the images. Images of different sizes keep their own sizes if random
    crops are taken from them. The default number of channels is 1 if all images are grey, 4 if all have an alpha
    channel, and 3 otherwise.

    Args:
        encoded: images to select from.
        config: options of the recipe.
        progress: callback with the number of decoded images.
        full_size: keep different sizes even without random crops; the spec then has the smallest height and width.

    Raises:
        DataError: no image is selected, one is unreadable (unless `skip`), sizes differ without a resolution or crop,
            or an image is smaller than the crop.
    """
    selection = _select(encoded, config)
    fingerprint = _fingerprint(encoded, selection, config)
    entry = cache.load(fingerprint)
    if entry is None:
        channels, size = _packed_shape(encoded, selection, config)
        _check_sizes(size is None and not full_size, config)
        entry = _decode_all(encoded, selection, channels, size, config, fingerprint, progress)
    _check_sizes(entry.variable_size is not None and not full_size, config)
    if entry.unreadable:
        _log.warning("left out %d unreadable images of %d", len(entry.unreadable), len(selection.rows))
    unreadable = list(entry.unreadable)
    labels = None if selection.labels is None else np.delete(selection.labels, unreadable)
    rows = np.delete(selection.rows, unreadable)
    beside = {key: array[rows] for key, array in encoded.beside.items()}
    images: Bytes | VariableSizeImages = entry.images if entry.variable_size is None else entry.variable_size
    channels, height, width = (
        images.shape[1:]
        if not isinstance(images, VariableSizeImages)
        else _crop_shape(images, encoded, rows, config, full_size=full_size)
    )
    spec = DataSpec(channels=channels, height=height, width=width, labels=selection.names)
    packed = PackedDataset.of_images(images=images, labels=labels, spec=spec, fingerprint=fingerprint)
    return replace(packed, arrays={**packed.arrays, **beside})


def is_packed(encoded: EncodedImages, config: SourceConfig) -> bool:
    """True if `pack` would find the images in the cache."""
    return cache.load(_fingerprint(encoded, _select(encoded, config), config)) is not None


def sizes(encoded: EncodedImages) -> list[Size | None]:
    """Return the (height, width) in the header of each image; None for unreadable images."""

    def read_size(row: int) -> Size:
        with encoded.open(row) as image:
            return decoding.header(image).size

    results = _map_in_order(read_size, range(encoded.count), None)
    return [None if isinstance(size, Exception) else size for size in results]


def summarize(
    encoded: EncodedImages, config: SourceConfig, ignored: Sequence[str] = (), progress: Progress | None = None
) -> DataSummary:
    """Summarise the images. Each is decoded, because headers do not show truncated files."""
    span = _span(config)
    remarks: dict[int, tuple[str, ...]] = {}

    def check(row: int) -> decoding.Header:
        with encoded.open(row) as image:
            header = decoding.header(image)
            decoding.verify(image, span=span)
            remarks[row] = decoding.remarks(image)
            return header

    headers, unreadable = {}, []
    for row, result in enumerate(_map_in_order(check, range(encoded.count), progress)):
        if isinstance(result, decoding.Header):
            headers[row] = result
        else:
            unreadable.append((encoded.name(row), decoding.reason(result)))
    labels: dict[str, int] = {}
    if encoded.labels is not None:
        counts = Counter(int(encoded.labels[row]) for row in headers)
        labels = {name: counts[index] for index, name in enumerate(encoded.label_names)}
    return DataSummary(
        source=config.source,
        count=len(headers),
        sizes=_count(header.size for header in headers.values()),
        channels=_count(header.channels for header in headers.values()),
        bits=_count(header.bits for header in headers.values()),
        labels=labels,
        unreadable=tuple(unreadable),
        ignored=tuple(ignored),
        notes=_notes(remarks, encoded.name),
    )


def _notes(remarks: Mapping[int, Sequence[str]], name: Callable[[int], str]) -> tuple[str, ...]:
    """Return each remark once, with the name of the first image and the number of the others."""
    rows: dict[str, list[int]] = {}
    for row, clauses in sorted(remarks.items()):
        for clause in clauses:
            rows.setdefault(clause, []).append(row)
    return tuple(
        f"{name(found[0])}{f' and {len(found) - 1:,} more' if len(found) > 1 else ''}: {clause}"
        for clause, found in rows.items()
    )


def undersized_message(sizes: Mapping[int, Size], name: Callable[[int], str], crop: Size) -> str | None:
    """Return a sentence about images that are smaller than the crop; None if there are none.

    Args:
        sizes: (height, width) by row.
        name: function that returns the name of a row.
        crop: (height, width) of the crop.
    """
    small = [row for row, (height, width) in sizes.items() if height < crop[0] or width < crop[1]]
    if not small:
        return None
    height, width = sizes[small[0]]
    more = f" (and {len(small) - 1:,} more)" if len(small) > 1 else ""
    return (
        f"{name(small[0])}{more} is too small for data.random_crop {crop[0]}x{crop[1]}: it has {height}x{width} "
        "pixels; set a smaller crop, or remove it"
    )


@dataclass(frozen=True)
class Selection:
    """Selected images.

    Args:
        rows: ascending indices into the source, (N,).
        labels: indices into `names`, (N,), or None.
        names: names of the selected labels, in the source's order.
    """

    rows: npt.NDArray[np.int64]
    labels: Labels | None
    names: tuple[str, ...]


def select(count: int, labels: Labels | None, names: Sequence[str], config: SourceConfig) -> Selection:
    """Apply the options `classes` and then `limit` to `count` images.

    A class is matched by name first (7 is the label "7" if there is one), then by label index.

    Raises:
        DataError: no image is left, a class is unknown, or the source has no labels.
    """
    rows = np.arange(count, dtype=np.int64)
    selected_names = tuple(names)
    if config.classes is not None:
        if labels is None:
            raise DataError(f"the source {config.source!r} has no labels; remove data.classes from the recipe")
        indices = sorted({_label_index(entry, names, config.source) for entry in config.classes})
        selected_names = tuple(names[index] for index in indices)
        rows = np.flatnonzero(np.isin(labels, indices)).astype(np.int64)
        new_index = np.zeros(len(names), dtype=np.int64)
        new_index[indices] = np.arange(len(indices))
        labels = new_index[labels]
    rows = rows[: config.limit]
    if not len(rows):
        raise DataError(f"no images of the source {config.source!r} are selected; change data.classes or data.split")
    return Selection(rows, None if labels is None else labels[rows], selected_names)


def _label_index(entry: str | int, names: Sequence[str], source: str) -> int:
    if str(entry) in names:
        return list(names).index(str(entry))
    if isinstance(entry, int) and 0 <= entry < len(names):
        return entry
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    hint = did_you_mean(str(entry), names, f"its labels are {shown or 'none'}")
    raise DataError(f"data.classes: the source {source!r} has no label {entry!r}: {hint}")


def _select(encoded: EncodedImages, config: SourceConfig) -> Selection:
    return select(encoded.count, encoded.labels, encoded.label_names, config)


def _fingerprint(encoded: EncodedImages, selection: Selection, config: SourceConfig) -> str:
    options = [config.resolution, config.channels, config.fit]
    # Left out by default, as in fingerprints made before the option was added.
    span = [] if _span(config) == "full" else [{"range": _span(config)}]
    content = [_VERSION, encoded.identity, *options, encoded.skip, selection.names, *span]
    digest = hashlib.sha256(json.dumps(content).encode())
    digest.update(selection.rows.tobytes())
    if selection.labels is not None:
        digest.update(selection.labels.tobytes())
    for key, array in encoded.beside.items():
        digest.update(key.encode() + array.tobytes())
    return digest.hexdigest()


def _span(config: SourceConfig) -> decoding.Range:
    span: decoding.Range = getattr(config, "range", "full")
    return span


def _check_sizes(differ: bool, config: SourceConfig) -> None:
    if differ and config.random_crop is None:
        raise DataError(
            f"the images of the source {config.source!r} differ in size; set data.resolution to resize them, or "
            "data.random_crop to crop them"
        )


def _crop_shape(
    images: VariableSizeImages, encoded: EncodedImages, rows: Labels, config: SourceConfig, *, full_size: bool
) -> tuple[int, int, int]:
    """Return (C, H, W) of the crops of images of different sizes."""
    size = as_size(config.random_crop)
    if full_size or size is None:
        return images.channels, *images.smallest
    sizes = {int(row): (int(height), int(width)) for row, (height, width) in zip(rows, images.sizes, strict=True)}
    if problem := undersized_message(sizes, encoded.name, size):
        raise DataError(problem)
    return images.channels, *size


def _packed_shape(encoded: EncodedImages, selection: Selection, config: SourceConfig) -> tuple[int, Size | None]:
    """Return the channels and (height, width) of packed images; the size is None if images differ in size.

    Headers are read only for properties that neither the recipe nor the source defines.
    """
    size: Size | str | None = as_size(config.resolution) or encoded.size
    channels: int | str = config.channels or encoded.channels
    if isinstance(size, str) or isinstance(channels, str):
        headers = _read_headers(encoded, selection)
        sizes = {header.size for header in headers}
        counts = {header.channels for header in headers}
        size = (sizes.pop() if len(sizes) == 1 else None) if isinstance(size, str) else size
        channels = (counts.pop() if len(counts) == 1 else 3) if isinstance(channels, str) else channels
    return channels, size


def _read_headers(encoded: EncodedImages, selection: Selection) -> list[decoding.Header]:
    """Read the headers of the selected images; unreadable ones are left out unless all are unreadable."""

    def read(position: int) -> decoding.Header:
        with encoded.open(int(selection.rows[position])) as image:
            return decoding.header(image)

    headers, unreadable = [], []
    for position, result in enumerate(_map_in_order(read, range(len(selection.rows)), None)):
        if isinstance(result, decoding.Header):
            headers.append(result)
        else:
            unreadable.append((int(selection.rows[position]), result))
    if not headers:
        raise _unreadable_error(encoded, unreadable)
    return headers


def _decode_all(
    encoded: EncodedImages,
    selection: Selection,
    channels: int,
    size: Size | None,
    config: SourceConfig,
    fingerprint: str,
    progress: Progress | None,
) -> cache.Entry:
    """Decode the selected images into the cache, or into memory if the cache cannot be written."""

    def decode(position: int) -> Bytes:
        with encoded.open(int(selection.rows[position])) as image:
            return decoding.decode(image, size=size, channels=channels, fit=config.fit, span=_span(config))

    def decode_to(append: Callable[[Bytes], None]) -> tuple[int, ...]:
        unreadable: list[tuple[int, Exception]] = []
        for position, result in enumerate(_map_in_order(decode, range(len(selection.rows)), progress)):
            if isinstance(result, Exception):
                unreadable.append((position, result))
            elif encoded.skip or not unreadable:
                append(result)
        if len(unreadable) == len(selection.rows) or (unreadable and not encoded.skip):
            raise _unreadable_error(encoded, [(int(selection.rows[position]), error) for position, error in unreadable])
        return tuple(position for position, _ in unreadable)

    try:
        with cache.Writer(fingerprint, size and (channels, *size)) as writer:
            return writer.commit(decode_to(writer.append))
    except OSError as error:  # from writing; errors of reading are caught per image
        _log.warning("keeping packed images in memory: %s cannot be written (%s)", cache_folder(), error)
    if size is None:
        decoded: list[Bytes] = []
        unreadable = decode_to(decoded.append)
        variable_size = VariableSizeImages.of(decoded)
        return cache.Entry(variable_size.flat, unreadable, variable_size)
    images = np.empty((len(selection.rows), channels, *size), dtype=np.uint8)
    rows = iter(images)

    def fill_next(image: Bytes) -> None:
        next(rows)[:] = image

    unreadable = decode_to(fill_next)
    return cache.Entry(images[: len(images) - len(unreadable)], unreadable)


def _unreadable_error(encoded: EncodedImages, unreadable: Sequence[tuple[int, Exception]]) -> DataError:
    row, error = unreadable[0]
    more = f" (and {len(unreadable) - 1} more)" if len(unreadable) > 1 else ""
    return DataError(f"{encoded.name(row)} cannot be read{more}: {decoding.reason(error)}; {encoded.remedy}")


def _map_in_order(
    function: Callable[[int], T], rows: Sequence[int], progress: Progress | None
) -> Iterator[T | Exception]:
    """Yield the result of each row, or the exception it raised, in order. A bounded number runs at a time."""

    def catch(row: int) -> T | Exception:
        try:
            return function(row)
        except Exception as error:  # image libraries raise many types for damaged files
            return error

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(rows), _CHUNK):
            yield from pool.map(catch, rows[start : start + _CHUNK])
            if progress:
                progress(min(start + _CHUNK, len(rows)), len(rows))


def _count(values: Iterable[T]) -> dict[T, int]:
    """Count the values, the most frequent first."""
    return dict(Counter(values).most_common())
