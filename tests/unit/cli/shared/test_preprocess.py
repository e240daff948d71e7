"""Preprocessing of input images: centre crops, reduction by blocks, and errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.cli.shared.input_images import ImageFile, InputReport
from gancli.cli.shared.preprocess import Preprocessing
from gancli.errors import DataError


def image(path: Path, height: int, width: int) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_the_middle_of_an_image_as_it_is(tmp_path: Path) -> None:
    """Crop without resizing, as after training with data.random_crop and without a resolution."""
    pixels = image(tmp_path / "a.png", 9, 12)
    preprocess = Preprocessing(channels=1, size=None, fit="crop", crop=(4, 6), resolution=(4, 6))
    assert np.array_equal(preprocess.read(tmp_path / "a.png"), pixels[None, 2:6, 3:9])
    image(tmp_path / "small.png", 3, 12)
    with pytest.raises(DataError, match=r"small\.png has 3x12 pixels, and the model was trained on crops of 4x6"):
        preprocess.read(tmp_path / "small.png")


def test_the_middle_of_a_resized_image(tmp_path: Path) -> None:
    Image.new("RGB", (50, 40), (10, 20, 30)).save(tmp_path / "a.png")
    preprocess = Preprocessing(channels=3, size=(8, 8), fit="crop", crop=(4, 4), resolution=(4, 4))
    assert np.array_equal(preprocess.read(tmp_path / "a.png"), np.full((3, 4, 4), [[[10]], [[20]], [[30]]]))


def test_blocks_of_a_growing_network_are_averaged(tmp_path: Path) -> None:
    pixels = image(tmp_path / "a.png", 8, 8)
    preprocess = Preprocessing(channels=1, size=(8, 8), fit="crop", crop=(8, 8), resolution=(2, 4))
    means = pixels.reshape(2, 4, 4, 2).mean((1, 3))
    assert np.array_equal(preprocess.read(tmp_path / "a.png"), np.rint(means)[None])


def test_all_at_once(tmp_path: Path) -> None:
    first, second = (image(tmp_path / name, 4, 4) for name in ("a.png", "b.png"))
    preprocess = Preprocessing(channels=1, size=(4, 4), fit="crop", crop=(4, 4), resolution=(4, 4))
    files = [ImageFile(tmp_path / name, Path(name)) for name in ("a.png", "b.png")]
    images, kept = preprocess.read_all(files, InputReport(files, "skip"))
    assert np.array_equal(images, np.stack([first, second])[:, None])
    assert kept == [0, 1]


def test_indices_of_those_that_could_be_read(tmp_path: Path) -> None:
    second = image(tmp_path / "b.png", 4, 4)
    (tmp_path / "a.png").write_bytes(b"no image")
    preprocess = Preprocessing(channels=1, size=(4, 4), fit="crop", crop=(4, 4), resolution=(4, 4))
    files = [ImageFile(tmp_path / name, Path(name)) for name in ("a.png", "b.png")]
    report = InputReport(files, "skip")
    images, kept = preprocess.read_all(files, report)
    assert np.array_equal(images, second[None, None])
    assert (kept, report.count) == ([1], 1)
