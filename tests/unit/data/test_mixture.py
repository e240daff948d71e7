"""Mixture: density, samples and nearest modes, compared with closed forms."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from gancli.data.mixture import Mixture

TRIANGLE = Mixture(means=((0.0, 0.0), (4.0, 0.0), (0.0, 3.0)), std=0.5)


def test_one_gaussian_is_the_textbooks() -> None:
    x = np.array([2.0, 3.0, 0.0])
    expected = np.exp(-((x - 2) ** 2) / (2 * 0.25)) / (0.5 * math.sqrt(2 * math.pi))
    assert np.allclose(Mixture(means=((2.0,),), std=0.5).density(x[:, None]), expected, rtol=1e-12)


def test_at_a_lonely_mode_the_density_is_its_share_of_the_peak() -> None:
    peak = 1 / (2 * math.pi * 0.5**2)
    assert TRIANGLE.density([[4.0, 0.0]])[0] == pytest.approx(peak / 3, rel=1e-7)  # the others are 8 and 10 std away


def test_the_density_integrates_to_one() -> None:
    steps = np.linspace(-4, 8, 481)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    assert TRIANGLE.density(grid).sum() * (steps[1] - steps[0]) ** 2 == pytest.approx(1, abs=1e-9)


def test_samples_have_the_mixtures_moments() -> None:
    """Each mean is within 5 standard errors."""
    points, modes = TRIANGLE.sample(30_000, np.random.default_rng(0))
    assert points.shape == (30_000, 2)
    assert modes.dtype == np.int64
    for mode, centre in enumerate(TRIANGLE.centres):
        mine = points[modes == mode]
        assert abs(len(mine) - 10_000) < 5 * math.sqrt(30_000 * 2 / 9)
        assert np.abs(mine.mean(0) - centre).max() < 5 * 0.5 / math.sqrt(len(mine))
        assert np.abs(mine.std(0) - 0.5).max() < 5 * 0.5 / math.sqrt(2 * len(mine))


def test_the_nearest_mean_and_how_many_std_it_is_away() -> None:
    modes, distances = TRIANGLE.nearest([[0.1, 0.0], [4.0, 1.0], [-3.0, 3.0]])
    assert modes.tolist() == [0, 1, 2]
    assert distances == pytest.approx([0.2, 2.0, 6.0])


def test_json_brings_it_back() -> None:
    assert Mixture.from_json(json.loads(json.dumps(TRIANGLE.to_json()))) == TRIANGLE
