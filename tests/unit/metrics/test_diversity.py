"""Diversity of images, compared with closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from gancli.metrics.diversity import MAX_SIDE, coarse, diversity


def test_images_that_are_all_the_same_have_none() -> None:
    images = torch.rand(1, 3, 8, 8).expand(5, -1, -1, -1)
    assert diversity(coarse(images)) == 0
    assert diversity(coarse(images[:1])) == 0


def test_black_and_white_are_two_apart() -> None:
    """Among n black and n white images, n of 2n - 1 partners have the other colour."""
    for n in (1, 2, 5):
        images = torch.cat([torch.full((n, 1, 4, 4), -1.0), torch.full((n, 1, 4, 4), 1.0)])
        assert diversity(coarse(images)) == pytest.approx(2 * n / (2 * n - 1))


def test_it_does_not_depend_on_size_or_channels() -> None:
    for shape in ((1, 1, 1), (2, 1, 1), (3, 8, 8), (1, 64, 48)):
        images = torch.stack([torch.full(shape, value) for value in (0.0, 1.0, 3.0)])
        assert diversity(coarse(images)) == pytest.approx((1 + 3 + 2) / 3)


def test_points_are_taken_as_they_are() -> None:
    vectors = coarse(torch.tensor([[0.0, 0.0], [3.0, 4.0]]).view(2, 2, 1, 1))
    assert diversity(vectors) == pytest.approx(5 / math.sqrt(2))


def test_groups_are_compared_within_themselves() -> None:
    """The images of a generator with one image for each label differ only between labels."""
    images = torch.tensor([0.0, 1.0, 0.0, 1.0]).view(4, 1, 1, 1)
    labels = torch.tensor([3, 5, 3, 5])
    assert diversity(coarse(images), labels) == 0
    assert diversity(coarse(images)) == pytest.approx(2 / 3)
    assert diversity(coarse(images), torch.arange(4)) == 0  # each group has one member


def test_fine_noise_hardly_counts() -> None:
    """The mean of k x k independent pixels has 1/k of their deviation."""
    noise = torch.randn(64, 1, 4 * MAX_SIDE, 4 * MAX_SIDE, generator=torch.Generator().manual_seed(0))
    assert diversity(coarse(noise)) == pytest.approx(math.sqrt(2) / 4, rel=0.05)
