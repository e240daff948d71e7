"""Colours of heat maps, and the grid with the image and its nearest generated image."""

from __future__ import annotations

import numpy as np

from gancli.figures.grids import heat_map_grid, heat_to_rgb


def test_black_red_yellow_white() -> None:
    heat = np.array([[0, 1 / 6, 1 / 3, 2 / 3, 1, 5]], dtype=np.float32)
    black, dark, red, yellow, white, beyond = heat_to_rgb(heat)[0].tolist()
    assert black == [0, 0, 0]
    assert dark in ([127, 0, 0], [128, 0, 0])
    assert red == [255, 0, 0]
    assert yellow == [255, 255, 0]
    assert white == beyond == [255, 255, 255]


def test_three_columns_in_colour() -> None:
    grey, coloured = np.full((50, 50, 1), 7, dtype=np.uint8), np.full((50, 50, 4), 9, dtype=np.uint8)
    image = heat_map_grid(grey, coloured, np.full((50, 50), 4, dtype=np.float32), hottest=4)
    assert image.shape == (54, 3 * 52 + 2, 3)
    assert [image[27, 27 + 52 * column].tolist() for column in range(3)] == [[7] * 3, [9] * 3, [255] * 3]
