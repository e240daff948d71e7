from __future__ import annotations

import math

import pytest
import torch

from gancli.nn.progressive import PixelNorm


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
def test_every_pixel_has_a_mean_square_of_one(scale: float) -> None:
    x = scale * torch.randn(3, 16, 4, 5)
    assert torch.allclose(PixelNorm()(x).square().mean(1), torch.ones(3, 4, 5), atol=1e-5)


def test_a_latent_has_the_length_of_the_root_of_its_numbers() -> None:
    length = PixelNorm()(torch.randn(4, 512)).norm(dim=1)
    assert torch.allclose(length, torch.full((4,), math.sqrt(512)), atol=1e-3)


def test_pixels_keep_their_direction_and_do_not_see_each_other() -> None:
    x = torch.tensor([[3.0, 0.0], [4.0, 0.5]]).view(1, 2, 1, 2)
    expected = torch.tensor([[0.6, 0.0], [0.8, 1.0]]).view(1, 2, 1, 2) * math.sqrt(2)
    assert torch.allclose(PixelNorm()(x), expected, atol=1e-6)


def test_a_black_pixel_stays_black_and_has_a_slope() -> None:
    x = torch.zeros(1, 4, 1, 1, requires_grad=True)
    y = PixelNorm()(x)
    assert not y.any()
    y.sum().backward()
    assert torch.allclose(x.grad, torch.full_like(x, 1e4))


def test_keeps_the_type_of_half_precision() -> None:
    assert PixelNorm()(torch.randn(2, 4, 3, 3, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_can_be_differentiated_twice() -> None:
    x = torch.randn(2, 4, 2, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(PixelNorm(), (x,))
    assert torch.autograd.gradgradcheck(PixelNorm(), (x,))
