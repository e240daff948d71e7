"""Write PNG, JPEG, WebP and TIFF files with metadata, and overlap reading and writing with processing."""

from __future__ import annotations

import io
import json
import logging
import os
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

import numpy as np
from PIL import Image, PngImagePlugin

from gancli.errors import DataError
from gancli.io.files import atomic_file, disk_errors
from gancli.io.image_reader import ImageMetadata
from gancli.io.images import METADATA_KEY
from gancli.io.types import ImageArray

SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jfif"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
}
"""File name suffixes of each output format, the usual one first."""

LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
"""Largest side in pixels, for formats with a limit. That of JPEG is libjpeg's."""

MAX_TIFF_BYTES = 4_000_000_000
"""Largest size of the pixels of a TIFF, whose offsets have 32 bits."""

_SEGMENT_BYTES = 65_533
"""Most bytes of EXIF data in a JPEG, with their identifier. XMP has the same limit, and an identifier of 29 bytes."""

_XMP_BYTES = _SEGMENT_BYTES - 29

_ICC_BYTES = 255 * 65_519
"""Most bytes of a colour profile in a JPEG: 255 segments."""

_DENSITIES = {"PNG": (0.0254, (2**31 - 1) * 0.0254), "JPEG": (1, 65_535), "TIFF": (0.001, 1e6), "WEBP": (0, 0)}
"""Smallest and largest density, in dots per inch, that each format has a number for. WebP has none outside EXIF data.
"""

MAX_PENDING_BYTES = 256 * 2**20
"""Bytes of results that may wait to be written while the next item is processed."""

_COMPRESSION = 2
"""Compression level of zlib. Photographs are 7 % larger than at the default, 6, and written in less than half the time.
"""

_QUALITY = {
    "PNG": {"compress_level": _COMPRESSION},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}

_BAND = 64  # rows compressed at once

Item = TypeVar("Item")

Input = TypeVar("Input")


class Sized(Protocol):
    """An object with a size in memory, such as an array."""

    @property
    def nbytes(self) -> int: ...


Result = TypeVar("Result", bound=Sized)


def run_pipeline(
    items: Iterable[Item],
    *,
    read: Callable[[Item], Input],
    process: Callable[[Item, Input], Result],
    write: Callable[[Item, Input, Result], None],
    leave_out: Callable[[Item, DataError], None] | None = None,
) -> None:
    """Read, process and write each item in order. The first error stops it, after started writes have finished.

    Args:
        items: such as files.
        read: called in a thread, one item ahead.
        process: called in the calling thread.
        write: called in up to 8 threads.
        leave_out: called with items whose reading or processing raises a DataError; the others go on. It may raise the
            error. By default, these errors stop the pipeline too.
    """
    remaining = deque(items)
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as writers:
        ahead = reader.submit(read, remaining[0]) if remaining else None
        pending: deque[tuple[Future[None], int]] = deque()
        try:
            while remaining and ahead is not None:
                item, current = remaining.popleft(), ahead
                wait([current])
                ahead = reader.submit(read, remaining[0]) if remaining else None
                try:
                    content = current.result()
                    result = process(item, content)
                except DataError as error:
                    if leave_out is None:
                        raise
                    leave_out(item, error)
                    continue
                pending.append((writers.submit(write, item, content, result), result.nbytes))
                del result
                while sum(size for _, size in pending) > MAX_PENDING_BYTES:
                    pending.popleft()[0].result()
        finally:
            reader.shutdown(cancel_futures=True)
        for future, _ in pending:
            future.result()


def write_image(
    path: Path, pixels: ImageArray, metadata: ImageMetadata, *, format: str, origin: Mapping[str, Any]
) -> tuple[str, ...]:
    """Write an image file atomically. Return clauses about metadata that the format has no place for.

    Args:
        path: output file.
        pixels: (H, W, C). JPEG, WebP and colour TIFF have 8 bits, to which 16-bit images are rounded.
        metadata: metadata to write.
        format: a key of `SUFFIXES`; JPEG has no alpha channel.
        origin: how the image was made, for a text chunk of a PNG.

    Raises:
        DiskError: the file cannot be written.
    """
    written, dropped = fit_metadata(metadata, format)
    try:
        _write(path, pixels, written, format, origin)
    except (ArithmeticError, LookupError, RuntimeError, SyntaxError, TypeError, ValueError, struct.error) as error:
        # Metadata of other programs can be wrong in more ways than can be checked; the pixels cannot.
        logging.getLogger("gancli").debug("metadata of %s: %r", path, error)
        _write(path, pixels, ImageMetadata(), format, origin)
        dropped = (f"left out: its metadata, which cannot be written to a {format}",)
    return dropped


def fit_metadata(metadata: ImageMetadata, format: str) -> tuple[ImageMetadata, tuple[str, ...]]:
    """Return the metadata that a format has a place for, and clauses about the parts that are left out."""
    changes: dict[str, Any] = {}
    dropped = []
    if metadata.dpi is not None:
        low, high = _DENSITIES[format]
        if not all(low <= value <= high for value in metadata.dpi):
            changes["dpi"] = None
            if format != "WEBP":
                dropped.append(f"its density of {max(metadata.dpi):.4g} dots per inch does not fit into a {format}")
    limits = {"exif": _SEGMENT_BYTES, "xmp": _XMP_BYTES, "icc": _ICC_BYTES} if format == "JPEG" else {}
    names = {"exif": "EXIF data", "xmp": "XMP packet", "icc": "colour profile"}
    for key, limit in limits.items():
        size = len(getattr(metadata, key) or b"")
        if size > limit:
            changes[key] = None
            dropped.append(f"its {names[key]} of {size:,} bytes exceeds the {limit:,} bytes of a {format}")
    if metadata.text and format != "PNG":
        changes["text"] = {}
        dropped.append(f"its text chunks have no place in a {format}")
    return replace(metadata, **changes), tuple(f"left out: {clause}" for clause in dropped)


def _write(path: Path, pixels: ImageArray, metadata: ImageMetadata, format: str, origin: Mapping[str, Any]) -> None:
    text = {**metadata.text, METADATA_KEY: json.dumps(dict(origin))}
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            _encode(file, pixels, metadata, format, text)


def _encode(file: IO[bytes], pixels: ImageArray, metadata: ImageMetadata, format: str, text: Mapping[str, str]) -> None:
    channels = pixels.shape[2]
    if pixels.dtype == np.uint16 and format == "PNG" and channels > 1:
        file.writelines(_encode_16_bit_png(pixels, metadata, text))
        return
    if pixels.dtype == np.uint16 and not (format in ("PNG", "TIFF") and channels == 1):
        pixels = _to_8_bit(pixels)
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if channels == 1 else pixels))
    if format == "WEBP" and channels == 2:
        image = image.convert("RGBA")
    image.save(file, format=format, **_QUALITY.get(format, {}), **_options(metadata, format, text))


def _options(metadata: ImageMetadata, format: str, text: Mapping[str, str]) -> dict[str, Any]:
    """Return metadata as arguments of `Image.save`."""
    options: dict[str, Any] = {"exif": metadata.exif, "icc_profile": metadata.icc, "dpi": metadata.dpi}
    if format in ("JPEG", "WEBP"):
        options["xmp"] = metadata.xmp
    if format == "TIFF" and metadata.xmp:
        options["tiffinfo"] = {700: metadata.xmp}  # the tag of XMP
    if format == "PNG":
        chunks = PngImagePlugin.PngInfo()
        for key, value in text.items():
            chunks.add_text(key, value)
        if metadata.xmp:
            chunks.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode(errors="replace"))
        options["pnginfo"] = chunks
    return {key: value for key, value in options.items() if value is not None}


def _to_8_bit(pixels: ImageArray) -> ImageArray:
    """Round 16 bits to 8, in bands to bound the memory."""
    result = np.empty(pixels.shape, dtype=np.uint8)
    for top in range(0, len(pixels), _BAND):
        result[top : top + _BAND] = (pixels[top : top + _BAND].astype(np.uint32) + 128) // 257
    return result


def _encode_16_bit_png(pixels: ImageArray, metadata: ImageMetadata, text: Mapping[str, str]) -> Iterator[bytes]:
    """Yield the chunks of a 16-bit PNG with several channels, which Pillow cannot write.

    Each row is stored as the difference from the row above. The metadata chunks come from a PNG of one pixel, written
    by Pillow.
    """
    height, width, channels = pixels.shape
    yield _SIGNATURE
    yield _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPE[channels], 0, 0, 0))
    one_pixel = io.BytesIO()
    Image.new("RGB", (1, 1)).save(one_pixel, format="PNG", **_options(metadata, "PNG", text))
    yield from _metadata_chunks(one_pixel.getvalue())
    compressor, above = zlib.compressobj(_COMPRESSION), np.zeros((1, width * channels * 2), dtype=np.uint8)
    for top in range(0, height, _BAND):
        rows = np.ascontiguousarray(pixels[top : top + _BAND], dtype=">u2").view(np.uint8).reshape(-1, above.shape[1])
        filtered = np.full((len(rows), 1 + rows.shape[1]), 2, dtype=np.uint8)  # 2: the PNG filter "up"
        filtered[:, 1:] = rows - np.concatenate([above, rows[:-1]])
        above = rows[-1:]
        if compressed := compressor.compress(filtered.tobytes()):
            yield _chunk(b"IDAT", compressed)
    yield _chunk(b"IDAT", compressor.flush())
    yield _chunk(b"IEND", b"")


def _metadata_chunks(png: bytes) -> Iterator[bytes]:
    """Yield the chunks of a PNG except header, pixels and end."""
    offset = len(_SIGNATURE)
    while offset < len(png):
        (length,), kind = struct.unpack_from(">I", png, offset), png[offset + 4 : offset + 8]
        chunk = png[offset : offset + 12 + length]
        offset += len(chunk)
        if kind not in (b"IHDR", b"IDAT", b"IEND"):
            yield chunk


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
