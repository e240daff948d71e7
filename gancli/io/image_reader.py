"""Read image files with full bit depth (8 or 16), alpha channel and metadata."""

from __future__ import annotations

import math
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

from gancli.io import decode
from gancli.io.types import Array, Bytes, ImageArray

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
        raise decode.UnreadableImageError(path, error) from None


def read_image(path: Path, *, scale: int, span: decode.Range = "full") -> DecodedImage:
    """Read an image file.

    Args:
        path: file in one of `gancli.io.decode.FORMATS`.
        scale: factor by which the image will be enlarged; adapts the metadata.
        span: values of more than 8 bits that become black and white; floating-point images are read as 16 bits.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with decode.open_image(path) as image:
            header = decode.header(image)
            warnings = ["only the first of its pages or frames is read"] if header.animated else []
            bits = header.bits
            pixels = _read_deep(path, span) if bits > 8 else _read_8_bit(image)
            if bits == 16 and pixels.dtype == np.uint16 and span == "full":
                colour = pixels[..., :-1] if pixels.shape[2] in (2, 4) else pixels
                warnings += [clause] if (clause := decode.few_bits(colour)) else []
            if bits == 16 and pixels.dtype == np.uint8:
                warnings.append(f"8 of its 16 bits are read, because Pillow reads only 8 bits of {image.format} colour")
            image.load()
            if image.mode in ("CMYK", "LAB"):
                warnings.append(f"its {image.mode} colours are read as RGB, without their profile")
            pixels = _upright(pixels, decode.orientation(image))
            metadata, damaged = _metadata(image, scale)
            return DecodedImage(pixels, metadata, (*warnings, *damaged))
    except Exception as error:  # Pillow raises many types
        raise decode.UnreadableImageError(path, error) from None


def _read_8_bit(image: Image.Image) -> ImageArray:
    image.load()
    grey = image.mode in ("1", "L", "LA", "La")
    has_key = "transparency" in image.info and image.mode in ("1", "L", "P", "RGB")
    alpha = has_key or image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    mode = ("LA" if alpha else "L") if grey else ("RGBA" if alpha else "RGB")
    return _add_channel_axis(np.asarray(image if image.mode == mode else image.convert(mode)))


def _read_deep(path: Path, span: decode.Range) -> ImageArray:
    """Read a file of more than 8 bits as 16 bits; return 8 bits for formats of which Pillow reads no more.

    Pillow has a 16-bit mode for grey only. Of 16-bit PNG colour it keeps the high bytes, or the low bytes if told that
    the byte order is reversed, so the file is decoded twice.
    """
    with decode.open_image(path) as image:
        if image.mode == "F" or image.mode.startswith("I"):
            values = np.asarray(image)
            grey = _add_channel_axis(_stretch(values, *decode.value_range(image, values, span)))
            key = image.info.get("transparency")
            return grey if key is None else _append_alpha(grey, _add_channel_axis(values), key)
        raw = str(image.tile[0].args) if isinstance(image, PngImageFile) and image.tile else ""
        if raw == "LA;16B":  # four bytes per pixel, which can be decoded as RGBA
            pairs = _decode_as(image, "RGBA")
            return _stretch_colour(_combine_bytes(pairs[..., ::2], pairs[..., 1::2]), span)
        if raw not in ("RGB;16B", "RGBA;16B"):
            return _read_8_bit(image)
        key = image.info.get("transparency")
        high = np.asarray(image)
    with decode.open_image(path) as image:
        low = _decode_as(image, raw.replace("16B", "16L"))
        values = _combine_bytes(high, low)
        colour = _stretch_colour(values, span)
        return colour if key is None else _append_alpha(colour, values, key)


def _stretch_colour(values: ImageArray, span: decode.Range) -> ImageArray:
    """Stretch the channels of a 16-bit image to the full range, all by the same factor, and alpha not at all."""
    if span == "full":
        return values
    colour = values[..., :-1] if values.shape[2] in (2, 4) else values
    low, high = (float(colour.min()), float(colour.max())) if span == "auto" else span
    return np.concatenate([_stretch(colour, low, high), values[..., colour.shape[2] :]], axis=2)


def _stretch(values: Array, low: float, high: float) -> npt.NDArray[np.uint16]:
    """Map numbers from [low, high] to 0..65535."""
    if (low, high) == (0, 65535):
        return values.astype(np.uint16)
    return np.rint(decode.stretch(values, low, high) * 65535).astype(np.uint16)


def _decode_as(image: Image.Image, raw: str) -> Bytes:
    """Decode an opened image with another raw mode than that of the file."""
    assert isinstance(image, ImageFile)
    image.tile = [tile._replace(args=raw) for tile in image.tile]
    return np.asarray(image)


def _combine_bytes(high: Bytes, low: Bytes) -> npt.NDArray[np.uint16]:
    return (high.astype(np.uint16) << np.uint16(8)) | low


def _append_alpha(colour: ImageArray, values: Array, key: Any) -> ImageArray:
    """Append an alpha channel in which pixels are transparent whose `values` in the file are the colour `key`."""
    transparent = (values == np.asarray(key, dtype=np.uint16)).all(axis=2, keepdims=True)
    return np.concatenate([colour, np.where(transparent, 0, 65535).astype(np.uint16)], axis=2)


def _add_channel_axis(values: Array) -> Array:
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


def _metadata(image: Image.Image, scale: int) -> tuple[ImageMetadata, tuple[str, ...]]:
    """Return the metadata, and clauses about damaged parts that are left out."""
    info, icc, dpi = image.info, image.info.get("icc_profile"), image.info.get("dpi")
    swapped = decode.orientation(image) >= 5
    size = image.size[::-1] if swapped else image.size
    text = {str(key): str(value) for key, value in getattr(image, "text", {}).items()}
    xmp = info.get("xmp")
    exif: bytes | None = None
    damaged: tuple[str, ...] = ()
    try:
        exif = _exif(image, (size[0] * scale, size[1] * scale), scale)
    except Exception:  # broken metadata must not make the image unreadable
        damaged = ("left out: its EXIF data, which are damaged",)
    metadata = ImageMetadata(
        exif=exif,
        icc=icc if isinstance(icc, bytes) and image.mode not in ("CMYK", "LAB") else None,
        dpi=_scale_dpi(dpi, scale, swapped=swapped),
        text={key: value for key, value in text.items() if not key.startswith("XML:com.adobe")},
        xmp=xmp if isinstance(xmp, bytes) else None,
    )
    return metadata, damaged


def _scale_dpi(dpi: Any, scale: int, *, swapped: bool) -> tuple[float, float] | None:
    """Return the density that keeps the size on paper; None if the image has no valid density."""
    with suppress(TypeError, ValueError, ZeroDivisionError):
        horizontal, vertical = (float(value) * scale for value in dpi)
        if 0 < horizontal < math.inf and 0 < vertical < math.inf:
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
