"""`gan translate`: files and folders of any size, both directions, and errors."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SMALL = "train: {images: 8, batch_size: 4}\n"


def read(path: Path) -> tuple[np.ndarray, dict]:
    with Image.open(path) as image:
        return np.asarray(image), json.loads(image.text["gancli"])


def refused(result, *words: str, code: int = 2) -> bool:
    return result.code == code and result.err.startswith("error: ") and all(word in result.err for word in words)


def folders(tmp_path: Path, **modes: str) -> Path:
    """Create one folder per mode, with images of the same names."""
    random = np.random.default_rng(0)
    for name, mode in modes.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(6):
            shape = (16, 16, 3) if mode == "RGB" else (16, 16)
            pixels = random.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    return tmp_path / "data"


def train(gan, tmp_path: Path, name: str, data: str, model: str) -> Path:
    (tmp_path / f"{name}.yaml").write_text(f"family: {name}\ndata: {data}\nmodel: {model}\n{SMALL}")
    result = gan("train", f"{name}.yaml", "--device", "cpu")
    assert result.code == 0, result.err
    assert f"next: gan translate {Path('runs') / name} IMAGE" in result.out
    sheets = sorted(path.name for path in (tmp_path / "runs" / name / "samples").iterdir())
    assert sheets == ["000000000.png", "000000008.png"]  # of translations, before and after
    return tmp_path / "runs" / name


@pytest.fixture
def paired(gan, tmp_path: Path) -> Path:
    """Train `runs/pix2pix`, from colour to grey, at 16x16."""
    root = folders(tmp_path, source="RGB", target="L")
    data = f"{{source: paired, root: {root}, source_folder: source, target_folder: target}}"
    return train(gan, tmp_path, "pix2pix", data, "{channels: 2}")


@pytest.fixture
def unpaired(gan, tmp_path: Path) -> Path:
    """Train `runs/cyclegan` at 16x16."""
    root = folders(tmp_path, a="RGB", b="RGB")
    data = f"{{source: unpaired, root: {root}, a_folder: a, b_folder: b}}"
    return train(gan, tmp_path, "cyclegan", data, "{channels: 2, blocks: 1}")


def photo(path: Path, size: tuple[int, int], mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = size
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def test_images_of_any_size_keep_size_and_name(gan, paired: Path, tmp_path: Path) -> None:
    photo(tmp_path / "in" / "wide.png", (5, 37))
    photo(tmp_path / "in" / "sub" / "grey.jpg", (16, 16), "L")
    result = gan("translate", "in")
    assert result.code == 0, result.err
    assert "next: gan translate runs/pix2pix in --seed 1" in result.out  # another seed gives another result
    wide, metadata = read(paired / "out" / "translated-target" / "wide.png")
    assert wide.shape == (5, 37)
    assert metadata["from"] == "wide.png"
    assert (metadata["run"], metadata["to"], metadata["seed"], metadata["images"]) == ("pix2pix", "target", 0, 8)
    grey, _ = read(paired / "out" / "translated-target" / "sub" / "grey.png")
    assert grey.shape == (16, 16)


def test_an_image_depends_on_the_seed_and_not_on_those_beside_it(gan, paired: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        photo(tmp_path / "in" / f"{name}.png", (16, 32))
    for words in (("in",), ("in/b.png",), ("in/b.png", "--seed", "1")):
        assert gan("translate", "runs/pix2pix", *words, "--out", f"out{len(words)}{words[0][3:4]}").code == 0
    together, _ = read(tmp_path / "out1" / "b.png")
    alone, _ = read(tmp_path / "out1b" / "b.png")
    other, _ = read(tmp_path / "out3b" / "b.png")
    assert np.array_equal(together, alone)
    assert not np.array_equal(together, other)


def test_there_and_back(gan, unpaired: Path, tmp_path: Path) -> None:
    photo(tmp_path / "horse.png", (18, 22))
    result = gan("translate", "horse.png")
    assert result.code == 0, result.err
    there = Path("runs/cyclegan/out/translated-b")
    assert f"wrote {there / 'horse.png'}" in result.out
    assert f"next: gan translate runs/cyclegan {there} --to a" in result.out
    back = gan("translate", "runs/cyclegan", str(there), "--to", "a", "--json")
    (shown,) = json.loads(back.out)["images"]
    assert shown["to"] == "a"
    assert shown["from"] == str(there / "horse.png")
    image, metadata = read(Path(shown["image"]))
    assert image.shape == (18, 22, 3)
    assert metadata["to"] == "a"


def test_tiles_are_recorded(gan, unpaired: Path, tmp_path: Path) -> None:
    photo(tmp_path / "large.png", (50, 70))
    assert gan("translate", "large.png", "--tile", "20", "--out", "tiled").code == 0
    image, metadata = read(tmp_path / "tiled" / "large.png")
    assert image.shape == (50, 70, 3)
    assert metadata["tile"] == 20


def test_what_cannot_be_done_is_said(gan, unpaired: Path, tmp_path: Path) -> None:
    file = photo(tmp_path / "in" / "photo.png", (16, 16))
    before = file.read_bytes()
    assert refused(gan("translate", "in", "--to", "zebra"), "unknown domain 'zebra'", "translates to b, a")
    assert refused(gan("translate", "runs/cyclegan"), "no images are given", "gan translate runs/cyclegan photo.jpg")
    assert refused(gan("translate", "in", "--out", "in"), "would be overwritten")
    assert refused(gan("translate", "nowhere.png"), "nowhere.png does not exist", code=65)
    (tmp_path / "in" / "broken.png").write_bytes(b"no image")
    assert refused(gan("translate", "in"), "broken.png cannot be read", code=65)
    assert file.read_bytes() == before


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (2, 1), (1, 5000), (5000, 1)])
def test_tiny_and_thin_images_keep_their_size(gan, unpaired: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    photo(tmp_path / "thin.png", size)
    result = gan("translate", "thin.png", "--out", "out")
    assert result.code == 0, result.err
    with Image.open(tmp_path / "out" / "thin.png") as image:
        assert image.size == size[::-1]


def test_tiny_images_through_a_unet(gan, paired: Path, tmp_path: Path) -> None:
    for size in ((1, 1), (1, 3), (3, 400)):
        photo(tmp_path / "in" / f"{size}.png", size)
    result = gan("translate", "in", "--out", "out")
    assert result.code == 0, result.err
    assert {path.name: read(path)[0].shape for path in (tmp_path / "out").iterdir()} == {
        f"{size}.png": size for size in ((1, 1), (1, 3), (3, 400))
    }


def test_unreadable_images_are_left_out_and_listed_at_the_end(gan, unpaired: Path, tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png", (16, 16))
    whole = photo(tmp_path / "in" / "z.png", (16, 16)).read_bytes()
    (tmp_path / "in" / "cut.png").write_bytes(whole[:-100])
    result = gan("translate", "in", "--out", "one")
    assert refused(result, "in/cut.png cannot be read: ", "; the other 2 are done", code=65)
    assert "wrote one/ (2 files)" in result.out
    (tmp_path / "in" / "text.png").write_text("no image")
    result = gan("translate", "in", "--out", "two", "--json")
    assert result.code == 65
    assert result.err.endswith(
        "left out in/text.png: damaged, or not PNG, JPEG, WEBP, BMP, TIFF, GIF or PPM\n"
        "error: 2 of 4 images cannot be read and were left out; remove or replace them\n"
    )
    made = json.loads(result.out)
    assert [entry["image"] for entry in made["images"]] == ["two/a.png", "two/z.png"]
    assert [entry["image"] for entry in made["unreadable"]] == ["in/cut.png", "in/text.png"]
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["a.png", "z.png"]
    (tmp_path / "in" / "text.png").unlink()
    assert refused(gan("translate", "in", "--out", "three", "--unreadable", "fail"), "in/cut.png cannot be", code=65)
    assert not (tmp_path / "three").exists()


def test_an_interrupted_folder_is_continued(gan, unpaired: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        photo(tmp_path / "in" / f"{name}.png", (16, 16))
    assert gan("translate", "in", "--out", "whole").code == 0
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_text("kept")
    result = gan("translate", "in", "--out", "out", "--skip-existing")
    assert result.code == 0, result.err
    assert "skipped 1 of 3 images, whose results exist" in result.err
    assert (tmp_path / "out" / "a.png").read_text() == "kept"
    for name in ("b.png", "c.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert gan("translate", "in", "--out", "out", "--skip-existing").code == 0  # with nothing left to do
    assert refused(gan("translate", "in", "--out", "out"), "out/a.png exists, and gan did not write it", "--force")
    assert (tmp_path / "out" / "a.png").read_text() == "kept"
    assert gan("translate", "in", "--out", "out", "--force").code == 0
    assert (tmp_path / "out" / "a.png").read_bytes() == (tmp_path / "whole" / "a.png").read_bytes()


def test_names_that_are_not_utf8(gan, unpaired: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    name = os.fsdecode(b"caf\xe9.png")
    photo(tmp_path / "in" / name, (16, 16))
    (tmp_path / "in" / os.fsdecode(b"bad\xff.png")).write_text("no image")
    result = gan("translate", "in", "--out", "out")
    assert result.code == 65
    assert os.listdir(os.fsencode(tmp_path / "out")) == [b"caf\xe9.png"]
    assert read(tmp_path / "out" / name)[1]["from"] == "caf\\udce9.png"
    assert "wrote out/caf\\udce9.png" in result.out


def test_twelve_bits_are_said_and_scaled(gan, unpaired: Path, tmp_path: Path) -> None:
    values = np.linspace(0, 4095, 256).reshape(16, 16).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    Image.fromarray(np.round(values * (255 / 4095)).astype(np.uint8)).save(tmp_path / "plain.png")
    dark = gan("translate", "deep.png", "--out", "dark")
    assert "deep.png: only 12 of its 16 bits are used, up to 4095 of 65535; --range 0,4095 or " in dark.err
    for words in (("plain.png",), ("deep.png", "--range", "0,4095"), ("deep.png", "--range", "auto")):
        result = gan("translate", *words, "--out", "out")
        assert result.code == 0, result.err
        assert not result.err
        image, _ = read(tmp_path / "out" / words[0])
        assert np.array_equal(image, read(tmp_path / "out" / "plain.png")[0])
    for text in ("4095", "5,5", "9,1", "0,nan", "a,b"):
        assert refused(gan("translate", "deep.png", "--range", text), "--range takes full, auto or two ascending")


def test_a_run_that_samples_does_not_translate(gan, unconditional: Path, tmp_path: Path) -> None:
    photo(tmp_path / "photo.png", (8, 8))
    assert refused(gan("translate", str(unconditional), "photo.png"), "cannot translate images")
    assert refused(gan("translate", "photo.png"), "runs/ contains one run, and it cannot translate images")
