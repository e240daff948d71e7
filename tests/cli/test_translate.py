"""`gan translate`: files and folders of any size, both directions, and errors."""

from __future__ import annotations

import json
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


def test_a_run_that_samples_does_not_translate(gan, unconditional: Path, tmp_path: Path) -> None:
    photo(tmp_path / "photo.png", (8, 8))
    assert refused(gan("translate", str(unconditional), "photo.png"), "cannot translate images")
    assert refused(gan("translate", "photo.png"), "runs/ contains one run, and it cannot translate images")
