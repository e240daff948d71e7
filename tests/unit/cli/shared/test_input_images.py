"""Input images of commands: finding files, reading them, and naming results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancli.cli.shared.input_images import find_images, name_results, split_run
from gancli.cli.shared.preprocess import decode_image, to_tensor
from gancli.errors import DataError, UsageError
from gancli.io.images import to_pixels


def write(path: Path, mode: str = "RGB", size: tuple[int, int] = (6, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, 0).save(path)
    return path


def test_files_and_folders_in_order_each_once(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "sub/c.png", ".hidden.png", ".cache/d.png"):
        write(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no image")
    alone = write(tmp_path / "alone.png")
    found = find_images([alone, tmp_path / "in", tmp_path / "in" / "b.png"], example="gan x")
    assert [str(file.name) for file in found] == ["alone.png", "a.jpg", "b.png", "sub/c.png"]


def test_nothing_to_find_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no images are given.*`gan x y.png`"):
        find_images([], example="gan x y.png")
    with pytest.raises(DataError, match="no images found"):
        find_images([tmp_path], example="gan x")
    with pytest.raises(DataError, match="does not exist"):
        find_images([tmp_path / "none.png"], example="gan x")


def test_results_keep_names_and_get_numbers_where_two_would_be_one(tmp_path: Path) -> None:
    for name in ("in/a.jpg", "in/a.png", "in/sub/a.png", "other/A.png"):
        write(tmp_path / name)
    found = find_images([tmp_path / "in", tmp_path / "other" / "A.png"], example="gan x")
    results = name_results(found, tmp_path / "out")
    assert [str(path.relative_to(tmp_path / "out")) for path in results] == ["a.png", "a-2.png", "sub/a.png", "A-3.png"]


def test_an_image_that_goes_in_is_never_overwritten(tmp_path: Path) -> None:
    file = write(tmp_path / "a.png")
    found = find_images([file], example="gan x")
    with pytest.raises(UsageError, match="would be overwritten"):
        name_results(found, tmp_path)
    with pytest.raises(DataError, match="must be a directory"):
        name_results(found, file)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(UsageError, match="would be overwritten"):
        name_results(found, link)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_come_in_the_channels_that_are_asked_for(tmp_path: Path, mode: str, channels: int) -> None:
    image = to_tensor(decode_image(write(tmp_path / "a.png", mode), channels=channels))
    assert image.shape == (1, channels, 4, 6)
    assert image.dtype == torch.float32
    assert image.min() >= -1
    assert image.max() <= 1


def test_pixels_are_exact_and_upright(tmp_path: Path) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6) * 11
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    read = to_tensor(decode_image(tmp_path / "a.png", channels=1))
    assert np.array_equal(to_pixels(read)[0, :, :, 0], np.rot90(pixels, -1))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "a.png"
    broken.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"a\.png cannot be read: damaged"):
        decode_image(broken, channels=3)


def test_a_run_before_the_images_is_told_from_a_folder_of_them(tmp_path: Path) -> None:
    run, images = tmp_path / "run", tmp_path / "images"
    (run / "checkpoints" / "8").mkdir(parents=True)
    images.mkdir()
    for folder in (run, run / "checkpoints" / "8"):
        (folder / "manifest.json").write_text("{}")
        assert split_run([folder, images]) == (folder, [images])
    assert split_run([images, run]) == (None, [images, run])
    assert split_run([]) == (None, [])
