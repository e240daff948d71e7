"""Read image files with full bit depth (8 or 16), alpha channel and metadata."""

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

_SIDE_TAGS = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)

_DENSITY_TAGS = (ExifTags.Base.XResolution, ExifTags.Base.YResolution)

_DROPPED_TAGS = (ExifTags.Base.Orientation, ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength)

_TIFF_TAGS = (  # the other tags of a TIFF describe its layout
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
    """Metadata of an image, in the form that Pillow's encoders take.

    Args:
        exif: EXIF data, updated for the upright and enlarged image, with the density that keeps its size on paper.
        icc: colour profile.
        dpi: dots per inch, horizontally and vertically.
        text: PNG text chunks.
        xmp: XMP packet.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    xmp: bytes | None = None


@dataclass(frozen=True)
class DecodedImage:
    """Pixels and metadata of an image file.

    Args:
        pixels: (H, W, C), upright: grey, grey and alpha, RGB or RGBA.
        metadata: metadata of the file.
        warnings: clauses about content of the file that was not read.
    """

    pixels: ImageArray
    metadata: ImageMetadata
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageHeader:
    """Properties of a file that is not decoded: format as named by Pillow, height, width, channels (1, 3 or 4)."""

    format: str
    height: int
    width: int
    channels: int


def read_header(path: Path) -> ImageHeader:
    """Read the header of an image file.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with decode.open_image(path) as image:
            header = decode.header(image)
            height, width = header.size
            return ImageHeader(image.format or "", height, width, header.channels)
    except Exception as error:  # Pillow raises many types
        raise _unreadable(path, error) from None


def read_image(path: Path, *, scale: int) -> DecodedImage:
    """Read an image file.

    Args:
        path: file in one of `gancli.io.decode.FORMATS`.
        scale: factor by which the image will be enlarged; adapts the metadata.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with decode.open_image(path) as image:
            warnings = ["only the first of its frames is read"] if getattr(image, "n_frames", 1) > 1 else []
            bits = decode.header(image).bits
            pixels = _read_16_bit(path) if bits == 16 else _read_8_bit(image)
            if bits == 16 and pixels.dtype == np.uint8:
                warnings.append(f"8 of its 16 bits are read, because Pillow reads only 8 bits of {image.format} colour")
            image.load()
            if image.mode in ("CMYK", "LAB"):
                warnings.append(f"its {image.mode} colours are read as RGB, without their profile")
            pixels = _upright(pixels, decode.orientation(image))
            return DecodedImage(pixels, _metadata(image, scale), tuple(warnings))
    except Exception as error:  # Pillow raises many types
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read: {decode.reason(error)}; leave it out or replace it")


def _read_8_bit(image: Image.Image) -> ImageArray:
    image.load()
    if image.mode in ("I", "F"):
        raise ValueError("pixels are 32-bit numbers of unknown range; save it with 8 or 16 bits")
    grey = image.mode in ("1", "L", "LA", "La")
    has_key = "transparency" in image.info and image.mode in ("1", "L", "P", "RGB")
    alpha = has_key or image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    mode = ("LA" if alpha else "L") if grey else ("RGBA" if alpha else "RGB")
    return _add_channel_axis(np.asarray(image if image.mode == mode else image.convert(mode)))


def _read_16_bit(path: Path) -> ImageArray:
    """Read a 16-bit file; return 8 bits for formats of which Pillow reads no more.

    Pillow has a 16-bit mode for grey only. Of 16-bit PNG colour it keeps the high bytes, or the low bytes if told that
    the byte order is reversed, so the file is decoded twice.
    """
    with decode.open_image(path) as image:
        if image.mode.startswith("I"):
            values = np.asarray(image)
            if values.min() < 0 or values.max() > 65535:
                raise ValueError("pixels are 32-bit numbers of unknown range; save it with 8 or 16 bits")
            return _apply_colour_key(_add_channel_axis(values.astype(np.uint16)), image.info.get("transparency"))
        raw = str(image.tile[0].args) if isinstance(image, PngImageFile) and image.tile else ""
        if raw == "LA;16B":  # four bytes per pixel, which can be decoded as RGBA
            pairs = _decode_as(image, "RGBA")
            return _combine_bytes(pairs[..., ::2], pairs[..., 1::2])
        if raw not in ("RGB;16B", "RGBA;16B"):
            return _read_8_bit(image)
        key = image.info.get("transparency")
        high = np.asarray(image)
    with decode.open_image(path) as image:
        low = _decode_as(image, raw.replace("16B", "16L"))
        return _apply_colour_key(_combine_bytes(high, low), key)


def _decode_as(image: Image.Image, raw: str) -> Bytes:
    """Decode an opened image with another raw mode than that of the file."""
    assert isinstance(image, ImageFile)
    image.tile = [tile._replace(args=raw) for tile in image.tile]
    return np.asarray(image)


def _combine_bytes(high: Bytes, low: Bytes) -> npt.NDArray[np.uint16]:
    return (high.astype(np.uint16) << np.uint16(8)) | low


def _apply_colour_key(values: ImageArray, key: Any) -> ImageArray:
    """Append an alpha channel in which pixels of the colour `key` are transparent; None: no transparent colour."""
    if key is None:
        return values
    transparent = (values == np.asarray(key, dtype=np.uint16)).all(axis=2, keepdims=True)
    return np.concatenate([values, np.where(transparent, 0, 65535).astype(np.uint16)], axis=2)


def _add_channel_axis(values: ImageArray) -> ImageArray:
    return values[..., None] if values.ndim == 2 else values


def _upright(pixels: ImageArray, orientation: int) -> ImageArray:
    """Undo an EXIF orientation."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _metadata(image: Image.Image, scale: int) -> ImageMetadata:
    info, icc, dpi = image.info, image.info.get("icc_profile"), image.info.get("dpi")
    swapped = decode.orientation(image) >= 5
    size = image.size[::-1] if swapped else image.size
    text = {str(key): str(value) for key, value in getattr(image, "text", {}).items()}
    xmp = info.get("xmp")
    exif: bytes | None = None
    with suppress(Exception):  # broken metadata must not make the image unreadable
        exif = _exif(image, (size[0] * scale, size[1] * scale), scale)
    return ImageMetadata(
        exif=exif,
        icc=icc if isinstance(icc, bytes) and image.mode not in ("CMYK", "LAB") else None,
        dpi=_scale_dpi(dpi, scale, swapped=swapped),
        text={key: value for key, value in text.items() if not key.startswith("XML:com.adobe")},
        xmp=xmp if isinstance(xmp, bytes) else None,
    )


def _scale_dpi(dpi: Any, scale: int, *, swapped: bool) -> tuple[float, float] | None:
    """Return the density that keeps the size on paper; None if the image has no valid density."""
    with suppress(TypeError, ValueError):
        horizontal, vertical = (float(value) * scale for value in dpi)
        if horizontal > 0 and vertical > 0:
            return (vertical, horizontal) if swapped else (horizontal, vertical)
    return None


def _exif(image: Image.Image, size: tuple[int, int], scale: int) -> bytes | None:
    """Return EXIF data for the upright image of size (width, height), without a thumbnail."""
    old, new = image.getexif(), Image.Exif()
    for tag, value in old.items():
        if tag not in (*_DROPPED_TAGS, *ExifTags.IFD) and (image.format != "TIFF" or tag in _TIFF_TAGS):
            new[tag] = type(value)(value * scale) if tag in _DENSITY_TAGS else value
    for part in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if inner := dict(old.get_ifd(part)):
            inner.update({tag: side for tag, side in zip(_SIDE_TAGS, size, strict=True) if tag in inner})
            new[part] = inner
    return new.tobytes() if len(new) else None
