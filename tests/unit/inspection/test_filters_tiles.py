from __future__ import annotations

import pytest
import torch

from gancli.inspection.filters import filter_tiles, gradient_images, without_opacity


@pytest.mark.parametrize("channels", [1, 3])
def test_each_filter_fills_its_own_range(channels: int) -> None:
    filters = torch.randn(5, channels, 4, 4) * torch.tensor([1e-3, 1.0, 1e3, 1.0, 1.0])[:, None, None, None]
    tiles = filter_tiles(filters)
    assert tiles.shape == filters.shape
    torch.testing.assert_close(tiles.flatten(1).amin(1), torch.full((5,), -1.0))
    torch.testing.assert_close(tiles.flatten(1).amax(1), torch.full((5,), 1.0))


def test_other_channels_stand_side_by_side() -> None:
    filters = torch.arange(32.0).reshape(2, 4, 2, 2)
    tiles = filter_tiles(filters)
    assert tiles.shape == (2, 1, 2, 8)
    assert tiles[0, 0, 0].argsort().tolist() == list(range(8))  # the first rows of channels 0 to 3, in their order
    assert tiles[0, 0, 0, 0] == -1


def test_what_is_alike_is_grey() -> None:
    assert not filter_tiles(torch.full((1, 1, 2, 2), 7.0)).any()
    assert not gradient_images(torch.zeros(1, 1, 2, 2)).any()


def test_a_gradient_keeps_its_signs() -> None:
    assert gradient_images(torch.tensor([-4.0, 0.0, 1.0, 2.0]).reshape(1, 1, 2, 2)).flatten().tolist() == [
        -1,
        0,
        0.25,
        0.5,
    ]


def test_opacity_is_left_out() -> None:
    assert without_opacity(torch.zeros(2, 4, 3, 3)).shape == (2, 3, 3, 3)
    assert without_opacity(torch.zeros(2, 1, 3, 3)).shape == (2, 1, 3, 3)
