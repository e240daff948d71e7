"""How much of a sheet is shown, and that a pixel of it is the mean of what it stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gancli.cli.display.panel import Thumbnail
from gancli.io.images import Pixels, sheet, write_png


def random(count: int, height: int, width: int) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def thumbnail(folder: Path, images: Pixels, columns: int) -> Thumbnail:
    about: dict[str, Any] = {"resolution": list(images.shape[1:3]), "columns": columns}
    write_png(folder / "sheet.png", sheet(images, columns=columns), metadata=about)
    return Thumbnail(folder / "sheet.png")


def test_images_come_back_as_they_were_before_the_sheet_magnified_them(tmp_path: Path) -> None:
    images = random(64, 8, 8)
    fitted = thumbnail(tmp_path, images, columns=8).fitted(26, 35)
    assert fitted.shape == (26, 35, 4)  # 3 rows and 4 columns of 8 pixels, a pixel between them
    for row in range(3):
        for column in range(4):
            cell = fitted[9 * row :, 9 * column :][:8, :8]
            assert (cell[..., :3] == images[8 * row + column]).all()
    assert (fitted[8::9, :, 3] == 0).all()
    assert (fitted[:, 8::9, 3] == 0).all()


def test_large_images_are_reduced_until_two_by_two_fit(tmp_path: Path) -> None:
    images = random(64, 64, 64)
    fitted = thumbnail(tmp_path, images, columns=8).fitted(33, 70)
    assert fitted.shape == (33, 67, 4)  # of 16 pixels each, and as many of them as there is room for
    means = images[0].astype(float).reshape(16, 4, 16, 4, 3).mean((1, 3))
    assert np.abs(fitted[:16, :16, :3] - means).max() <= 1  # rounded along each side


@pytest.mark.parametrize(("columns", "shape"), [(3, (32, 32)), (3, (24, 48))])
def test_an_example_is_shown_from_end_to_end(tmp_path: Path, columns: int, shape: tuple[int, int]) -> None:
    fitted = thumbnail(tmp_path, random(8 * columns, *shape), columns).fitted(40, 50)
    wide = 16
    tall = wide * shape[0] // shape[1]
    assert fitted.shape[1] == columns * wide + columns - 1
    assert (fitted.shape[0] + 1) % (tall + 1) == 0


@pytest.mark.parametrize("shape", [(30, 60), (300, 100)])
def test_any_other_picture_is_shown_whole(tmp_path: Path, shape: tuple[int, int]) -> None:
    write_png(tmp_path / "figure.png", np.full((*shape, 3), 7, dtype=np.uint8), metadata={})
    fitted = Thumbnail(tmp_path / "figure.png").fitted(40, 60)
    scale = min(1, 40 / shape[0], 60 / shape[1])
    assert fitted.shape[:2] == (int(scale * shape[0]), int(scale * shape[1]))
    assert (fitted == (7, 7, 7, 255)).all()


@pytest.mark.parametrize("room", [(12, 12), (13, 40), (60, 12)])
def test_it_never_takes_more_than_there_is(tmp_path: Path, room: tuple[int, int]) -> None:
    for columns, size in ((8, (5, 9)), (2, (128, 128)), (9, (70, 30)), (6, (31, 33))):
        fitted = thumbnail(tmp_path, random(2 * columns, *size), columns).fitted(*room)
        assert 0 < fitted.shape[0] <= room[0]
        assert 0 < fitted.shape[1] <= room[1]
