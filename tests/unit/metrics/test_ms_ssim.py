"""Multi-scale structural similarity, compared with plain loops and closed forms."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from gancli.errors import DataError
from gancli.metrics.ms_ssim import WEIGHTS, ms_ssim, number_of_scales

Grid = npt.NDArray[np.float64]


def noise(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 255


def plain(first: Grid, second: Grid) -> float:
    """Return the similarity of two images (C, H, W), computed window by window."""
    weights, product = WEIGHTS[: number_of_scales(*first.shape[1:])], 1.0
    weights = tuple(weight * sum(WEIGHTS) / sum(weights) for weight in weights)
    for scale, weight in enumerate(weights):
        channels, height, width = first.shape
        side = min(11, height, width)
        places = np.arange(side) - (side - 1) / 2
        bell = np.exp(-(places[:, None] ** 2 + places**2) / (2 * (1.5 * side / 11) ** 2))
        bell /= bell.sum()
        similar, contrast = [], []
        for channel, y, x in np.ndindex(channels, height - side + 1, width - side + 1):
            a, b = (image[channel, y : y + side, x : x + side] for image in (first, second))
            mean_a, mean_b = (bell * a).sum(), (bell * b).sum()
            both = (bell * (a - mean_a) * (b - mean_b)).sum()
            spread = (bell * (a - mean_a) ** 2).sum() + (bell * (b - mean_b) ** 2).sum()
            contrast.append((2 * both + 7.65**2) / (spread + 7.65**2))
            luminance = (2 * mean_a * mean_b + 2.55**2) / (mean_a**2 + mean_b**2 + 2.55**2)
            similar.append(luminance * contrast[-1])
        last = scale == len(weights) - 1
        product *= max(0.0, float(np.mean(similar if last else contrast))) ** weight
        halves = (height // 2, width // 2)
        first, second = (
            image[:, : 2 * halves[0], : 2 * halves[1]].reshape(channels, halves[0], 2, halves[1], 2).mean((2, 4))
            for image in (first, second)
        )
    return product


@pytest.mark.parametrize("shape", [(3, 40, 33), (1, 28, 28), (4, 16, 24), (1, 8, 8), (1, 5, 3)])
def test_it_is_what_window_by_window_comes_out(shape: tuple[int, ...]) -> None:
    first = noise(2, *shape, seed=0)
    second = (first + noise(2, *shape, seed=1)) / 2
    expected = [plain(a.double().numpy(), b.double().numpy()) for a, b in zip(first, second, strict=True)]
    assert all(0.1 < value < 0.999 for value in expected)
    assert ms_ssim(first, second).tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("shape", [(2, 3, 64, 48), (2, 1, 8, 8), (2, 1, 1, 1)])
def test_an_image_equals_itself(shape: tuple[int, ...]) -> None:
    image = noise(*shape, seed=0)
    assert ms_ssim(image, image.clone()).tolist() == pytest.approx([1, 1], abs=1e-6)


def test_order_does_not_matter_and_opposites_are_not_below_0() -> None:
    first, second = noise(4, 3, 32, 32, seed=0), noise(4, 3, 32, 32, seed=1)
    torch.testing.assert_close(ms_ssim(first, second), ms_ssim(second, first))
    assert ms_ssim(first, 255 - first).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("one", "other"), [(0, 255), (100, 200), (254, 255)])
def test_flat_images_differ_in_luminance_alone(one: int, other: int) -> None:
    images = (torch.full((1, 3, 32, 32), float(value)) for value in (one, other))
    c1 = (0.01 * 255) ** 2
    expected = ((2 * one * other + c1) / (one**2 + other**2 + c1)) ** 0.1333
    assert ms_ssim(*images).item() == pytest.approx(expected, rel=1e-6)


def test_an_image_of_8_pixels_has_four_scales_whose_weights_add_up_to_the_same() -> None:
    assert [number_of_scales(side, 200) for side in (1, 2, 7, 8, 15, 16, 200)] == [1, 2, 3, 4, 4, 5, 5]
    images = (torch.full((1, 1, 8, 8), value) for value in (50.0, 150.0))
    c1 = (0.01 * 255) ** 2
    luminance = (2 * 50 * 150 + c1) / (50**2 + 150**2 + c1)
    exponent = 0.2363 * math.fsum(WEIGHTS) / math.fsum(WEIGHTS[:4])
    assert ms_ssim(*images).item() == pytest.approx(luminance**exponent, rel=1e-6)


def test_pairs_of_two_sizes_are_refused() -> None:
    with pytest.raises(DataError, match="equal shape"):
        ms_ssim(noise(2, 1, 16, 16, seed=0), noise(2, 3, 16, 16, seed=0))
