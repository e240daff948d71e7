"""Padding and tiles: the output of the network is unchanged, and there are no seams."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.inference.tiling import OVERLAP, apply_padded, apply_tiled


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class RecordSizes:
    """A network that records the sizes of its inputs, doubles values and averages channels."""

    def __init__(self, multiple: int) -> None:
        self.multiple = multiple
        self.sizes: list[tuple[int, int]] = []

    def __call__(self, image: Tensor) -> Tensor:
        size = (image.shape[2], image.shape[3])
        assert not any(side % self.multiple for side in size)
        self.sizes.append(size)
        return 2 * image.mean(1, keepdim=True)


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3, 17), (9, 8), (5, 100)])
def test_any_size_comes_back_as_it_was(size: tuple[int, int]) -> None:
    image, network = normal(2, 3, *size), RecordSizes(8)
    assert torch.equal(apply_padded(network, image, 8), 2 * image.mean(1, keepdim=True))
    assert network.sizes == [tuple(-(-side // 8) * 8 for side in size)]


def test_what_is_added_is_a_reflection() -> None:
    shown: list[Tensor] = []

    def record(image: Tensor) -> Tensor:
        shown.append(image)
        return image

    apply_padded(record, normal(1, 2, 13, 11), 8)
    assert torch.equal(shown[0], F.pad(normal(1, 2, 13, 11), (0, 5, 0, 3), mode="reflect"))
    apply_padded(record, normal(1, 1, 1, 3), 8)  # reflected more than once
    assert torch.equal(shown[1][0, 0, 0], normal(1, 1, 1, 3)[0, 0, 0, [0, 1, 2, 1, 0, 1, 2, 1]])


@pytest.mark.parametrize("size", [(64, 64), (33, 65), (200, 31), (7, 100)])
def test_tiles_of_a_network_without_context_are_the_whole(size: tuple[int, int]) -> None:
    image, network = normal(2, 3, *size), RecordSizes(8)
    assert torch.allclose(apply_tiled(network, image, 8, 30), 2 * image.mean(1, keepdim=True), rtol=1e-12)
    assert max(max(size) for size in network.sizes) <= 32


def test_an_image_of_one_tile_is_not_cut() -> None:
    network = RecordSizes(8)
    apply_tiled(network, normal(1, 1, 32, 20), 8, 32)
    assert network.sizes == [(32, 24)]


def test_pixels_far_from_a_border_are_exact() -> None:
    """A network with a 5x5 receptive field errs at the borders of tiles, where the weights are lowest."""
    image, kernel = normal(1, 1, 100, 100), normal(1, 1, 5, 5)

    def blur(part: Tensor) -> Tensor:
        return F.conv2d(part, kernel, padding=2)

    whole, parts = blur(image), apply_tiled(blur, image, 4, 64)
    assert torch.allclose(whole[:, :, :30, :30], parts[:, :, :30, :30], rtol=1e-12)
    assert not torch.allclose(whole, parts, rtol=1e-12)


def test_tiles_of_different_tone_pass_into_each_other() -> None:
    """If tiles differ by 1, neighbouring pixels differ by at most one step of the ramp over the overlap."""
    tones = iter(range(100))

    def tone(part: Tensor) -> Tensor:
        return torch.full_like(part, next(tones) % 2)

    output = apply_tiled(tone, torch.zeros(1, 1, 64, 300, dtype=torch.float64), 8, 64)
    assert output.min() < 0.01
    assert output.max() > 0.99
    shared = 64 // OVERLAP
    assert output.diff(dim=3).abs().max() <= 1.01 / shared
    assert output.diff(dim=2).abs().max() == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 1), (1, 50), (50, 1), (5, 7)])
@pytest.mark.parametrize("scale", [1, 2])
def test_images_are_reflected_until_the_network_accepts_them(size: tuple[int, int], scale: int) -> None:
    shapes: list[tuple[int, ...]] = []

    def network(image: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(image.shape[2:]))
        F.pad(image, (3, 3, 3, 3), mode="reflect")  # raises an error for sides up to 3
        if min(image.shape[2:]) < 8:
            raise ValueError("Expected more than 1 spatial element when training")
        return image.repeat_interleave(scale, 2).repeat_interleave(scale, 3)

    image = torch.rand(1, 3, *size)
    output = apply_padded(network, image, 2, enough=(16, 16), scale=scale)
    assert torch.equal(output, image.repeat_interleave(scale, 2).repeat_interleave(scale, 3))
    assert all(8 <= side <= 50 for side in shapes[-1])


def test_errors_of_large_images_are_raised_once() -> None:
    calls = []

    def network(image: torch.Tensor) -> torch.Tensor:
        calls.append(image.shape)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        apply_padded(network, torch.zeros(1, 3, 16, 16), 4, enough=(16, 16))
    assert len(calls) == 1
