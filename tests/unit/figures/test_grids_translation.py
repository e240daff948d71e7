"""Columns of the grid of translations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.family.context import Nets
from gancli.family.tasks import Translation
from gancli.figures import grids
from gancli.figures.grids import TranslationGrid
from gancli.io.images import Pixels

SIDE = 2


class AddConstant:
    """Translates by adding a constant that depends on the domain."""

    def __init__(self, translations: Sequence[Translation], by: dict[str, float]) -> None:
        self._translations, self._by = translations, by

    def translations(self) -> Sequence[Translation]:
        return self._translations

    def translate(self, nets: Nets, image: Tensor, to: str) -> Tensor:
        return image + self._by[to] / 127.5


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the grid by an array of its images (rows, columns, H, W, C)."""

    def as_array(pixels: Pixels, *, columns: int) -> Pixels:
        return pixels.reshape(-1, columns, *pixels.shape[1:])

    monkeypatch.setattr(grids, "make_grid", as_array)


def constant(values: Sequence[int], *, channels: int = 1, side: int = SIDE) -> np.ndarray:
    return np.stack([np.full((channels, side, side), value, dtype=np.uint8) for value in values])


def render(family: AddConstant, rows: int, **arrays: np.ndarray) -> Any:
    spec = DataSpec(
        channels=1, height=SIDE, width=SIDE, channels_of={key: array.shape[1] for key, array in arrays.items()}
    )
    packed = PackedDataset(arrays=arrays, spec=spec, fingerprint="")
    return TranslationGrid(family, packed, rows=rows, device=torch.device("cpu")).render(Nets({}))


def test_pairs_have_input_output_and_truth_side_by_side() -> None:
    family = AddConstant([Translation(to="target", reads="source", truth="target")], {"target": 1})
    grid = render(family, 3, source=constant(range(0, 50, 10)), target=constant(range(5, 55, 10)))
    assert grid[..., 0, 0, 0].tolist() == [[0, 1, 5], [20, 21, 25], [40, 41, 45]]


def test_domains_have_columns_of_their_own() -> None:
    family = AddConstant([Translation(to="b", reads="a"), Translation(to="a", reads="b")], {"a": 1, "b": 2})
    grid = render(family, 2, a=constant([10, 20, 30]), b=constant([40, 50]))
    assert grid[..., 0, 0, 0].tolist() == [[10, 12, 40, 41], [30, 32, 50, 51]]


def test_an_input_is_shown_once_for_all_domains() -> None:
    family = AddConstant([Translation(to=name, reads="image") for name in ("x", "y")], {"x": 1, "y": 2})
    assert render(family, 1, image=constant([10]))[..., 0, 0, 0].tolist() == [[10, 11, 12]]


def test_grey_stands_beside_colour_and_too_few_images_are_no_error() -> None:
    family = AddConstant([Translation(to="target", reads="source", truth="target")], {"target": 0})
    grid = render(family, 8, source=constant([7]), target=constant([9], channels=3))
    assert grid.shape == (1, 3, SIDE, SIDE, 3)


def test_larger_images_are_cut_from_the_middle() -> None:
    image = np.arange(36, dtype=np.uint8).reshape(1, 1, 6, 6)
    family = AddConstant([Translation(to="x", reads="image")], {"x": 0})
    assert render(family, 1, image=image)[0, 0, :, :, 0].tolist() == image[0, 0, 2:4, 2:4].tolist()
