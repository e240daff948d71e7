"""Mode coverage of samples with known coverage: exact samples, missing modes, blurred samples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gancli.data.mixture import Mixture
from gancli.data.sources.config import PointsConfig
from gancli.data.sources.points import mixture_of
from gancli.errors import DataError
from gancli.metrics.modes import SAMPLES, attainable, coverage

RING = mixture_of(PointsConfig(source="points"))
GRID = mixture_of(PointsConfig(source="points", distribution="grid"))
MISS = np.array([[50.0, 50.0]])


def at(counts: list[int]) -> np.ndarray:
    """Return the given numbers of samples exactly at the modes of the ring."""
    return np.repeat(RING.centres, counts, axis=0)


@pytest.mark.parametrize("mixture", [RING, GRID])
def test_samples_of_the_mixture_itself_cover_it(mixture: Mixture) -> None:
    """Within 5 standard deviations.

    2 N times the divergence is chi-squared with modes - 1 degrees of freedom, which is its mean; its variance is twice
    that.
    """
    found = coverage(mixture.sample(SAMPLES, np.random.default_rng(0))[0], mixture)
    assert (found.covered, found.touched, found.total) == (len(mixture.means),) * 3
    share = 1 - math.exp(-9 / 2)
    assert abs(found.high_quality - share) < 5 * math.sqrt(share * (1 - share) / SAMPLES)
    freedom = found.total - 1
    assert found.imbalance is not None
    assert found.imbalance < (freedom + 5 * math.sqrt(2 * freedom)) / (2 * SAMPLES)


@pytest.mark.parametrize("present", range(1, 9))
def test_missing_modes_are_missed(present: int) -> None:
    found = coverage(at([100] * present + [0] * (8 - present)), RING)
    assert (found.covered, found.touched, found.high_quality) == (present, present, 1.0)
    assert found.imbalance == pytest.approx(math.log(8 / present), abs=1e-12)


def test_a_blur_touches_every_mode_and_covers_none() -> None:
    """Ten times too wide, 1 - exp(-9 / 200) of the samples are of high quality: 14 per mode, and 79 are needed."""
    blurred = Mixture(means=RING.means, std=10 * RING.std).sample(SAMPLES, np.random.default_rng(0))[0]
    found = coverage(blurred, RING)
    share = 1 - math.exp(-9 / 200)
    assert abs(found.high_quality - share) < 5 * math.sqrt(share * (1 - share) / SAMPLES)
    assert (found.covered, found.touched) == (0, 8)


def test_a_mode_needs_a_quarter_of_its_fair_share() -> None:
    """A quarter of the fair share of 800 samples is 25."""
    found = coverage(np.concatenate([at([25, 24, 1, 0, 0, 0, 0, 0]), MISS.repeat(750, axis=0)]), RING)
    assert (found.covered, found.touched, found.samples) == (1, 3, 800)
    assert found.high_quality == 50 / 800


def test_one_sample_at_least() -> None:
    assert coverage(np.concatenate([at([1] + [0] * 7), MISS]), RING).covered == 1


def test_high_quality_ends_at_three_standard_deviations() -> None:
    steps = np.array([[2.999], [3.001], [-2.999], [-3.001]])
    assert coverage(steps, Mixture(means=((0.0,),), std=1.0)).high_quality == 0.5


def test_nothing_near_a_mode() -> None:
    found = coverage(np.concatenate([MISS, np.full((1, 2), math.nan), np.full((1, 2), math.inf)]), RING)
    assert (found.covered, found.high_quality, found.imbalance, found.samples) == (0, 0.0, None, 3)


@pytest.mark.parametrize(
    ("dimensions", "share"),
    [
        (1, math.erf(3 / math.sqrt(2))),
        (2, 1 - math.exp(-9 / 2)),
        (3, math.erf(3 / math.sqrt(2)) - math.sqrt(2 / math.pi) * 3 * math.exp(-9 / 2)),
    ],
)
def test_the_attainable_share_in_closed_form(dimensions: int, share: float) -> None:
    assert attainable(dimensions) == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize("shape", [(0, 2), (5, 1), (5,), (5, 2, 1)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"modes requires samples of shape \(N, 2\), not \("):
        coverage(np.zeros(shape), RING)
