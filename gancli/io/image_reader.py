"""One of the user's pictures with all that it holds: 8 or 16 bits, opacity, and what it says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

from gancli.errors import DataError
from gancli.io import decode
from gancli.io.types import Bytes, ImageArray

_SIDES = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)

_DENSITIES = (ExifTags.Base.XResolution, ExifTags.Base.YResolution)

_LEFT_OUT = (ExifTags.Base.Orientation, ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength)

_TOLD = (  # of a TIFF, whose other tags are its layout
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
)


@dataclass(frozen=True)
class ImageMetadata:
    """What a picture says about itself, as Pillow's encoders take it.

    Args:
        exif: of the picture as it will be: upright, `scale` times as large, and as dense as to be as large on paper.
        icc: its colour profile.
        dpi: dots per inch, horizontally and vertically.
        text: PNG's text chunks.
        xmp: an XML packet.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    xmp: bytes | None = None


@dataclass(frozen=True)
class Picture:
    """A picture that was read.

    Args:
        pixels: (H, W, C), upright: grey, grey and opacity, RGB, or RGBA.
        kept: what it says about itself.
        lost: clauses on what of the file could not be read.
    """

    pixels: ImageArray
    kept: ImageMetadata
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageHeader:
    """What a file says before it is decoded: format as Pillow names it, (height, width) and channels from 1 to 4."""

    format: str
    height: int
    width: int
    channels: int


def glance(path: Path) -> ImageHeader:
    """A file's header.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with decode.open_image(path) as image:
            head = decode.header(image)
            height, width = head.size
            return ImageHeader(image.format or "", height, width, head.channels)
    except Exception as error:  # of Pillow's many
        raise _unreadable(path, error) from None


def read_picture(path: Path, *, scale: int) -> Picture:
    """A picture, whole.

    Args:
        path: of a file in a format that `gan` reads.
        scale: how many times as large it is going to be.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with decode.open_image(path) as image:
            lost = ["only the first of its frames is read"] if getattr(image, "n_frames", 1) > 1 else []
            bits = decode.header(image).bits
            pixels = _deep(path) if bits == 16 else _plain(image)
            if bits == 16 and pixels.dtype == np.uint8:
                lost.append(f"8 of its 16 bits are read, which is all that Pillow reads of colour in {image.format}")
            image.load()
            if image.mode in ("CMYK", "LAB"):
                lost.append(f"its {image.mode} colours are read as RGB, without their profile")
            return Picture(_upright(pixels, decode.orientation(image)), _kept(image, scale), tuple(lost))
    except Exception as error:  # of Pillow's many
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read: {decode.reason(error)}; leave it out or replace it")


def _plain(image: Image.Image) -> ImageArray:
    image.load()
    if image.mode in ("I", "F"):
        raise ValueError("pixels are 32-bit numbers, whose range is unknown; save it with 8 or 16 bits")
    grey = image.mode in ("1", "L", "LA", "La")
    keyed = "transparency" in image.info and image.mode in ("1", "L", "P", "RGB")
    clear = keyed or image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    mode = ("LA" if clear else "L") if grey else ("RGBA" if clear else "RGB")
    return _with_channels(np.asarray(image if image.mode == mode else image.convert(mode)))


def _deep(path: Path) -> ImageArray:
    """A file of 16 bits; as 8 bits where Pillow can do no more.

    Pillow has a mode for deep grey alone. Of colour in a PNG it keeps the high byte of every number, or, told that the
    bytes stand the other way round, the low one; so it is read twice.
    """
    with decode.open_image(path) as image:
        if image.mode.startswith("I"):
            values = np.asarray(image)
            if values.min() < 0 or values.max() > 65535:
                raise ValueError("pixels are 32-bit numbers, whose range is unknown; save it with 8 or 16 bits")
            return _with_key(_with_channels(values.astype(np.uint16)), image.info.get("transparency"))
        raw = str(image.tile[0].args) if isinstance(image, PngImageFile) and image.tile else ""
        if raw == "LA;16B":  # four bytes a pixel, which may just as well be called RGBA
            halves = _as_if(image, "RGBA")
            return _joined(halves[..., ::2], halves[..., 1::2])
        if raw not in ("RGB;16B", "RGBA;16B"):
            return _plain(image)
        key = image.info.get("transparency")
        high = np.asarray(image)
    with decode.open_image(path) as image:
        return _with_key(_joined(high, _as_if(image, raw.replace("16B", "16L"))), key)


def _as_if(image: Image.Image, raw: str) -> Bytes:
    """An image that is not decoded yet, decoded as if its numbers lay in the file in another way."""
    assert isinstance(image, ImageFile)
    image.tile = [tile._replace(args=raw) for tile in image.tile]
    return np.asarray(image)


def _joined(high: Bytes, low: Bytes) -> npt.NDArray[np.uint16]:
    return (high.astype(np.uint16) << np.uint16(8)) | low


def _with_key(values: ImageArray, key: Any) -> ImageArray:
    """A picture in which one colour means nothing: with opacity."""
    if key is None:
        return values
    clear = (values == np.asarray(key, dtype=np.uint16)).all(axis=2, keepdims=True)
    return np.concatenate([values, np.where(clear, 0, 65535).astype(np.uint16)], axis=2)


def _with_channels(values: ImageArray) -> ImageArray:
    return values[..., None] if values.ndim == 2 else values


def _upright(pixels: ImageArray, turn: int) -> ImageArray:
    """Pixels turned as an EXIF orientation wants it."""
    if turn in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _kept(image: Image.Image, scale: int) -> ImageMetadata:
    info, icc, dpi = image.info, image.info.get("icc_profile"), image.info.get("dpi")
    turned = decode.orientation(image) >= 5
    size = image.size[::-1] if turned else image.size
    text = {str(key): str(value) for key, value in getattr(image, "text", {}).items()}
    xmp = info.get("xmp")
    exif: bytes | None = None
    with suppress(Exception):  # broken metadata of a sound picture
        exif = _exif(image, (size[0] * scale, size[1] * scale), scale)
    return ImageMetadata(
        exif=exif,
        icc=icc if isinstance(icc, bytes) and image.mode not in ("CMYK", "LAB") else None,
        dpi=_denser(dpi, scale, turned=turned),
        text={key: value for key, value in text.items() if not key.startswith("XML:com.adobe")},
        xmp=xmp if isinstance(xmp, bytes) else None,
    )


def _denser(dpi: Any, scale: int, *, turned: bool) -> tuple[float, float] | None:
    """So many dots per inch that a picture stays as large on paper; None where it does not say how large it is."""
    with suppress(TypeError, ValueError):
        across, down = (float(each) * scale for each in dpi)
        if across > 0 and down > 0:
            return (down, across) if turned else (across, down)
    return None


def _exif(image: Image.Image, size: tuple[int, int], scale: int) -> bytes | None:
    """EXIF of the upright picture of another size (width, height); without its thumbnail."""
    old, new = image.getexif(), Image.Exif()
    for tag, value in old.items():
        if tag not in (*_LEFT_OUT, *ExifTags.IFD) and (image.format != "TIFF" or tag in _TOLD):
            new[tag] = type(value)(value * scale) if tag in _DENSITIES else value
    for part in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if inner := dict(old.get_ifd(part)):
            inner.update({tag: side for tag, side in zip(_SIDES, size, strict=True) if tag in inner})
            new[part] = inner
    return new.tobytes() if len(new) else None
