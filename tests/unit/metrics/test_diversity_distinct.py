"""Share of samples that no other sample repeats."""

from __future__ import annotations

import math

import pytest
import torch

from gancli.metrics.diversity import nearest_distances


def test_distance_to_the_nearest_other_image() -> None:
    images = torch.zeros(3, 1, 2, 2)
    images[1] = 0.5
    images[2, 0, 0, 0] = 1.0
    assert nearest_distances(images).tolist() == pytest.approx([0.5, 0.5, 0.5])
    images[1] = 2.0
    assert nearest_distances(images).tolist() == pytest.approx([0.5, math.sqrt((1 + 3 * 4) / 4), 0.5])


def test_the_same_image_twice_is_at_no_distance() -> None:
    images = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    images[3] = images[1]
    assert (nearest_distances(images) == 0).tolist() == [False, True, False, True, False]
