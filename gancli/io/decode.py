"""One image file to one array of bytes, whatever it holds, and nothing that can exhaust the machine.

Only the formats in `FORMATS` are tried, the size is checked before anything is decoded, and a damaged or truncated file
raises. What raises here is an ordinary exception of Pillow's or a ValueError; `reason` words it for a person.
"""

from __future__ import annotations

import os
import threading
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from gancli.io.files import MAX_MEGAPIXELS
from gancli.io.resize import Fit, Size, resize_image
from gancli.io.types import Bytes

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")

_LARGE_MEGAPIXELS = 16

_large = threading.Lock()  # large images are decoded one at a time, however many threads there are

_TURNS = {  # how Pillow undoes each EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Of broken metadata, and of sizes for which we have a limit of our own: none of it is for the user's terminal.
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True)
class Header:
    """What an image file declares: size as (height, width) after rotation, channels (1, 3, 4), bits a channel."""

    size: Size
    channels: int
    bits: int


def open_image(file: Path | IO[bytes], *, max_megapixels: int = MAX_MEGAPIXELS) -> Image.Image:
    """An image whose header is read and whose pixels are not.

    Raises:
        Exception: it is no image of an allowed format, or too large.
    """
    if isinstance(file, Path) and not os.path.isfile(file):  # a pipe would block for ever
        raise ValueError("not a regular file, or a broken link")
    image = Image.open(file, formats=FORMATS)
    if image.width * image.height > max_megapixels * 1_000_000:
        image.close()
        raise ValueError(f"{image.height}x{image.width} pixels are more than {max_megapixels} megapixels")
    return image


def open_half(file: Path, *, right: bool, max_megapixels: int = MAX_MEGAPIXELS) -> Image.Image:
    """The left or the right half of an image, upright and decoded.

    Raises:
        Exception: as `open_image` raises, or the width is odd.
    """
    with open_image(file, max_megapixels=max_megapixels) as image:
        with _large if _is_large(image) else nullcontext():
            image.load()
        turn = orientation(image)
        upright = image.transpose(_TURNS[turn]) if turn in _TURNS else image
        width, height = upright.size
        if width % 2:
            raise ValueError(f"{height}x{width} pixels do not make two halves of one width")
        half = upright.crop((width // 2, 0, width, height) if right else (0, 0, width // 2, height))
        half.format = image.format
        half.info = {key: value for key, value in image.info.items() if key == "transparency"}
        return half


def header(image: Image.Image) -> Header:
    """What an image that is not decoded yet says about itself."""
    # Pillow decodes the whole of a PNG to look for an EXIF chunk behind the pixels, which hardly any has.
    known = image.format != "PNG" or "exif" in image.info
    size = image.height, image.width
    if known and image.format != "TIFF" and orientation(image) >= 5:
        size = size[::-1]
    grey = image.mode in ("1", "L", "F") or image.mode.startswith("I")
    return Header(size, 4 if _has_alpha(image) else 1 if grey else 3, _bits(image))


def decode(image: Image.Image, *, size: Size | None, channels: int, fit: Fit) -> Bytes:
    """The image upright, at `size` or else its own, as (C, H, W) in 0..255.

    Deep greys keep their range: 0..65535 becomes 0..255 by rounding value / 257. An image with transparency lies on
    white where `channels` is 1 or 3. Grey from colour is the luma of ITU-R 601.

    Args:
        image: as opened; its pixels are read here.
        size: (height, width); None: as it is.
        channels: 1, 3 or 4.
        fit: how another shape is brought to `size`.
    """
    with _large if _is_large(image) else nullcontext():
        return _decode(image, size, channels, fit)


def verify(image: Image.Image) -> None:
    """Decodes and drops the pixels: raises what `decode` would."""
    with _large if _is_large(image) else nullcontext():
        _plain(image)


def reason(error: BaseException) -> str:
    """Why an image could not be read, in a few words without its name."""
    if isinstance(error, UnidentifiedImageError):
        return f"damaged, or none of {', '.join(FORMATS)}"
    if isinstance(error, Image.DecompressionBombError):
        return "more pixels than Pillow agrees to decode"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:200]


def _is_large(image: Image.Image) -> bool:
    return image.width * image.height > _LARGE_MEGAPIXELS * 1_000_000


def _decode(image: Image.Image, size: Size | None, channels: int, fit: Fit) -> Bytes:
    if size is not None and image.format in ("JPEG", "MPO"):
        side = 2 * max(size)
        image.draft(None, (side, side))  # libjpeg halves large photographs while it decodes; twice the size is kept
    plain = _plain(image)
    turn = orientation(image)
    if size is not None:
        plain = resize_image(plain, size[::-1] if turn >= 5 else size, fit)
    if turn in _TURNS:
        plain = plain.transpose(_TURNS[turn])
    pixels = np.asarray(_with_channels(plain, channels))
    return np.ascontiguousarray(pixels[None] if channels == 1 else pixels.transpose(2, 0, 1))


def _plain(image: Image.Image) -> Image.Image:
    """The decoded pixels as L, LA, RGB or RGBA."""
    image.load()
    if image.mode.startswith("I"):
        return _from_deep_grey(image)
    if image.mode == "F":
        raise ValueError("pixels are floating-point numbers, whose range is unknown; save it with 8 or 16 bits")
    if image.mode == "LA":
        return image
    mode = "RGBA" if _has_alpha(image) else "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _from_deep_grey(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    # In mode I, 32 bits, Pillow keeps the 16-bit greys of PPM, and of PNG in older versions.
    if image.mode == "I" and (image.format not in ("PPM", "PNG") or values.min() < 0 or values.max() > 65535):
        raise ValueError("pixels are 32-bit numbers, whose range is unknown; save it with 8 or 16 bits")
    grey = np.empty(values.shape, dtype=np.uint8)
    for top in range(0, len(values), 256):  # numpy widens indices to 64 bits
        grey[top : top + 256] = _to_eight_bits()[values[top : top + 256]]
    return Image.fromarray(grey)


@cache
def _to_eight_bits() -> Bytes:
    return ((np.arange(65536) + 128) // 257).astype(np.uint8)


def _with_channels(image: Image.Image, channels: int) -> Image.Image:
    if image.mode in ("LA", "RGBA") and channels < 4:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    return image if image.mode == mode else image.convert(mode)


def _has_alpha(image: Image.Image) -> bool:
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
        return True
    return "transparency" in image.info and image.mode in ("1", "L", "P", "RGB")


def orientation(image: Image.Image) -> int:
    """How EXIF says that an image lies: 1 is upright; of a PNG that says so behind its pixels, only once decoded."""
    try:
        value: Any = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken metadata of a sound picture
        return 1
    return value if isinstance(value, int) else 1


def _bits(image: Image.Image) -> int:
    if image.mode == "1":
        return 1
    # Pillow has no mode for 16-bit colour and keeps its high bytes; the raw mode tells what the file holds.
    raw = str(getattr(image, "tile", ""))
    return 16 if image.mode.startswith("I;16") or ";16" in raw else 32 if image.mode in ("I", "F") else 8
