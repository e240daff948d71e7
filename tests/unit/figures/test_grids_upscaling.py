"""Columns of the grid of upscaled images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.data.variable_size import VariableSizeImages
from gancli.family.context import Nets
from gancli.figures import grids
from gancli.figures.grids import UpscalingGrid
from gancli.io.images import Pixels, to_pixels
from gancli.nn.imresize import degrade, imresize

SIDE = 8


class Nearest:
    """Upscales by repeating pixels."""

    scale = 2

    def upscale(self, nets: Nets, image: Tensor) -> Tensor:
        return image.repeat_interleave(2, 2).repeat_interleave(2, 3)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the grid by an array of its images (rows, columns, H, W, C)."""

    def as_array(pixels: Pixels, *, columns: int) -> Pixels:
        return pixels.reshape(-1, columns, *pixels.shape[1:])

    monkeypatch.setattr(grids, "make_grid", as_array)


def render(images: np.ndarray | VariableSizeImages, rows: int) -> Pixels:
    spec = DataSpec(channels=3, height=SIDE, width=SIDE)
    packed = PackedDataset.of_images(images=images, labels=None, spec=spec, fingerprint="")
    return UpscalingGrid(Nearest(), packed, rows=rows, device=torch.device("cpu")).render(Nets({}))


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_bicubic_network_and_original_side_by_side() -> None:
    images = random(5, 3, SIDE, SIDE)
    grid = render(images, 3)
    assert grid.shape == (3, 3, SIDE, SIDE, 3)
    for row, place in enumerate((0, 2, 4)):
        original = torch.from_numpy(images[place : place + 1]).float() / 127.5 - 1
        small = degrade(original, 2)
        for column, expected in enumerate((imresize(small, scale=2), Nearest().upscale(Nets({}), small), original)):
            assert np.array_equal(grid[row, column], to_pixels(expected)[0])


def test_larger_ones_of_any_sizes_are_cut_from_the_middle() -> None:
    images = [random(3, SIDE + 4, SIDE + 2), random(3, SIDE, SIDE + 6)]
    grid = render(VariableSizeImages.of(images), 8)
    assert np.array_equal(grid[0, 2], images[0][:, 2:-2, 1:-1].transpose(1, 2, 0))
    assert np.array_equal(grid[1, 2], images[1][:, :, 3:-3].transpose(1, 2, 0))
