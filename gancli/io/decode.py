"""Decode image files to byte arrays, within limits on formats and memory.

Only the formats in `FORMATS` are accepted, and the size is checked before decoding. Unreadable, damaged or truncated
files raise an exception of Pillow or a ValueError; `reason` turns it into text for messages.
"""

from __future__ import annotations

import os
import threading
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from gancli.errors import DataError
from gancli.io.files import MAX_MEGAPIXELS
from gancli.io.resize import Fit, Size, resize_image
from gancli.io.types import Array, Bytes

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")

Range = Literal["full", "auto"] | tuple[float, float]
"""Values of grey images with more than 8 bits that become black and white. `full`: the range of the file's bits, and 0
and 1 of floating-point numbers; `auto`: each image's smallest and largest value; (low, high): these values, clipped.
Other images are not changed.
"""

MAX_FEW_BITS = 16_383
"""Largest value up to which a 16-bit image is said to use few of its bits: cameras and scanners have 10, 12 or 14."""

MAX_SCANNED_MEGAPIXELS = 1_000
"""Megapixels that the scans of a progressive JPEG may have together. Each scan takes the time of a whole image, and a
few bytes of the file; usual are 10 scans.
"""

_LARGE_MEGAPIXELS = 16

_large_image_lock = threading.Lock()  # large images are decoded one at a time, to bound the memory of many threads

_TRANSPOSE = {  # operation that undoes each EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow warns about broken metadata and about sizes that `max_megapixels` limits already.
warnings.filterwarnings("ignore", module=r"PIL\.")


class UnreadableImageError(DataError):
    """An image file that cannot be read.

    Args:
        path: the file.
        error: an exception of `open_image` or `decode`, or of Pillow.

    Attributes:
        reason: short reason without the path.
    """

    def __init__(self, path: Path, error: BaseException) -> None:
        self.reason = reason(error)
        super().__init__(f"{path} cannot be read: {self.reason}; leave it out or replace it")


@dataclass(frozen=True)
class Header:
    """Properties declared by an image file: (height, width) after rotation, channels (1, 3 or 4), bits per channel.

    `animated` is True if there are more pages or frames than the first, which alone is read.
    """

    size: Size
    channels: int
    bits: int
    animated: bool = False


def open_image(file: Path | IO[bytes], *, max_megapixels: int = MAX_MEGAPIXELS) -> Image.Image:
    """Open an image and read its header, but not its pixels.

    Raises:
        Exception: the file is not an image in one of `FORMATS`, or it is too large.
    """
    if isinstance(file, Path) and not os.path.isfile(file):  # a pipe would block forever
        raise ValueError("not a regular file, or a broken link")
    image = Image.open(file, formats=FORMATS)
    if image.width * image.height > max_megapixels * 1_000_000:
        image.close()
        raise ValueError(f"{image.height}x{image.width} pixels are more than {max_megapixels} megapixels")
    if image.info.get("progressive"):
        _check_scans(image, file)
    return image


def _check_scans(image: Image.Image, file: Path | IO[bytes]) -> None:
    """Raise a ValueError if a progressive JPEG has too many scans."""
    if isinstance(file, Path):
        content = file.read_bytes()
    else:
        position = file.tell()
        file.seek(0)
        content = file.read()
        file.seek(position)
    scans = content.count(b"\xff\xda")  # in pixels, 0xff is followed by 0
    if scans * image.width * image.height > MAX_SCANNED_MEGAPIXELS * 1_000_000:
        image.close()
        raise ValueError(f"its {scans:,} scans of {image.height}x{image.width} pixels take too long")


def open_half(file: Path, *, right: bool, max_megapixels: int = MAX_MEGAPIXELS) -> Image.Image:
    """Decode the left or right half of an image, after rotation to upright.

    Raises:
        Exception: as for `open_image`, or the width is odd.
    """
    with open_image(file, max_megapixels=max_megapixels) as image:
        with _memory_guard(image):
            image.load()
        turn = orientation(image)
        upright = image.transpose(_TRANSPOSE[turn]) if turn in _TRANSPOSE else image
        width, height = upright.size
        if width % 2:
            raise ValueError(f"{height}x{width} pixels cannot be split into two halves of equal width")
        half = upright.crop((width // 2, 0, width, height) if right else (0, 0, width // 2, height))
        half.format = image.format
        half.info = {key: value for key, value in image.info.items() if key == "transparency"}
        return half


def header(image: Image.Image) -> Header:
    """Return the header of an image that has not been decoded."""
    # To find an EXIF chunk after the pixels, Pillow decodes the whole PNG; such chunks are rare.
    has_orientation = image.format != "PNG" or "exif" in image.info
    size = image.height, image.width
    if has_orientation and image.format != "TIFF" and orientation(image) >= 5:
        size = size[::-1]
    grey = image.mode in ("1", "L", "F") or image.mode.startswith("I")
    channels = 4 if _has_alpha(image) else 1 if grey else 3
    return Header(size, channels, _bits(image), _has_more_frames(image))


def decode(image: Image.Image, *, size: Size | None, channels: int, fit: Fit, span: Range = "full") -> Bytes:
    """Decode an image, upright, to bytes (C, H, W).

    16-bit grey is scaled by rounding value / 257, unless `span` says otherwise. If `channels` is 1 or 3, transparent
    images are blended with white. Colour is converted to grey by the luma of ITU-R 601.

    Args:
        image: opened image; its pixels are read here.
        size: (height, width) to resize to (None: keep the image's size).
        channels: 1, 3 or 4.
        fit: `crop` or `stretch` images whose shape differs from `size`.
        span: values that become black and white.
    """
    with _memory_guard(image):
        return _decode(image, size, channels, fit, span)


def verify(image: Image.Image, *, span: Range = "full") -> None:
    """Decode the pixels and discard them, to raise what `decode` would raise."""
    with _memory_guard(image):
        _plain(image, span)


def remarks(image: Image.Image) -> tuple[str, ...]:
    """Return clauses about content of a decoded image that `decode` does not read or that looks unintended."""
    clauses = ["only the first of its pages or frames is read"] if _has_more_frames(image) else []
    if image.mode.startswith("I;16") and (clause := few_bits(np.asarray(image))):
        clauses.append(clause)
    return tuple(clauses)


def few_bits(values: Array) -> str:
    """Return a clause about 16-bit values that leave most of the range unused; "" if they do not."""
    largest = int(values.max())
    if not 0 < largest <= MAX_FEW_BITS:
        return ""
    bits = largest.bit_length()  # not the value itself, so that all images of a camera have the same clause
    return (
        f"only {bits} of its 16 bits are used, up to {2**bits - 1} of 65535; --range 0,{2**bits - 1} or "
        f"data.range=[0,{2**bits - 1}] scales it"
    )


def reason(error: BaseException) -> str:
    """Return a short reason why an image could not be read, without its name."""
    if isinstance(error, UnidentifiedImageError):
        return f"damaged, or not {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    if isinstance(error, Image.DecompressionBombError):
        return "more pixels than Pillow's limit"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:200]


def _memory_guard(image: Image.Image) -> AbstractContextManager[object]:
    """Return the lock of large images, or a context without effect for other images."""
    is_large = image.width * image.height > _LARGE_MEGAPIXELS * 1_000_000
    return _large_image_lock if is_large else nullcontext()


def _decode(image: Image.Image, size: Size | None, channels: int, fit: Fit, span: Range) -> Bytes:
    if size is not None and image.format in ("JPEG", "MPO"):
        side = 2 * max(size)
        image.draft(None, (side, side))  # libjpeg halves large images while decoding, down to twice the size
    plain = _plain(image, span)
    turn = orientation(image)
    if size is not None:
        plain = resize_image(plain, size[::-1] if turn >= 5 else size, fit)
    if turn in _TRANSPOSE:
        plain = plain.transpose(_TRANSPOSE[turn])
    pixels = np.asarray(_convert_channels(plain, channels))
    return np.ascontiguousarray(pixels[None] if channels == 1 else pixels.transpose(2, 0, 1))


def _plain(image: Image.Image, span: Range) -> Image.Image:
    """Decode the pixels to mode L, LA, RGB or RGBA."""
    image.load()
    if image.mode == "F" or image.mode.startswith("I"):
        return _from_deep_grey(image, span)
    if image.mode == "LA":
        return image
    mode = "RGBA" if _has_alpha(image) else "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _from_deep_grey(image: Image.Image, span: Range) -> Image.Image:
    values = np.asarray(image)
    low, high = value_range(image, values, span)
    grey = np.empty(values.shape, dtype=np.uint8)
    for top in range(0, len(values), 256):  # in bands, because numpy converts to 64 bits
        band = values[top : top + 256]
        if (low, high) == (0, 65535):
            grey[top : top + 256] = _to_eight_bits()[band]
        else:
            grey[top : top + 256] = np.rint(stretch(band, low, high) * 255)
    return Image.fromarray(grey)


def value_range(image: Image.Image, values: Array, span: Range) -> tuple[float, float]:
    """Return the values of a grey image with more than 8 bits that become black and white.

    Args:
        image: decoded image, for its mode and format.
        values: its values (H, W).
        span: as for `decode`.

    Raises:
        ValueError: a value is not finite, or the range of the values is unknown and must be given.
    """
    if image.mode == "F" and not np.isfinite(values).all():
        raise ValueError("pixels contain values that are not finite (NaN or infinity)")
    if isinstance(span, tuple):
        return span
    smallest, largest = float(values.min()), float(values.max())
    if span == "auto":
        return smallest, largest
    advice = 'set the range to "auto" or to [low, high], or save it with 8 or 16 bits'
    if image.mode == "F":
        if smallest < 0 or largest > 1:
            raise ValueError(f"floating-point pixels from {smallest:g} to {largest:g} are not from 0 to 1; {advice}")
        return 0, 1
    # Pillow uses mode I, 32 bits, for 16-bit grey of PPM, and of PNG in older versions.
    if image.mode == "I" and (image.format not in ("PPM", "PNG") or smallest < 0 or largest > 65535):
        raise ValueError(f"32-bit pixels from {smallest:.0f} to {largest:.0f} have an unknown range; {advice}")
    return 0, 65535


def stretch(values: Array, low: float, high: float) -> npt.NDArray[np.float64]:
    """Return values as numbers in [0, 1], clipped: `low` becomes 0 and `high` 1. If they are equal, all become 0."""
    return np.clip((values.astype(np.float64) - low) / ((high - low) or 1.0), 0.0, 1.0)


@cache
def _to_eight_bits() -> Bytes:
    return ((np.arange(65536) + 128) // 257).astype(np.uint8)


def _convert_channels(image: Image.Image, channels: int) -> Image.Image:
    if image.mode in ("LA", "RGBA") and channels < 4:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    return image if image.mode == mode else image.convert(mode)


def _has_alpha(image: Image.Image) -> bool:
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
        return True
    return "transparency" in image.info and image.mode in ("1", "L", "P", "RGB")


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; 1 is upright. A PNG with EXIF after its pixels must have been decoded."""
    try:
        value: Any = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken metadata must not make the image unreadable
        return 1
    return value if isinstance(value, int) else 1


def _has_more_frames(image: Image.Image) -> bool:
    # A JPEG with a preview or a depth map is an MPO for Pillow; its first image is the photograph.
    try:
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    except Exception:  # a damaged second frame must not make the first unreadable
        return True


def _bits(image: Image.Image) -> int:
    if image.mode == "1":
        return 1
    # Pillow reads only the high bytes of 16-bit colour; the raw mode shows the depth of the file.
    raw = str(getattr(image, "tile", ""))
    return 16 if image.mode.startswith("I;16") or ";16" in raw else 32 if image.mode in ("I", "F") else 8
