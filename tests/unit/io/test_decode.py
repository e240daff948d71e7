"""Decoding of image files of all formats and modes, and rejection of damaged, foreign and huge files."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from gancli.io.decode import FORMATS, Range, decode, header, open_image, reason, remarks


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    buffer.seek(0)
    return buffer


def pixels(file: io.BytesIO, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    image = open_image(file)
    return decode(image, size=size or header(image).size, channels=channels, fit="crop")


def raw_png(height: int, width: int, bits: int, kind: int, rows: bytes) -> io.BytesIO:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    top = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = chunk(b"IHDR", top) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + parts)


def deep_png(values: np.ndarray) -> io.BytesIO:
    """Return a PNG with 16 bits per channel, which Pillow cannot write in colour."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return raw_png(height, width, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], rows)


DEEP = np.array([0, 127, 128, 129, 256, 257, 385, 386, 32767, 32768, 65406, 65407, 65535])
ROUNDED = np.round(DEEP / 257).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_deep_greys_are_scaled_and_not_clipped(kind: str) -> None:
    file = encoded(Image.fromarray(DEEP.astype(np.uint16)[None]), kind)
    assert header(open_image(file)).bits == 16
    assert header(open_image(file)).channels == 1
    assert np.array_equal(pixels(file, 1).ravel(), ROUNDED)
    assert np.array_equal(pixels(file, 3)[2].ravel(), ROUNDED)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_deep_colour_keeps_its_range(channels: int) -> None:
    file = deep_png(np.repeat(DEEP[None, :, None], channels, axis=2))
    image = open_image(file)
    assert header(image).bits == 16
    assert header(image).channels == (3 if channels == 3 else 4)
    result = pixels(file, header(image).channels)
    assert abs(result[0].ravel().astype(int) - ROUNDED).max() <= 1  # Pillow keeps the high byte


def floats(values: object) -> io.BytesIO:
    return encoded(Image.fromarray(np.array(values, dtype=np.float32)), "TIFF")


def test_values_of_unknown_range_are_refused_with_their_range() -> None:
    with pytest.raises(ValueError, match=r"32-bit pixels from 70000 to 70000 .* to \[low, high\]"):
        pixels(encoded(Image.new("I", (4, 4), 70000), "TIFF"), 1)
    with pytest.raises(ValueError, match=r"floating-point pixels from -0\.5 to 2 are not from 0 to 1; .*auto"):
        pixels(floats([[-0.5, 2]]), 1)


def test_floating_point_pixels_from_0_to_1_are_black_to_white() -> None:
    file = floats([[0, 0.25, 0.5, 1]])
    assert (header(open_image(file)).channels, header(open_image(file)).bits) == (1, 32)
    assert pixels(file, 1).ravel().tolist() == [0, 64, 128, 255]
    assert pixels(file, 3)[2].ravel().tolist() == [0, 64, 128, 255]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("span", ["full", "auto", (0, 1)])
def test_floating_point_pixels_that_are_not_finite_are_refused(value: float, span: Range) -> None:
    with pytest.raises(ValueError, match="not finite"):
        decode(open_image(floats([[0, value]])), size=(1, 2), channels=1, fit="crop", span=span)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("full", [0, 4, 8, 16]),  # 4095 / 257 = 15.9
        ("auto", [0, 64, 128, 255]),
        ((0, 4095), [0, 64, 128, 255]),
        ((1024, 2048), [0, 0, 255, 255]),
    ],
)
def test_twelve_bits_in_sixteen(span: Range, expected: list[int]) -> None:
    file = encoded(Image.fromarray(np.array([[0, 1024, 2048, 4095]], dtype=np.uint16)))
    image = open_image(file)
    assert decode(image, size=(1, 4), channels=1, fit="crop", span=span).ravel().tolist() == expected
    assert remarks(image) == (
        "only 12 of its 16 bits are used, up to 4095 of 65535; --range 0,4095 or data.range=[0,4095] scales it",
    )
    plain = encoded(Image.fromarray(np.array([[7, 9]], dtype=np.uint8)))
    assert decode(open_image(plain), size=(1, 2), channels=1, fit="crop", span=span).ravel().tolist() == [7, 9]
    full = open_image(encoded(Image.fromarray(np.array([[0, 16384]], dtype=np.uint16))))
    full.load()
    assert remarks(full) == ()


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_the_first_of_several_frames_is_read(kind: str) -> None:
    frames = [Image.new("L", (8, 8), level) for level in (255, 0)]
    file = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    image = open_image(file)
    assert header(image).animated
    assert pixels(file, 1).min() > 250
    assert remarks(image) == ("only the first of its pages or frames is read",)
    assert not header(open_image(encoded(frames[0], kind))).animated


@pytest.mark.parametrize(
    ("mode", "colour", "kind", "channels", "expected"),
    [
        ("1", 1, "PNG", 1, (255,)),
        ("L", 77, "PNG", 1, (77,)),
        ("RGB", (10, 20, 30), "PNG", 3, (10, 20, 30)),
        ("RGBA", (10, 20, 30, 255), "PNG", 4, (10, 20, 30, 255)),
        ("LA", (50, 100), "PNG", 4, (50, 50, 50, 100)),
        ("CMYK", (0, 255, 255, 0), "TIFF", 3, (255, 0, 0)),
        ("P", 3, "PNG", 3, (3, 4, 5)),
        ("P", 3, "GIF", 3, (3, 4, 5)),
    ],
)
def test_modes(mode: str, colour: object, kind: str, channels: int, expected: tuple[int, ...]) -> None:
    image = Image.new(mode, (5, 4), colour)
    if mode == "P":
        image.putpalette([value for index in range(256) for value in (index, (index + 1) % 256, (index + 2) % 256)])
    file = encoded(image, kind)
    assert header(open_image(file)).channels == channels
    assert tuple(pixels(file, channels)[:, 0, 0]) == expected


def test_every_mode_becomes_every_number_of_channels() -> None:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        for channels in (1, 3, 4):
            result = pixels(encoded(Image.new(mode, (5, 4))), channels, (8, 8))
            assert result.shape == (channels, 8, 8)
            assert result.dtype == np.uint8
            assert result.flags.c_contiguous


def test_transparency_lies_on_white() -> None:
    assert tuple(pixels(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 0))), 3)[:, 0, 0]) == (255, 255, 255)
    half = pixels(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 128))), 1)[0, 0, 0]
    assert 126 <= half <= 128
    keyed = encoded(Image.new("P", (4, 4), 0), transparency=0)
    assert header(open_image(keyed)).channels == 4
    assert pixels(keyed, 1)[0, 0, 0] == 255


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    image = Image.new("L", (24, 16), 0)
    image.paste(255, (0, 0, 12, 8))  # the top left quarter
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    file = encoded(image.convert("RGB"), kind, exif=exif, **options)
    corners = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}
    size = (24, 16) if orientation >= 5 else (16, 24)
    assert header(open_image(file)).size == size
    result = pixels(file, 1)[0]
    assert result.shape == size
    down, across = corners[orientation]
    quarters = result.reshape(2, size[0] // 2, 2, size[1] // 2).mean((1, 3))
    assert quarters[down, across] > 250
    assert quarters.sum() < 260


def test_large_jpegs_are_reduced_as_they_are_decoded_with_the_same_result() -> None:
    ramp = np.add.outer(np.arange(640), np.arange(960)) % 256
    smooth = Image.fromarray(ramp.astype(np.uint8)).resize((960, 640), Image.Resampling.BICUBIC)
    file = encoded(smooth.convert("RGB"), "JPEG", quality=95)
    fast = pixels(file, 3, (40, 60)).astype(int)
    file.seek(0)
    slow = np.asarray(Image.open(file).resize((60, 40), Image.Resampling.BICUBIC)).transpose(2, 0, 1).astype(int)
    assert abs(fast - slow).mean() < 3


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_s6_pixel_bombs() -> None:
    for side in (8_001, 10_000, 20_000, 2_000_000):
        with pytest.raises(Exception, match=r"pixels|bomb") as caught:
            open_image(raw_png(side, side, 8, 2, b""))
        assert "pixels" in reason(caught.value)
    with pytest.raises(ValueError, match="2000x1000 pixels are more than 1 megapixels"):
        open_image(encoded(Image.new("1", (1000, 2000))), max_megapixels=1)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_s6_truncated_and_foreign_files(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for kind in FORMATS:
        whole = encoded(noise, kind).getvalue()
        for cut in (0, 10, len(whole) // 2):
            with pytest.raises(Exception, match=r"."):  # the type of the error depends on the format
                pixels(io.BytesIO(whole[:cut]), 3, (8, 8))
    with pytest.raises(Exception, match="identify") as caught:
        open_image(encoded(noise, "ICO"))
    assert reason(caught.value).startswith("damaged, or not PNG")


def test_s6_text_bombs() -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("comment", "x" * 50_000_000, zip=True)
    with pytest.raises(ValueError, match="too large"):
        pixels(encoded(Image.new("L", (4, 4)), pnginfo=chunks), 1)


def test_only_regular_files(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "nothing.png")
    with pytest.raises(ValueError, match="broken link"):
        open_image(tmp_path / "link.png")


def test_transparent_greys_are_resized_like_transparent_colours() -> None:
    values = np.random.default_rng(0).integers(0, 256, (16, 16, 2), dtype=np.uint8)
    grey = Image.fromarray(values, "LA")
    for channels in (1, 3, 4):
        one = pixels(encoded(grey), channels, (8, 8)).astype(int)
        other = pixels(encoded(grey.convert("RGBA")), channels, (8, 8))
        assert abs(one - other).max() <= 1


def test_reasons_are_short_and_name_no_file(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(Exception, match="cannot identify") as caught:
        open_image(tmp_path / "text.png")
    assert str(tmp_path) not in reason(caught.value)
    assert reason(RuntimeError()) == "RuntimeError"
    assert reason(OSError(13, "Permission denied")) == "permission denied"


def test_s6_scans_of_large_jpegs_are_limited() -> None:
    def repeated(side: int, count: int) -> io.BytesIO:
        jpeg = encoded(Image.new("L", (side, side)), "JPEG", progressive=True).getvalue()
        return io.BytesIO(jpeg[:-2] + jpeg[jpeg.rindex(b"\xff\xda") : -2] * count + jpeg[-2:])

    assert pixels(repeated(2000, 0), 1).shape == (1, 2000, 2000)
    assert pixels(repeated(64, 1_000), 1).shape == (1, 64, 64)
    with pytest.raises(ValueError, match=r"scans of 2000x2000 pixels take too long"):
        open_image(repeated(2000, 250))


def test_devices_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "zero.png").symlink_to("/dev/null")
    with pytest.raises(ValueError, match="not a regular file"):
        open_image(tmp_path / "zero.png")
