"""Schedules against their closed forms."""

from __future__ import annotations

import pytest

from gancli.family.optim import Clock, Constant, Exponential, Linear, Steps, Warmup


def at(images: int, *, total: int = 1_000, updates: int = 0) -> Clock:
    return Clock(images=images, total=total, updates=updates)


def test_constant() -> None:
    assert Constant()(at(999)) == 1


@pytest.mark.parametrize(("images", "factor"), [(0, 1), (500, 1), (750, 0.5), (900, 0.2), (1_000, 0), (2_000, 0)])
def test_linear_decays_to_the_end_of_the_run(images: int, factor: float) -> None:
    assert Linear(start=500)(at(images)) == pytest.approx(factor)


@pytest.mark.parametrize(("images", "factor"), [(0, 1), (125, 1.2), (250, 1.4), (900, 1.4)])
def test_linear_between_given_points(images: int, factor: float) -> None:
    """The momentum schedule of Goodfellow et al. 2014: from 0.5 to 0.7, a factor of 1.4."""
    assert Linear(first=1, last=1.4, start=0, end=250)(at(images)) == pytest.approx(factor)


def test_exponential_counts_updates_and_keeps_its_floor() -> None:
    schedule = Exponential(divisor=1.000004, floor=1e-5)
    assert schedule(at(0)) == 1
    assert schedule(at(0, updates=250_000)) == pytest.approx(2.718281828**-1, rel=1e-5)
    assert schedule(at(0, updates=100_000_000)) == 1e-5


@pytest.mark.parametrize(("images", "factor"), [(0, 0), (50, 0.5), (100, 1), (750, 0.5)])
def test_warmup_multiplies_another_schedule(images: int, factor: float) -> None:
    assert Warmup(images=100, then=Linear(start=500))(at(images)) == pytest.approx(factor)


@pytest.mark.parametrize(("images", "factor"), [(0, 1), (99, 1), (100, 2), (299, 2), (300, 0.1), (900, 0.1)])
def test_steps_hold_from_their_beginning_on(images: int, factor: float) -> None:
    """If two steps start at once, the later one counts, as for a stage without length."""
    assert Steps(factors=((100, 5), (100, 2), (300, 0.1)))(at(images)) == factor
