"""Value ranges, channels, grids, and PNG files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancli.errors import DiskError
from gancli.io.images import convert_channels, grey_to_rgb, make_grid, normalize, quantize, to_pixels, to_rgb, write_png

LEVELS = torch.arange(256, dtype=torch.uint8)


def test_every_byte_survives_the_way_there_and_back() -> None:
    values = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert np.array_equal(to_pixels(values.float() / 127.5 - 1)[0, :, :, 0], values[0, 0].numpy())


def test_levels_and_images_convert_exactly() -> None:
    images = normalize(LEVELS)
    assert images.dtype == torch.float32
    assert (images[0], images[255]) == (-1, 1)
    assert torch.equal(images, LEVELS.float() / 127.5 - 1)
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(quantize(images.to(dtype)), LEVELS.to(dtype))
        assert torch.equal(normalize(LEVELS.to(dtype)), images)
    deep = torch.arange(0, 65536, 257, dtype=torch.float32)
    assert torch.equal(quantize(deep / 32767.5 - 1, largest=65535), deep)
    outside = quantize(torch.tensor([-7.0, 7.0, float("nan")]))
    assert outside[:2].tolist() == [0, 255]
    assert outside[2].isnan()


def test_conversions_do_not_change_their_input() -> None:
    levels, images = LEVELS.float(), torch.linspace(-1, 1, 9)
    normalize(levels)
    quantize(images)
    assert torch.equal(levels, LEVELS.float())
    assert torch.equal(images, torch.linspace(-1, 1, 9))


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_are_repeated_added_and_dropped(noise: np.ndarray, channels: int) -> None:
    images = noise[:, :channels]
    assert convert_channels(images, channels) is images
    rgba = convert_channels(images, 4)
    assert (rgba[:, 3] == 255).all()
    assert np.array_equal(rgba[:, :3], convert_channels(images, 3))
    assert np.array_equal(to_rgb(torch.from_numpy(rgba)).numpy(), rgba[:, :3])
    assert np.array_equal(to_rgb(torch.from_numpy(images)).numpy(), rgba[:, :3])
    assert np.array_equal(grey_to_rgb(images.transpose(0, 2, 3, 1)), rgba[:, :3].transpose(0, 2, 3, 1))


def test_values_outside_are_clipped_and_nan_is_black() -> None:
    pixels = to_pixels(torch.tensor([-7.0, 7.0, float("nan"), 0.0]).reshape(1, 1, 2, 2))
    assert pixels.flatten().tolist() == [0, 255, 0, 128]


def test_a_sheet_places_images_row_by_row() -> None:
    images = np.stack([np.full((50, 50, 3), value, dtype=np.uint8) for value in (10, 20, 30)])
    grid = make_grid(images, columns=2, gap=2)
    assert grid.shape == (2 * 52 + 2, 2 * 52 + 2, 3)
    assert (grid[2:52, 2:52] == 10).all()
    assert (grid[2:52, 54:104] == 20).all()
    assert (grid[54:104, 2:52] == 30).all()
    assert (grid[54:104, 54:104] == 255).all()


def test_small_images_are_magnified_by_whole_pixels() -> None:
    grid = make_grid(np.array([[[[1], [2]], [[3], [4]]]], dtype=np.uint8), min_side=6, gap=0)
    assert grid.shape == (6, 6, 1)
    assert (grid[:3, :3] == 1).all()
    assert (grid[3:, 3:] == 4).all()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_png_keeps_pixels_and_tells_where_it_comes_from(tmp_path: Path, channels: int, mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, channels), dtype=np.uint8)
    origin = {"run": "r", "seed": 3, "label": "<b>four</b>"}
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, pixels, metadata=origin)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == mode
        assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)
        assert json.loads(image.text["gancli"]) == origin
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_png_files_are_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    (tmp_path / "a.png").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr("gancli.io.files.os.fsync", full)
        with pytest.raises(DiskError, match="No space left"):
            write_png(tmp_path / "a.png", pixels, metadata={})
    assert (tmp_path / "a.png").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
    write_png(tmp_path / "a.png", pixels, metadata={})
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (4, 4)
