"""Images keep bit depth, alpha channel, orientation and metadata when they are read and written."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from gancli.errors import DataError
from gancli.io.image_reader import ImageMetadata, read_header, read_image
from gancli.io.image_writer import write_image

SCALE = 4


def deep(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)


def write(path: Path, pixels: Any, format: str = "PNG", **metadata: Any) -> Path:
    write_image(path, pixels, ImageMetadata(**metadata), format=format, origin={"run": "toy"})
    return path


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_come_and_go(tmp_path: Path, channels: int) -> None:
    pixels = deep(150, 7, channels)  # more than two bands
    path = write(tmp_path / "deep.png", pixels, dpi=(300.0, 300.0), text={"Title": "deep"})
    decoded = read_image(path, scale=1)
    assert decoded.pixels.dtype == np.uint16
    assert np.array_equal(decoded.pixels, pixels)
    assert decoded.metadata.text["Title"] == "deep"
    assert decoded.metadata.text["gancli"] == '{"run": "toy"}'
    assert decoded.metadata.dpi == pytest.approx((300, 300), rel=1e-3)
    assert decoded.warnings == ()


def test_another_program_reads_the_deep_colours(tmp_path: Path) -> None:
    """Pillow reads the high bytes of 16-bit colour."""
    pixels = deep(70, 9, 3)
    with Image.open(write(tmp_path / "deep.png", pixels)) as image:
        image.verify()
    with Image.open(tmp_path / "deep.png") as image:
        assert np.array_equal(np.asarray(image), (pixels >> 8).astype(np.uint8))


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_deep_greys(tmp_path: Path, format: str) -> None:
    pixels = deep(5, 6, 1)
    decoded = read_image(write(tmp_path / f"grey.{format.lower()}", pixels, format), scale=1)
    assert np.array_equal(decoded.pixels, pixels)


def test_what_holds_eight_bits_gets_the_nearest(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 3), 128 * 257 + 100, dtype=np.uint16)
    for format in ("TIFF", "WEBP", "JPEG"):
        decoded = read_image(write(tmp_path / f"flat.{format.lower()}", pixels, format), scale=1)
        assert np.abs(decoded.pixels.astype(int) - 128).max() <= 1


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("P", 3), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("CMYK", 3)]
)
def test_eight_bits_of_every_kind(tmp_path: Path, mode: str, channels: int) -> None:
    ending = "tif" if mode == "CMYK" else "png"
    Image.radial_gradient("L").resize((9, 6)).convert("RGB").convert(mode).save(tmp_path / f"a.{ending}")
    decoded = read_image(tmp_path / f"a.{ending}", scale=1)
    assert decoded.pixels.shape == (6, 9, channels)
    assert decoded.pixels.dtype == np.uint8
    assert bool(decoded.warnings) is (mode == "CMYK")


@pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (7, 7, 7)), ("P", 7)])
def test_a_colour_that_means_nothing_is_opacity(tmp_path: Path, mode: str, key: Any) -> None:
    grey = Image.fromarray(np.array([[7, 9]], dtype=np.uint8))
    image = grey.convert(mode) if mode != "P" else grey
    if mode == "P":
        image.putpalette([level for level in range(256) for _ in range(3)])
    image.save(tmp_path / "key.png", transparency=key)
    pixels = read_image(tmp_path / "key.png", scale=1).pixels
    assert pixels[0, :, -1].tolist() == [0, 255]
    assert read_header(tmp_path / "key.png").channels == 4


def test_a_deep_colour_that_means_nothing(tmp_path: Path) -> None:
    Image.fromarray(np.array([[700, 900]], dtype=np.uint16)).save(tmp_path / "key.png", transparency=700)
    pixels = read_image(tmp_path / "key.png", scale=1).pixels
    assert pixels.tolist() == [[[700, 0], [900, 65535]]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Artist] = "an artist"
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    decoded = read_image(tmp_path / "a.png", scale=1)
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert np.array_equal(decoded.pixels, np.asarray(ImageOps.exif_transpose(image)))
    written = Image.Exif()
    written.load(decoded.metadata.exif)
    assert written[ExifTags.Base.Artist] == "an artist"
    assert ExifTags.Base.Orientation not in written


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_what_a_picture_says_is_kept(tmp_path: Path, format: str) -> None:
    """The colour profile is unchanged; EXIF data and density are those of the enlarged image."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "an artist"
    exif[ExifTags.Base.XResolution] = 72.0
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.ExifImageWidth: 6,
        ExifTags.Base.ExifImageHeight: 4,
        ExifTags.Base.FNumber: 2.8,
    }
    before, after = tmp_path / f"before.{format.lower()}", tmp_path / f"after.{format.lower()}"
    options = {"PNG": {"dpi": (72, 72)}, "JPEG": {"dpi": (72, 72)}}.get(format, {})
    Image.new("RGB", (6, 4), "red").save(before, format=format, icc_profile=profile, exif=exif.tobytes(), **options)
    decoded = read_image(before, scale=SCALE)
    write_image(after, decoded.pixels.repeat(SCALE, 0).repeat(SCALE, 1), decoded.metadata, format=format, origin={})
    with Image.open(after) as image:
        assert image.size == (24, 16)
        assert image.info["icc_profile"] == profile
        exif_data = image.getexif()
        inner = exif_data.get_ifd(ExifTags.IFD.Exif)
        assert exif_data[ExifTags.Base.Artist] == "an artist"
        assert float(exif_data[ExifTags.Base.XResolution]) == pytest.approx(288)
        assert float(inner[ExifTags.Base.FNumber]) == pytest.approx(2.8)
        assert (inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExifImageHeight]) == (24, 16)
        if format in ("PNG", "JPEG"):
            assert image.info["dpi"] == pytest.approx((288, 288), rel=1e-3)


def test_what_is_no_picture_is_said(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    whole = write(tmp_path / "whole.png", deep(40, 40, 3)).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:3000])
    for read in (read_header, lambda path: read_image(path, scale=1)):
        with pytest.raises(DataError, match=r"broken\.png cannot be read"):
            read(tmp_path / "broken.png")
    with pytest.raises(DataError, match=r"cut\.png cannot be read"):
        read_image(tmp_path / "cut.png", scale=1)


def test_a_refusal_of_the_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gancli.io.image_writer.os.fsync", full)
    with pytest.raises(Exception, match="No space left"):
        write(tmp_path / "a.png", deep(4, 4, 3))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.png").write_text("old")
    with pytest.raises(Exception, match="No space left"):
        write(tmp_path / "a.png", deep(4, 4, 3))
    assert (tmp_path / "a.png").read_text() == "old"


def test_metadata_that_a_format_has_no_place_for(tmp_path: Path) -> None:
    pixels = np.full((4, 4, 3), 7, dtype=np.uint8)
    limits = {"exif": 65_533, "xmp": 65_504}
    starts = {"exif": b"Exif\0\0", "xmp": b"<x"}
    for key, limit in limits.items():
        for size, fits in ((limit, True), (limit + 1, False)):
            metadata = ImageMetadata(**{key: starts[key].ljust(size, b" ")})
            dropped = write_image(tmp_path / "a.jpg", pixels, metadata, format="JPEG", origin={})
            assert bool(dropped) is not fits
            with Image.open(tmp_path / "a.jpg") as image:
                image.load()
                assert (key in image.info) is fits
            if not fits:
                assert f"{size:,} bytes exceeds the {limit:,} bytes of a JPEG" in dropped[0]
            for format in ("PNG", "WEBP"):
                assert not write_image(tmp_path / "a", pixels, metadata, format=format, origin={})
                with Image.open(tmp_path / "a") as image:
                    assert key in image.info


@pytest.mark.parametrize("value", [0, 1, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("scale", [1, 4])
def test_absurd_densities(tmp_path: Path, value: int, format: str, scale: int) -> None:
    source = io.BytesIO()
    Image.new("RGB", (4, 4)).save(source, "PNG")
    content = source.getvalue()
    density = b"pHYs" + struct.pack(">IIB", value, value, 1)
    chunk = struct.pack(">I", 9) + density + struct.pack(">I", zlib.crc32(density))
    (tmp_path / "in.png").write_bytes(content[:33] + chunk + content[33:])
    decoded = read_image(tmp_path / "in.png", scale=scale)
    dropped = write_image(tmp_path / "out", decoded.pixels, decoded.metadata, format=format, origin={})
    with Image.open(tmp_path / "out") as image:
        assert image.size == (4, 4)
        image.load()
    said = any("density" in clause for clause in dropped)
    assert said is (value > 2**30 and not (format == "PNG" and scale == 1 and value < 2**31) and format != "WEBP") or (
        value == 1 and format == "JPEG"
    )


def test_metadata_that_pillow_cannot_write_cost_no_pixels(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    metadata = ImageMetadata(exif=b"Exif\0\0no TIFF header", text={"\u2603": "no Latin-1"})
    dropped = write_image(tmp_path / "a.png", pixels, metadata, format="PNG", origin={})
    assert dropped == ("left out: its metadata, which cannot be written to a PNG",)
    assert np.array_equal(read_image(tmp_path / "a.png", scale=1).pixels, pixels)


def test_text_is_said_to_be_left_out_where_it_has_no_place(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    for format, kept in (("PNG", True), ("JPEG", False), ("WEBP", False), ("TIFF", False)):
        metadata = ImageMetadata(text={"Title": "x"})
        assert bool(write_image(tmp_path / "a", pixels, metadata, format=format, origin={})) is not kept


def test_xmp_of_a_tiff_is_kept(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    write_image(tmp_path / "a.tif", pixels, ImageMetadata(xmp=b"<x:xmpmeta/>"), format="TIFF", origin={})
    assert read_image(tmp_path / "a.tif", scale=1).metadata.xmp == b"<x:xmpmeta/>"


def test_floating_point_images_become_sixteen_bits(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 0.25, 0.5, 1]], dtype=np.float32)).save(tmp_path / "a.tif")
    pixels = read_image(tmp_path / "a.tif", scale=1).pixels
    assert pixels.dtype == np.uint16
    assert pixels.ravel().tolist() == [0, 16384, 32768, 65535]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_twelve_bits_in_sixteen_are_said_and_stretched(tmp_path: Path, channels: int) -> None:
    pixels = np.repeat(np.array([[[0], [2048], [4095]]], dtype=np.uint16), channels, axis=2)
    if channels in (2, 4):
        pixels[..., -1] = 65535
    path = write(tmp_path / "a.png", pixels, "PNG")
    plain = read_image(path, scale=1)
    assert plain.warnings == (
        "only 12 of its 16 bits are used, up to 4095 of 65535; --range 0,4095 or data.range=[0,4095] scales it",
    )
    assert np.array_equal(plain.pixels, pixels)
    for span in ("auto", (0, 4095)):
        stretched = read_image(path, scale=1, span=span)
        assert stretched.warnings == ()
        assert stretched.pixels[0, :, 0].tolist() == [0, 32776, 65535]
        if channels in (2, 4):
            assert (stretched.pixels[..., -1] == 65535).all()
