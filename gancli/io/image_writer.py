"""A picture to a file of the user's format, with what it says about itself."""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, PngImagePlugin

from gancli.io.files import disk_errors
from gancli.io.image_reader import ImageMetadata
from gancli.io.images import METADATA_KEY
from gancli.io.types import ImageArray

SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jfif"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
}
"""The formats that are written, with the endings of their files, the usual one first."""

LONGEST_SIDE = {"JPEG": 65_535, "WEBP": 16_383}
"""In pixels, where a format has a limit."""

_EFFORT = 2
"""Of zlib: a photograph is 7 % larger than at 6, its default, and written in less than half the time."""

_QUALITY = {
    "PNG": {"compress_level": _EFFORT},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}

_BAND = 64  # rows that are compressed at once


def write_picture(path: Path, pixels: ImageArray, kept: ImageMetadata, *, format: str, made: Mapping[str, Any]) -> None:
    """Writes a picture whole, or not at all.

    Args:
        path: of the file.
        pixels: (H, W, C); of 16 bits, a JPEG, a WebP, or a TIFF of colour keeps the 8 higher ones, rounded.
        kept: what it says about itself.
        format: a key of `SUFFIXES`; JPEG takes no opacity.
        made: how it was made, for a text chunk of a PNG.

    Raises:
        DiskError: the disk refuses.
    """
    text = {**kept.text, METADATA_KEY: json.dumps(dict(made))}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                _encode(file, pixels, kept, format, text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _encode(file: IO[bytes], pixels: ImageArray, kept: ImageMetadata, format: str, text: Mapping[str, str]) -> None:
    channels = pixels.shape[2]
    if pixels.dtype == np.uint16 and format == "PNG" and channels > 1:
        file.writelines(_deep_png(pixels, kept, text))
        return
    if pixels.dtype == np.uint16 and not (format in ("PNG", "TIFF") and channels == 1):
        pixels = _rounded(pixels)
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if channels == 1 else pixels))
    if format == "WEBP" and channels == 2:
        image = image.convert("RGBA")
    image.save(file, format=format, **_QUALITY.get(format, {}), **_metadata(kept, format, text))


def _metadata(kept: ImageMetadata, format: str, text: Mapping[str, str]) -> dict[str, Any]:
    """As `Image.save` takes it."""
    options: dict[str, Any] = {"exif": kept.exif, "icc_profile": kept.icc, "dpi": kept.dpi}
    if format in ("JPEG", "WEBP"):
        options["xmp"] = kept.xmp
    if format == "PNG":
        chunks = PngImagePlugin.PngInfo()
        for key, value in text.items():
            chunks.add_text(key, value)
        if kept.xmp:
            chunks.add_itxt("XML:com.adobe.xmp", kept.xmp.decode(errors="replace"))
        options["pnginfo"] = chunks
    return {key: value for key, value in options.items() if value is not None}


def _rounded(pixels: ImageArray) -> ImageArray:
    """16 bits as 8, a band at a time."""
    result = np.empty(pixels.shape, dtype=np.uint8)
    for top in range(0, len(pixels), _BAND):
        result[top : top + _BAND] = (pixels[top : top + _BAND].astype(np.uint32) + 128) // 257
    return result


def _deep_png(pixels: ImageArray, kept: ImageMetadata, text: Mapping[str, str]) -> Iterator[bytes]:
    """A PNG of 16 bits in several channels, which Pillow does not write, in pieces.

    Every row is stored as its difference to the one above. What is said about the picture is taken from a picture of
    one pixel, which Pillow does write.
    """
    height, width, channels = pixels.shape
    yield _SIGNATURE
    yield _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPE[channels], 0, 0, 0))
    small = io.BytesIO()
    Image.new("RGB", (1, 1)).save(small, format="PNG", **_metadata(kept, "PNG", text))
    yield from _said(small.getvalue())
    packer, above = zlib.compressobj(_EFFORT), np.zeros((1, width * channels * 2), dtype=np.uint8)
    for top in range(0, height, _BAND):
        rows = np.ascontiguousarray(pixels[top : top + _BAND], dtype=">u2").view(np.uint8).reshape(-1, above.shape[1])
        stored = np.full((len(rows), 1 + rows.shape[1]), 2, dtype=np.uint8)  # 2: the filter "up"
        stored[:, 1:] = rows - np.concatenate([above, rows[:-1]])
        above = rows[-1:]
        if packed := packer.compress(stored.tobytes()):
            yield _chunk(b"IDAT", packed)
    yield _chunk(b"IDAT", packer.flush())
    yield _chunk(b"IEND", b"")


def _said(png: bytes) -> Iterator[bytes]:
    """The chunks of a PNG that are neither its shape nor its pixels."""
    place = len(_SIGNATURE)
    while place < len(png):
        (length,), kind = struct.unpack_from(">I", png, place), png[place + 4 : place + 8]
        whole = png[place : place + 12 + length]
        place += len(whole)
        if kind not in (b"IHDR", b"IDAT", b"IEND"):
            yield whole


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
