"""Densities and discriminators on a line, compared with closed forms."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from gancli.data.mixture import Mixture
from gancli.metrics.densities import BANDWIDTH, SAMPLES, Curves, game_value, kernel_density, line, optimum_gap

DATA = Mixture(means=((2.0,),), std=1.0)
X = line(DATA)
P = DATA.density(X[:, None])


def normal(mean: float, std: float) -> np.ndarray:
    return Mixture(means=((mean,),), std=std).density(X[:, None])


def test_the_line_reaches_five_std_beyond_the_means() -> None:
    assert (X[0], X[-1], len(X)) == (-3.0, 7.0, 401)
    wide = line(Mixture(means=((0.0,), (1_000.0,)), std=0.1))
    assert (wide[0], wide[-1], len(wide)) == (-0.5, 1_000.5, 4_001)


def test_one_sample_becomes_its_kernel() -> None:
    assert np.allclose(kernel_density(X[[100]], X, 0.05), normal(float(X[100]), 0.05), atol=1e-5)


def test_a_gaussian_is_found_within_bias_and_noise() -> None:
    """Kernels widen N(2, 1) to N(2, 1 + h^2 + step^2 / 12); the noise has the variance q / (2 sqrt(pi) N h)."""
    samples = DATA.sample(SAMPLES, np.random.default_rng(0))[0][:, 0]
    estimate = kernel_density(samples, X, BANDWIDTH)
    widened = normal(2.0, math.sqrt(1 + BANDWIDTH**2 + (X[1] - X[0]) ** 2 / 12))
    noise = np.sqrt(P / (2 * math.sqrt(math.pi) * SAMPLES * BANDWIDTH))
    seen = P > 0.05
    assert (np.abs(estimate - widened)[seen] < 5 * noise[seen]).all()
    assert np.abs(widened / P - 1)[seen].max() < 0.005
    assert (noise / P)[seen].max() < 0.025


def test_what_lies_beside_the_line_is_not_squeezed_onto_it() -> None:
    samples = np.array([2.0, 2.0, 100.0, -100.0, math.nan, math.inf, -math.inf, 2.0])
    mass = kernel_density(samples, X, 0.05).sum() * (X[1] - X[0])
    assert mass == pytest.approx(3 / 8, rel=1e-6)


def test_a_kernel_is_cut_at_the_end_of_the_line() -> None:
    mass = kernel_density(X[:1], X, 0.25).sum() * (X[1] - X[0])
    at_the_end = normal(float(X[0]), 0.25)[0] * (X[1] - X[0])
    assert mass == pytest.approx((1 + at_the_end) / 2, rel=1e-5)


def test_the_gap_is_measured_where_there_is_anything_to_learn_from() -> None:
    optimum = np.full_like(X, 0.5)
    discriminator = np.where(P > 0.05, 0.75, 99.0)
    curves = Curves(x=X, data=P, generated=P, discriminator=discriminator, optimum=optimum)
    assert optimum_gap(curves) == 0.25
    assert optimum_gap(curves, above=0.01) == 98.5
    assert optimum_gap(curves, above=1.0) is None
    fork_torch_rng = Curves(x=X, data=P, generated=normal(6, 0.2), discriminator=discriminator, optimum=optimum)
    assert optimum_gap(fork_torch_rng) == 98.5


@pytest.mark.parametrize("known", ["discriminator", "optimum"])
def test_no_gap_without_both(known: str) -> None:
    assert optimum_gap(Curves(x=X, data=P, generated=P, **{known: P})) is None


def test_the_value_at_the_optimum_is_minus_log_4() -> None:
    curves = Curves(x=X, data=P, generated=P, discriminator=np.full_like(X, 0.5))
    assert game_value(curves) == pytest.approx(-math.log(4), abs=1e-5)


def test_the_value_of_gaussians_and_a_linear_discriminator() -> None:
    """With D(x) = exp(-x^2 / 2 - 1), E log D under N(2, 1) is -(4 + 1) / 2 - 1."""
    discriminator = np.exp(-(X**2) / 2 - 1)
    inside = game_value(Curves(x=X, data=P, generated=0 * P + P, discriminator=discriminator))
    other = (P * np.log1p(-discriminator)).sum() * (X[1] - X[0])
    assert inside is not None
    assert inside - other == pytest.approx(-3.5, abs=1e-3)


def test_a_perfect_discriminator_has_the_value_0_and_a_wrong_one_stays_finite() -> None:
    generated = normal(-1.5, 0.1)
    right = Curves(x=X, data=P, generated=generated, discriminator=np.where(X > -1, 1.0, 0.0))
    wrong = Curves(x=X, data=P, generated=generated, discriminator=np.where(X > -1, 0.0, 1.0))
    beyond = 0.5 * math.erfc(3 / math.sqrt(2))  # of the data below -1
    assert game_value(right) == pytest.approx(beyond * math.log(np.finfo(np.float32).eps), rel=0.05)
    assert math.isfinite(game_value(wrong) or math.nan)


def test_no_value_of_what_is_no_probability_or_lies_beside_the_line() -> None:
    half = np.full_like(X, 0.5)
    assert game_value(Curves(x=X, data=P, generated=P)) is None
    assert game_value(Curves(x=X, data=P, generated=P, discriminator=half + X)) is None
    assert game_value(Curves(x=X, data=P, generated=0.9 * P, discriminator=half)) is None


def test_json_brings_curves_back() -> None:
    optimum = np.where(P > 0.01, 0.5, math.nan)
    curves = Curves(x=X, data=P, generated=P, optimum=optimum)
    text = json.dumps(curves.to_json())
    assert "NaN" not in text
    back = Curves.from_json(json.loads(text))
    assert back.discriminator is None
    assert np.allclose(back.data, P, rtol=1e-5)
    assert back.optimum is not None
    assert np.array_equal(back.optimum, optimum, equal_nan=True)
