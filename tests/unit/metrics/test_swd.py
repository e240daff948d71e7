"""Sliced Wasserstein distance of patches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.errors import DataError, UsageError
from gancli.metrics.swd import (
    PATCHES,
    descriptors,
    directions,
    distances,
    image_size,
    laplacian_pyramid,
    normalise,
    patches,
    sliced_distance,
    upsample,
)

CPU = torch.device("cpu")


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0, top: int = 256) -> Tensor:
    """Return random bytes, as floats."""
    return torch.randint(top, shape, generator=stream(seed)).float()


def between(first: Tensor, second: Tensor, *, seed: int = 0) -> dict[tuple[int, int], float]:
    tables = (descriptors([images], count=len(images), seed=seed) for images in (first, second))
    return distances(*tables, seed=seed, device=CPU)


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((7, 90), [(7, 90)]),
        ((31, 31), [(31, 31)]),
        ((32, 32), [(32, 32), (16, 16)]),
        ((33, 70), [(33, 70), (17, 35)]),
        ((48, 80), [(48, 80), (24, 40)]),
        ((128, 128), [(128, 128), (64, 64), (32, 32), (16, 16)]),
    ],
)
def test_a_pyramid_has_halves_and_adds_up_to_the_image(size: tuple[int, int], sizes: list[tuple[int, int]]) -> None:
    image = torch.rand(2, 3, *size, generator=stream(), dtype=torch.float64)
    levels = laplacian_pyramid(image)
    assert [image_size(level) for level in levels] == sizes
    whole = levels.pop()
    while levels:
        finer = levels.pop()
        whole = finer + upsample(whole, image_size(finer))
    torch.testing.assert_close(whole, image, rtol=0, atol=1e-12)


def test_a_level_is_the_image_under_the_binomial_kernel_at_every_other_pixel() -> None:
    image = noise(1, 1, 32, 35)
    grid, kernel = image[0, 0].numpy(), np.array([1, 4, 6, 4, 1]) / 16
    expected = np.zeros((16, 18))
    for row, column in np.ndindex(expected.shape):
        for down, across in np.ndindex(5, 5):
            y, x = abs(2 * row + down - 2), abs(2 * column + across - 2)
            y, x = (31 - abs(31 - y), 34 - abs(34 - x))  # mirrored at the outermost pixels
            expected[row, column] += kernel[down] * kernel[across] * grid[y, x]
    np.testing.assert_allclose(laplacian_pyramid(image)[1][0, 0].numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("value", [0, 101, 255])
def test_a_flat_image_has_nothing_in_its_finer_levels(value: int) -> None:
    finer = laplacian_pyramid(torch.full((1, 1, 128, 96), float(value)))
    assert finer.pop().unique().tolist() == [value]
    assert all(not level.any() for level in finer)


def test_patches_lie_inside_everywhere_and_belong_to_their_image() -> None:
    height, width = 9, 12
    rows = torch.arange(height).view(-1, 1).expand(height, width)
    columns = torch.arange(width).expand(height, width)
    images = torch.stack([torch.stack([rows, columns, torch.full_like(rows, which)]) for which in range(6)])
    found = patches(images, stream())
    assert found.shape == (6 * PATCHES, 3, 7, 7)
    top, left = found[:, 0, 0, 0], found[:, 1, 0, 0]
    assert (found[:, 0] == (top.view(-1, 1) + torch.arange(7)).unsqueeze(2)).all()
    assert (found[:, 1] == (left.view(-1, 1) + torch.arange(7)).unsqueeze(1)).all()
    assert (top.unique().tolist(), left.unique().tolist()) == ([0, 1, 2], [0, 1, 2, 3, 4, 5])
    assert (found[:, 2] == torch.arange(6).repeat_interleave(PATCHES).view(-1, 1, 1)).all()


def test_images_below_a_patch_are_refused() -> None:
    assert len(patches(noise(1, 1, 7, 7), stream())) == PATCHES
    with pytest.raises(UsageError, match="6x9 pixels are smaller than the 7x7 patches"):
        patches(noise(1, 1, 6, 9), stream())


def test_each_channel_is_normalised_by_itself() -> None:
    table = noise(300, 4, 7, 7).double() * torch.tensor([1.0, 5.0, 0.1, 0.0]).view(4, 1, 1) + 30
    found = normalise(table.clone())
    assert found.mean((0, 2, 3)).abs().max() < 1e-9
    assert found.std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1, 0])
    torch.testing.assert_close(normalise(table * 7 - 3), found)


def test_directions_are_unit_vectors_and_a_function_of_the_seed() -> None:
    along = directions(49, seed=0)
    torch.testing.assert_close(along.norm(dim=0), torch.ones(512))
    assert torch.equal(along, directions(49, seed=0))
    assert not torch.equal(along, directions(49, seed=1))


def test_a_translated_cloud_is_at_the_mean_length_of_the_projected_translation() -> None:
    cloud = torch.randn(1_000, 49, generator=stream())
    shift = torch.randn(49, generator=stream(1))
    along = directions(49, seed=2)
    found = sliced_distance(cloud, cloud + shift, along)
    assert found == pytest.approx(float((shift @ along).abs().mean()), rel=1e-5)
    # E |<u, d>| for u uniform on the sphere, and the standard error of a mean over 512 directions.
    length = float(shift.norm())
    expected = length * math.exp(math.lgamma(49 / 2) - math.lgamma(50 / 2)) / math.sqrt(math.pi)
    error = math.sqrt((length**2 / 49 - expected**2) / 512)
    assert abs(found - expected) < 4 * error


def test_two_gaussians_that_differ_in_width() -> None:
    # In each direction N(0, 1) and N(0, 3^2): the distance is 2 E|x| = 2 sqrt(2 / pi).
    cloud, along = torch.randn(4_000, 147, generator=stream()), directions(147, seed=1)
    found = sliced_distance(cloud, cloud * 3, along)
    assert found == pytest.approx(2 * float((cloud @ along).abs().mean()), rel=1e-5)
    # E|x| over 4,000 points has a standard error of 0.012 times its value in one direction, and less over 512.
    assert found == pytest.approx(2 * math.sqrt(2 / math.pi), rel=0.04)
    torch.testing.assert_close(sliced_distance(cloud * 3, cloud, along), found)


def test_sorted_values_are_compared_one_by_one() -> None:
    first, second = torch.randn(70_000, 5, generator=stream()), torch.rand(70_000, 5, generator=stream(1))
    along = directions(5, seed=0, count=33)  # more rows and directions than one block holds
    plain = [
        np.abs(np.sort(first.numpy() @ each) - np.sort(second.numpy() @ each)).mean()
        for each in along.T.contiguous().numpy()
    ]
    found = sliced_distance(first, second, along)
    assert found == pytest.approx(float(np.mean(plain)), rel=1e-5)
    order = torch.randperm(70_000, generator=stream(2))
    assert sliced_distance(first[order], second, along) == pytest.approx(found, rel=1e-6)


def test_equal_sets_are_at_no_distance_and_others_are() -> None:
    images = noise(24, 3, 32, 48)
    assert between(images, images.clone()) == {(32, 48): 0.0, (16, 24): 0.0}
    assert all(distance > 1 for distance in between(images, noise(24, 3, 32, 48, seed=1)).values())


def test_parts_of_a_set_are_normalised_together() -> None:
    parts = [noise(5, 1, 32, 32), noise(3, 1, 32, 32) + 100]
    for table in descriptors(parts, count=8, seed=0).values():
        assert table.shape == (8 * PATCHES, 49)
        assert (float(table.double().mean()), float(table.double().std())) == pytest.approx((0, 1), abs=1e-3)


def test_brightness_and_contrast_of_a_channel_are_no_difference_and_structure_is() -> None:
    images = noise(32, 3, 16, 16, top=64)
    factors, shifts = (torch.tensor(row).view(3, 1, 1) for row in ([1.0, 2.0, 3.0], [50.0, 0.0, 9.0]))
    # Up to the rounding of half precision: 2**-11 of a standard deviation and a mean of some, in thousandths.
    assert between(images, images * factors + shifts)[16, 16] < 0.5
    smooth = torch.nn.functional.avg_pool2d(images, 3, 1, 1)
    assert between(images, smooth)[16, 16] > 100


def test_sets_that_do_not_compare_are_refused() -> None:
    with pytest.raises(DataError, match="same number and size"):
        between(noise(3, 1, 16, 16), noise(4, 1, 16, 16))
    with pytest.raises(DataError, match="same number and size"):
        between(noise(3, 1, 16, 16), noise(3, 1, 16, 17))
    for count in (2, 4):
        with pytest.raises(DataError, match="of a known number"):
            descriptors([noise(3, 1, 16, 16)], count=count, seed=0)
    with pytest.raises(DataError, match="above 0"):
        descriptors([], count=0, seed=0)
