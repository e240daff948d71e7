"""S6: hostile images are read with the right shape or named, within 1 s of CPU time and 512 MB; nothing else happens.

Files are read in child processes, which measure the CPU time of each file and the peak memory of all.
"""

from __future__ import annotations

import io
import json
import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

SECONDS = 1.0

MEGABYTES = 512

CHILD = """
import json, resource, sys, time
from pathlib import Path
from gancli.errors import DataError
from gancli.io import decode
from gancli.io.image_reader import read_header, read_image

for name in sorted(Path(sys.argv[1]).iterdir()):
    started = time.process_time()
    entry = {"name": name.name}
    try:
        header = read_header(name)
        entry["shape"] = [header.height, header.width]
        small = header.height * header.width <= 4_000_000
        with decode.open_image(name) as image:
            image.load()
            size = decode.header(image).size if small else (64, 64)
            entry["decoded"] = list(decode.decode(image, size=size, channels=3, fit="stretch").shape)
            decode.remarks(image)
        if small:
            entry["read"] = list(read_image(name, scale=1).pixels.shape)
    except DataError as error:
        entry["reason"] = str(error)
    except Exception as error:
        entry["reason"] = f"{name} cannot be read: {decode.reason(error)};"
    entry["cpu"] = time.process_time() - started
    print(json.dumps(entry))
status = Path("/proc/self/status")  # Linux: unlike ru_maxrss, its peak does not begin with that of the parent
lines = status.read_text().splitlines() if status.exists() else []
peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
print(json.dumps({"peak": (peaks or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])[0] / 1024}))
"""


def read_all(folder: Path) -> dict[str, dict[str, Any]]:
    """Read every file of a folder in a child process, check limits and messages, and return the entries by name."""
    result = subprocess.run([sys.executable, "-c", CHILD, str(folder)], capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stderr[-2000:]
    *entries, last = map(json.loads, result.stdout.splitlines())
    assert len(entries) == len(list(folder.iterdir()))
    assert last["peak"] < MEGABYTES
    for entry in entries:
        assert entry["cpu"] <= SECONDS, entry
        if reason := entry.get("reason"):
            assert f"{entry['name']} cannot be read: " in reason, entry
            assert "\n" not in reason, entry
            assert "Traceback" not in reason, entry
        else:
            height, width = entry["shape"]
            assert entry["decoded"][0] == 3, entry
            if "read" in entry:
                assert entry["decoded"][1:] == [height, width], entry
                assert entry["read"][:2] == [height, width], entry
    return {entry["name"]: entry for entry in entries}


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *extra: bytes, bits: int = 8, kind: int = 2, data: bytes = b"") -> bytes:
    """Return a PNG with the given chunks before its pixels, which are `data`, not compressed yet."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    end = chunk(b"IDAT", zlib.compress(data, 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + end


def tiff(tags: dict[int, tuple[int, int, int]], *, next_offset: int = 0, pixels: bytes = b"") -> bytes:
    """Return a little-endian TIFF of one directory; tags are (type, count, value or offset)."""
    entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_offset)
    return b"II*\0" + struct.pack("<I", 8) + directory + pixels


def tiff_of(width: int, height: int, **changes: tuple[int, int, int]) -> dict[int, tuple[int, int, int]]:
    """Return the tags of a grey TIFF of one uncompressed strip; keys of `changes` are `t` and a tag."""
    tags = {
        256: (4, 1, width),
        257: (4, 1, height),
        258: (3, 1, 8),
        259: (3, 1, 1),
        262: (3, 1, 1),
        273: (4, 1, 200),
        277: (3, 1, 1),
        278: (4, 1, height),
        279: (4, 1, width * height),
    }
    return tags | {int(key[1:]): value for key, value in changes.items()}


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(mode: str = "RGB", side: int = 16) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    if mode == "I;16":
        return Image.fromarray(values[..., 0].astype(np.uint16) * 257)
    return Image.fromarray(values).convert(mode)


NAMED = "named"

Expected = str | tuple[int, int] | None
"""The file is named as unreadable, has this height and width, or may be either (None)."""


def bombs() -> Iterator[tuple[str, bytes, Expected]]:
    """Yield files that declare many pixels or much text, or decompress to much more than they have."""
    for side in (7_072, 20_000, 65_535, 2**31 - 1):
        yield f"pixels-{side}.png", png(side, side), NAMED
    yield "pixels-long.png", png(2**31 - 1, 1), NAMED
    yield "pixels.gif", b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b"\x2c" + bytes(9), NAMED
    small_screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0)
    yield "frame.gif", small_screen + b"\x2c" + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\0;", NAMED
    yield "pixels.tif", tiff(tiff_of(65_535, 65_535)), NAMED
    yield "strips.tif", tiff(tiff_of(7_000, 7_000, t278=(4, 1, 1))), NAMED
    extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16_383).to_bytes(3, "little") * 2
    yield "pixels.webp", b"RIFF" + struct.pack("<I", 4 + len(extended)) + b"WEBP" + extended, NAMED
    lossless = b"VP8L" + struct.pack("<I", 6) + b"\x2f" + struct.pack("<I", 2**28 - 1) + b"\0"
    yield "lossless.webp", b"RIFF" + struct.pack("<I", 4 + len(lossless)) + b"WEBP" + lossless, NAMED
    frame = encoded(noise(), "JPEG")
    place = frame.index(b"\xff\xc0") + 5
    yield "pixels.jpg", frame[:place] + struct.pack(">HH", 65_500, 65_500) + frame[place + 4 :], NAMED
    yield "pixels.bmp", b"BM" + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 54, 40, 65_535, 65_535, 1, 24, *[0] * 6), NAMED
    yield "pixels.ppm", b"P6 65535 65535 255\n", NAMED
    yield "digits.ppm", b"P6 " + b"9" * 100_000, NAMED
    yield "zeros.png", png(7_000, 7_000, bits=1, kind=0, data=bytes(876 * 7_000)), (7_000, 7_000)
    yield "too-much.png", png(1, 1, kind=0, data=bytes(100_000_000)), (1, 1)
    white = zlib.compress(bytes(50_000_000))
    yield "text.png", png(4, 4, chunk(b"zTXt", b"a\0\0" + white), data=bytes(52)), NAMED
    yield "international.png", png(4, 4, chunk(b"iTXt", b"a\0\1\0\0\0" + white), data=bytes(52)), NAMED
    parts = [chunk(b"zTXt", b"a%d\0\0" % number + zlib.compress(bytes(1_000_000))) for number in range(90)]
    yield "texts.png", png(4, 4, *parts, data=bytes(52)), NAMED
    yield "profile.png", png(4, 4, chunk(b"iCCP", b"a\0\0" + white), data=bytes(52)), None
    yield "profile.jpg", encoded(noise(), "JPEG", icc_profile=os.urandom(5_000_000)), (16, 16)
    yield "deflate.tif", tiff(tiff_of(4, 4, t259=(3, 1, 8), t279=(4, 1, len(white))), pixels=bytes(78) + white), None
    gif = encoded(noise("P"), "GIF", save_all=True, append_images=[noise("P").rotate(90)])
    second = gif[gif.index(b"\x21\xf9", gif.index(b"\x2c")) : -1]
    yield "frames.gif", gif[:-1] + second * 20_000 + b";", (16, 16)
    yield "frames.png", png(4, 4, chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)), data=bytes(52)), None
    yield "tags.tif", tiff(tiff_of(4, 4, **{f"t{tag}": (4, 1, 0) for tag in range(300, 60_000)})), None
    yield "scans.jpg", with_scans(encoded(Image.new("L", (6_000, 6_000)), "JPEG", progressive=True), 5_000), NAMED
    yield "chunks.png", png(4, 4, *[chunk(b"teXt", b"a")] * 20_000, data=bytes(52)), (4, 4)


def with_scans(jpeg: bytes, count: int) -> bytes:
    """Repeat the last scan of a progressive JPEG; each takes the time of the whole image."""
    return jpeg[:-2] + jpeg[jpeg.rindex(b"\xff\xda") : -2] * count + jpeg[-2:]


def wrong_structures() -> Iterator[tuple[str, bytes, Expected]]:
    """Yield files whose parts contradict each other, or that are something else."""
    for side in ((0, 1), (1, 0), (0, 0)):
        yield f"empty-{side[0]}{side[1]}.png", png(*side), NAMED
    yield "circle.tif", tiff(tiff_of(4, 4), next_offset=8, pixels=bytes(200)), (4, 4)
    yield "count.tif", tiff(tiff_of(4, 4, t273=(4, 2**31, 200))), NAMED
    yield "beyond.tif", tiff(tiff_of(4, 4, t273=(4, 1, 2**32 - 1))), NAMED
    yield "samples.tif", tiff(tiff_of(4, 4, t277=(3, 1, 65_535))), NAMED
    yield "density-0.tif", tiff(tiff_of(4, 4, t282=(5, 1, 160), t296=(3, 1, 2)), pixels=bytes(300)), (4, 4)
    for name, value in {"0": 0, "1": 1, "all": 2**32 - 1, "sign": 2**31}.items():
        density = chunk(b"pHYs", struct.pack(">IIB", value, value, 1))
        yield f"density-{name}.png", png(4, 4, density, data=bytes(52)), (4, 4)
    for number, exif in enumerate((b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"MM\0*" + b"\xff" * 100)):
        yield f"exif-{number}.jpg", encoded(noise(), "JPEG", exif=exif), (16, 16)
        yield f"exif-{number}.png", png(4, 4, chunk(b"eXIf", exif), data=bytes(52)), (4, 4)
        yield f"exif-{number}.webp", encoded(noise(), "WEBP", exif=exif), (16, 16)
    yield "zip.png", png(4, 4, data=bytes(52)) + b"PK\3\4" + bytes(100), (4, 4)
    yield "script.gif", encoded(noise("P"), "GIF") + b"/*<script>alert(1)</script>*/", (16, 16)
    yield "jpeg.png", encoded(noise(), "JPEG"), (16, 16)
    yield "png.jpg", encoded(noise(), "PNG"), (16, 16)
    yield "nothing.png", b"", NAMED
    yield "zeros.jpg", bytes(100_000), NAMED
    yield "text.jpg", b"hello\n" * 100, NAMED
    yield "page.png", b"<svg xmlns='http://www.w3.org/2000/svg' width='4' height='4'/>", NAMED
    yield "script.tif", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\n(%pipe%id) (r) file\n", NAMED
    yield "pickle.png", b"\x80\x04\x95\x0c\0\0\0\0\0\0\0\x8c\x05posix\x94.", NAMED
    for kind in ("ICO", "TGA", "PCX", "SGI", "EPS", "PDF", "ICNS", "DDS", "IM", "MSP", "XBM", "SPIDER"):
        mode = {"MSP": "1", "XBM": "1", "SPIDER": "F"}.get(kind, "RGB")
        yield f"other-{kind.lower()}.png", encoded(noise(mode, 32), kind), NAMED
    for value in (np.nan, np.inf, 3.0):
        yield f"float-{value}.tif", encoded(Image.new("F", (4, 4), value), "TIFF"), NAMED


def valid() -> list[tuple[str, bytes]]:
    """Return a small valid file of each format and mode."""
    modes = {
        "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
        "jpeg": ("L", "RGB", "CMYK"),
        "webp": ("RGB", "RGBA"),
        "bmp": ("1", "L", "P", "RGB"),
        "tiff": ("1", "L", "P", "RGB", "RGBA", "CMYK", "LAB", "I;16", "F"),
        "gif": ("L", "P"),
        "ppm": ("1", "L", "RGB", "I;16"),
    }
    files = []
    for kind, names in modes.items():
        for mode in names:
            image = noise() if mode in ("LAB", "F") else noise(mode)
            if mode == "LAB":
                image = Image.frombytes("LAB", image.size, image.tobytes())
            if mode == "F":
                image = Image.fromarray(np.asarray(image.convert("L"), dtype=np.float32) / 255)
            files.append((f"{mode.replace(';', '')}.{kind}", encoded(image, kind.upper())))
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "b" * 100, zip=True)
    files.append(("key.png", encoded(noise("P"), "PNG", transparency=3, pnginfo=text)))
    files.append(("deflate.tiff", encoded(noise(), "TIFF", compression="tiff_adobe_deflate")))
    files.append(("lzw.tiff", encoded(noise(), "TIFF", compression="tiff_lzw")))
    frames = [noise("P"), noise("P").rotate(90)]
    for kind in ("gif", "png", "webp", "tiff"):
        files.append((f"frames.{kind}", encoded(frames[0], kind.upper(), save_all=True, append_images=frames[1:])))
    return files


def write(folder: Path, files: Iterator[tuple[str, bytes, Expected]], *, least: int) -> dict[str, Expected]:
    """Write at least a number of files and return what is expected of each."""
    folder.mkdir()
    expected = {}
    for name, content, outcome in files:
        assert name not in expected
        (folder / name).write_bytes(content)
        expected[name] = outcome
    assert len(expected) >= least
    return expected


def check(folder: Path, expected: dict[str, Expected]) -> None:
    for name, entry in read_all(folder).items():
        outcome = expected[name]
        if outcome == NAMED:
            assert "reason" in entry, entry
        elif outcome is not None:
            assert entry.get("shape") == list(outcome), entry


def test_files_that_declare_or_contain_too_much(tmp_path: Path) -> None:
    check(tmp_path / "bombs", write(tmp_path / "bombs", bombs(), least=28))


def test_files_that_contradict_themselves(tmp_path: Path) -> None:
    check(tmp_path / "wrong", write(tmp_path / "wrong", wrong_structures(), least=45))


def test_valid_files_of_every_format_and_mode(tmp_path: Path) -> None:
    check(
        tmp_path / "valid",
        write(tmp_path / "valid", ((name, content, (16, 16)) for name, content in valid()), least=30),
    )


def test_files_cut_anywhere(tmp_path: Path) -> None:
    choose = random.Random(0)
    files = ((f"{name}-cut", content[: choose.randrange(len(content))], None) for name, content in valid())
    check(tmp_path / "cut", write(tmp_path / "cut", files, least=30))


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    folder = tmp_path / "special"
    folder.mkdir()
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    (folder / "circle.png").symlink_to("circle.png")
    (folder / "nowhere.png").symlink_to("nothing")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "null.png").symlink_to("/dev/null")
    assert all("not a regular file" in entry["reason"] for entry in read_all(folder).values())


@pytest.mark.long
def test_a_thousand_files_with_changed_bytes(tmp_path: Path, injected: Callable[[int], None]) -> None:
    choose = random.Random(1)
    originals = valid()

    def changed(content: bytes) -> bytes:
        result = bytearray(content)
        for _ in range(choose.choice((1, 2, 4, 16))):
            # Headers are short, and most of what can go wrong is there.
            place = choose.randrange(min(len(result), choose.choice((40, 200, len(result)))))
            result[place] = choose.choice((0, 1, 127, 128, 255, choose.randrange(256)))
        if choose.random() < 0.2:
            del result[choose.randrange(len(result)) :]
        return bytes(result)

    def files(count: int) -> Iterator[tuple[str, bytes, Expected]]:
        for number in range(count):
            name, content = originals[number % len(originals)]
            yield f"{number}-{name}", changed(content), None

    for batch in range(4):
        check(tmp_path / str(batch), write(tmp_path / str(batch), files(250), least=250))
    injected(1_000)
