"""Peak signal-to-noise ratio and luma."""

from __future__ import annotations

import math

import pytest
import torch

from gancli.errors import DataError
from gancli.metrics.super_resolution import luma, psnr


def test_uniform_errors() -> None:
    """The PSNR is 20 log10(255 / e) if each pixel has an error of e."""
    images = torch.full((3, 3, 4, 5), 100.0)
    errors = torch.tensor([1.0, 10.0, 255.0])
    expected = [20 * math.log10(255 / error) for error in errors.tolist()]
    assert psnr(images, images - errors.view(3, 1, 1, 1)).tolist() == pytest.approx(expected)
    assert expected[2] == 0


def test_one_pixel_of_many() -> None:
    images, other = torch.zeros(1, 1, 10, 10), torch.zeros(1, 1, 10, 10)
    other[0, 0, 3, 7] = 255
    assert psnr(images, other).tolist() == pytest.approx([20])


def test_each_pair_by_itself_and_either_way() -> None:
    first, second = (torch.rand(2, 4, 3, 6, 6, generator=torch.Generator().manual_seed(0)) * 255).unbind()
    one_by_one = torch.cat([psnr(a[None], b[None]) for a, b in zip(first, second, strict=True)])
    torch.testing.assert_close(psnr(first, second), one_by_one)
    torch.testing.assert_close(psnr(first, second), psnr(second, first))


def test_equal_images_have_an_infinite_one() -> None:
    assert psnr(torch.ones(1, 3, 2, 2), torch.ones(1, 3, 2, 2)).tolist() == [math.inf]


def test_luma() -> None:
    """ITU-R BT.601: black is 16, white 235, and pure colours are as in MATLAB's `rgb2ycbcr` before rounding."""
    colours = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [51, 51, 51]])
    found = luma(colours.double().view(6, 3, 1, 1))
    assert found.shape == (6, 1, 1, 1)
    assert found.flatten().tolist() == pytest.approx([16, 235, 81.481, 144.553, 40.966, 16 + 219 / 5])


def test_shapes_must_agree() -> None:
    with pytest.raises(DataError, match="equal shape"):
        psnr(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 5))
