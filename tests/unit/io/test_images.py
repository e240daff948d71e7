from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancli.io.images import make_grid, to_pixels, write_png


def test_every_byte_survives_the_way_there_and_back() -> None:
    values = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert np.array_equal(to_pixels(values.float() / 127.5 - 1)[0, :, :, 0], values[0, 0].numpy())


def test_values_outside_are_clipped_and_nan_is_black() -> None:
    pixels = to_pixels(torch.tensor([-7.0, 7.0, float("nan"), 0.0]).reshape(1, 1, 2, 2))
    assert pixels.flatten().tolist() == [0, 255, 0, 128]


def test_a_sheet_places_images_row_by_row() -> None:
    images = np.stack([np.full((50, 50, 3), value, dtype=np.uint8) for value in (10, 20, 30)])
    page = make_grid(images, columns=2, gap=2)
    assert page.shape == (2 * 52 + 2, 2 * 52 + 2, 3)
    assert (page[2:52, 2:52] == 10).all()
    assert (page[2:52, 54:104] == 20).all()
    assert (page[54:104, 2:52] == 30).all()
    assert (page[54:104, 54:104] == 255).all()


def test_small_images_are_magnified_by_whole_pixels() -> None:
    page = make_grid(np.array([[[[1], [2]], [[3], [4]]]], dtype=np.uint8), min_side=6, gap=0)
    assert page.shape == (6, 6, 1)
    assert (page[:3, :3] == 1).all()
    assert (page[3:, 3:] == 4).all()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_png_keeps_pixels_and_tells_where_it_comes_from(tmp_path: Path, channels: int, mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, channels), dtype=np.uint8)
    made = {"run": "r", "seed": 3, "label": "<b>four</b>"}
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, pixels, metadata=made)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == mode
        assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)
        assert json.loads(image.text["gancli"]) == made
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
