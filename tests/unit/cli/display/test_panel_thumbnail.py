"""Number of images in a thumbnail, and their pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gancli.cli.display.panel import Thumbnail
from gancli.io.images import Pixels, make_grid, write_png


def random(count: int, height: int, width: int) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def thumbnail(folder: Path, images: Pixels, columns: int) -> Thumbnail:
    metadata: dict[str, Any] = {"resolution": list(images.shape[1:3]), "columns": columns}
    write_png(folder / "sheet.png", make_grid(images, columns=columns), metadata=metadata)
    return Thumbnail(folder / "sheet.png")


def test_images_come_back_as_they_were_before_the_sheet_magnified_them(tmp_path: Path) -> None:
    images = random(64, 8, 8)
    pixels = thumbnail(tmp_path, images, columns=8).fit(26, 35)
    assert pixels.shape == (26, 35, 4)  # 3 rows and 4 columns of 8 pixels, one pixel between them
    for row in range(3):
        for column in range(4):
            cell = pixels[9 * row :, 9 * column :][:8, :8]
            assert (cell[..., :3] == images[8 * row + column]).all()
    assert (pixels[8::9, :, 3] == 0).all()
    assert (pixels[:, 8::9, 3] == 0).all()


def test_large_images_are_reduced_until_two_by_two_fit(tmp_path: Path) -> None:
    images = random(64, 64, 64)
    pixels = thumbnail(tmp_path, images, columns=8).fit(33, 70)
    assert pixels.shape == (33, 67, 4)  # 16 pixels each, as many as fit
    means = images[0].astype(float).reshape(16, 4, 16, 4, 3).mean((1, 3))
    assert np.abs(pixels[:16, :16, :3] - means).max() <= 1  # rounded along each side


@pytest.mark.parametrize(("columns", "shape"), [(3, (32, 32)), (3, (24, 48))])
def test_an_example_is_shown_from_end_to_end(tmp_path: Path, columns: int, shape: tuple[int, int]) -> None:
    pixels = thumbnail(tmp_path, random(8 * columns, *shape), columns).fit(40, 50)
    wide = 16
    tall = wide * shape[0] // shape[1]
    assert pixels.shape[1] == columns * wide + columns - 1
    assert (pixels.shape[0] + 1) % (tall + 1) == 0


@pytest.mark.parametrize("shape", [(30, 60), (300, 100)])
def test_any_other_picture_is_shown_whole(tmp_path: Path, shape: tuple[int, int]) -> None:
    write_png(tmp_path / "figure.png", np.full((*shape, 3), 7, dtype=np.uint8), metadata={})
    pixels = Thumbnail(tmp_path / "figure.png").fit(40, 60)
    scale = min(1, 40 / shape[0], 60 / shape[1])
    assert pixels.shape[:2] == (int(scale * shape[0]), int(scale * shape[1]))
    assert (pixels == (7, 7, 7, 255)).all()


@pytest.mark.parametrize("room", [(12, 12), (13, 40), (60, 12)])
def test_it_never_takes_more_than_there_is(tmp_path: Path, room: tuple[int, int]) -> None:
    for columns, size in ((8, (5, 9)), (2, (128, 128)), (9, (70, 30)), (6, (31, 33))):
        pixels = thumbnail(tmp_path, random(2 * columns, *size), columns).fit(*room)
        assert 0 < pixels.shape[0] <= room[0]
        assert 0 < pixels.shape[1] <= room[1]
