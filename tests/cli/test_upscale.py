"""`gan upscale`: files and folders of all formats, with and without tiles, and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gancli.io.image_reader import ImageMetadata
from gancli.io.image_writer import write_image


def refused(result, *words: str, code: int = 2) -> bool:
    return result.code == code and result.err.startswith("error: ") and all(word in result.err for word in words)


def photo(path: Path, height: int, width: int, mode: str = "RGB", **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    if mode == "RGBA":
        image.putalpha(100)  # an encoder may drop an opaque alpha channel
    image.save(path, **options)
    return path


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def run(gan, toy_weights: Path) -> str:
    """Convert `runs/weights`, a model of the family `toyscale` with scale 2."""
    result = gan("convert", str(toy_weights), "--family", "toyscale")
    assert result.code == 0, result.err
    return "runs/weights"


def test_files_of_every_kind_keep_name_and_format(gan, run: str, tmp_path: Path) -> None:
    photo(tmp_path / "in" / "wide.png", 5, 37)
    photo(tmp_path / "in" / "sub" / "grey.JPG", 16, 9, "L")
    photo(tmp_path / "in" / "clear.webp", 8, 8, "RGBA", lossless=True)
    photo(tmp_path / "in" / "old.bmp", 8, 8)
    photo(tmp_path / "in" / "scan.tif", 8, 8, "L")
    result = gan("upscale", "in")
    assert result.code == 0, result.err
    out = tmp_path / run / "out" / "upscaled-x2"
    assert f"wrote {run}/out/upscaled-x2/ (5 files)" in result.out
    assert "next: gan eval runs/weights" in result.out
    found = {str(path.relative_to(out)): read(path).shape for path in out.rglob("*") if path.is_file()}
    assert found == {
        "wide.png": (10, 74, 3),
        "sub/grey.JPG": (32, 18),
        "clear.webp": (16, 16, 4),
        "old.png": (16, 16, 3),
        "scan.tif": (16, 16),
    }
    with Image.open(out / "wide.png") as image:
        made = json.loads(image.text["gancli"])
    assert (made["run"], made["scale"], made["from"]) == ("weights", 2, "wide.png")


def test_sixteen_bits_stay(gan, run: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (12, 10, 3), dtype=np.uint16)
    write_image(tmp_path / "deep.png", pixels, ImageMetadata(), format="PNG", origin={})
    result = gan("upscale", "deep.png", "--json")
    assert result.code == 0, result.err
    (shown,) = json.loads(result.out)["images"]
    assert (shown["from"], shown["height"], shown["width"], shown["scale"]) == ("deep.png", 24, 20, 2)
    with Image.open(shown["image"]) as image:
        assert "16B" in str(image.tile)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    assert gan("upscale", "grey.png", "--out", "out").code == 0
    assert read(tmp_path / "out" / "grey.png").dtype == np.uint16


def test_tiles_leave_no_seams(gan, run: str, tmp_path: Path) -> None:
    photo(tmp_path / "large.png", 150, 203)
    for tile in ("1000", "48"):
        result = gan("upscale", "large.png", "--tile", tile, "--precision", "fp32", "--out", f"out{tile}")
        assert result.code == 0, result.err
        assert result.err == ""
    whole, tiled = (read(tmp_path / f"out{tile}" / "large.png").astype(int) for tile in ("1000", "48"))
    assert np.abs(whole - tiled).max() <= 1


def test_another_format_and_its_name(gan, run: str, tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png", 8, 8)
    photo(tmp_path / "in" / "a.jpg", 8, 8)
    for format, names in (("jpeg", ["a-2.jpg", "a.jpg"]), ("webp", ["a-2.webp", "a.webp"])):
        assert gan("upscale", "in", "--format", format, "--out", format).code == 0
        assert sorted(path.name for path in (tmp_path / format).iterdir()) == names
        for name in names:
            with Image.open(tmp_path / format / name) as image:
                assert image.format == format.upper()


def test_nothing_is_written_over(gan, run: str, tmp_path: Path) -> None:
    file = photo(tmp_path / "in" / "a.png", 8, 8)
    before = file.read_bytes()
    assert refused(gan("upscale", "in", "--out", "in"), "would be overwritten")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_text("mine")
    assert gan("upscale", "in/a.png", "--out", "out").code == 0
    assert gan("upscale", "in/a.png", "--out", "out").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a-2.png", "a-3.png", "a.png"]
    assert (tmp_path / "out" / "a.png").read_text() == "mine"
    assert file.read_bytes() == before


def test_what_cannot_be_done_is_said_before_anything_is(gan, run: str, tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png", 8, 8)
    photo(tmp_path / "in" / "clear.png", 8, 8, "RGBA")
    assert refused(gan("upscale", "in", "--format", "jpeg", "--out", "out"), "clear.png is transparent", "--format png")
    photo(tmp_path / "long.png", 1, 9000)
    assert refused(gan("upscale", "long.png", "--format", "webp", "--out", "out"), "2x18000", "16,383")
    assert refused(gan("upscale", "runs/weights"), "no images are given", "gan upscale runs/weights photo.jpg")
    assert refused(gan("upscale", "long.png", "--tile", "16", "--out", "out"), "--tile 16", "at least")
    (tmp_path / "in" / "broken.png").write_bytes(b"no image")
    assert refused(gan("upscale", "in", "--out", "out", "--unreadable", "fail"), "broken.png cannot be read", code=65)
    (tmp_path / "in" / "broken.png").write_bytes((tmp_path / "in" / "a.png").read_bytes()[:-30])  # a good header
    assert refused(gan("upscale", "in", "--out", "out", "--unreadable", "fail"), "broken.png cannot be read", code=65)
    assert not (tmp_path / "out").exists()


def test_a_result_that_no_memory_holds(gan, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo(tmp_path / "a.png", 100, 100)
    monkeypatch.setattr("gancli.cli.shared.preprocess.free", lambda _: 400_000)
    assert refused(gan("upscale", "a.png"), "200x200 pixels", "GB are free", code=65)


def test_what_is_lost_of_a_file_is_said(gan, run: str, tmp_path: Path) -> None:
    frames = [Image.new("L", (8, 8), level) for level in (0, 255)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    result = gan("upscale", "moving.gif")
    assert result.code == 0
    assert "moving.gif: only the first of its pages or frames is read" in result.err


def test_unreadable_images_are_left_out_and_listed(gan, run: str, tmp_path: Path) -> None:
    whole = photo(tmp_path / "in" / "a.png", 8, 8).read_bytes()
    photo(tmp_path / "in" / "z.png", 8, 8)
    (tmp_path / "in" / "cut.png").write_bytes(whole[:-40])  # its header is good
    (tmp_path / "in" / "text.png").write_text("no image")
    result = gan("upscale", "in", "--out", "out", "--json")
    assert result.code == 65
    assert result.err.count("left out in/") == 2
    assert "error: 2 of 4 images cannot be read" in result.err
    made = json.loads(result.out)
    assert [entry["image"] for entry in made["images"]] == ["out/a.png", "out/z.png"]
    assert sorted(entry["image"] for entry in made["unreadable"]) == ["in/cut.png", "in/text.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "z.png"]


def test_an_interrupted_folder_is_continued(gan, run: str, tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg"):
        photo(tmp_path / "in" / name, 8, 8)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_text("kept")
    for _ in range(2):
        result = gan("upscale", "in", "--out", "out", "--skip-existing")
        assert result.code == 0, result.err
        assert (tmp_path / "out" / "a.png").read_text() == "kept"
        assert read(tmp_path / "out" / "b.jpg").shape == (16, 16, 3)
        assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (1, 5000), (5000, 1)])
def test_tiny_and_thin_images(gan, run: str, tmp_path: Path, size: tuple[int, int]) -> None:
    photo(tmp_path / "thin.png", *size)
    result = gan("upscale", "thin.png", "--out", "out")
    assert result.code == 0, result.err
    assert read(tmp_path / "out" / "thin.png").shape == (2 * size[0], 2 * size[1], 3)


def test_the_limit_of_jpeg_is_said_before_anything_is_done(gan, run: str, tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png", 8, 8)
    photo(tmp_path / "in" / "long.jpg", 1, 32_751)
    result = gan("upscale", "in", "--out", "out")
    assert refused(result, "long.jpg has 2x65502 pixels", "JPEG allows at most 65,500", "use --format png")
    assert not (tmp_path / "out").exists()


def test_metadata_that_do_not_fit_are_said(gan, run: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "x" * 70_000
    photo(tmp_path / "a.png", 8, 8, exif=exif)
    result = gan("upscale", "a.png", "--format", "jpeg", "--out", "out")
    assert result.code == 0, result.err
    assert "a.png: left out: its EXIF data of 70" in result.err
    assert read(tmp_path / "out" / "a.jpg").shape == (16, 16, 3)


def test_a_run_that_samples_does_not_upscale(gan, unconditional: Path, tmp_path: Path) -> None:
    photo(tmp_path / "photo.png", 8, 8)
    assert refused(gan("upscale", str(unconditional), "photo.png"), "cannot upscale images")
    assert refused(gan("upscale", "photo.png"), "runs/ contains one run, and it cannot upscale images")
