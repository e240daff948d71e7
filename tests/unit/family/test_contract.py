"""The context of losses and tasks."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from gancli.testing.fixture import context

COUNT = 200_000


def moments(limit: float) -> tuple[float, float]:
    """Return variance and fourth moment of a truncated normal distribution on [-limit, limit], in closed form."""
    tail = 2 * limit * math.exp(-(limit**2) / 2) / math.sqrt(2 * math.pi) / math.erf(limit / math.sqrt(2))
    variance = 1 - tail
    return variance, 3 * variance - limit**2 * tail


@pytest.mark.parametrize("limit", [2.0, 1.0, 0.5])
def test_truncated_numbers_have_the_truncated_distribution(limit: float) -> None:
    numbers = replace(context(), truncation=limit).randn(COUNT)
    variance, fourth = moments(limit)
    assert numbers.abs().max() <= limit
    assert abs(numbers.mean().item()) < 5 * math.sqrt(variance / COUNT)
    assert abs(numbers.square().mean().item() - variance) < 5 * math.sqrt((fourth - variance**2) / COUNT)


def test_truncation_keeps_the_numbers_that_lie_within() -> None:
    free, ctx = context().randn(500, 8), replace(context(), truncation=1.0)
    truncated = ctx.randn(500, 8)
    within = free.abs() <= 1
    assert torch.equal(truncated[within], free[within])
    assert not (truncated[~within] == free[~within]).any()
    assert ctx.truncated


def test_nothing_is_truncated_unless_asked_for() -> None:
    ctx = context()
    assert ctx.randn(COUNT).abs().max() > 4
    assert not ctx.truncated


@pytest.mark.parametrize("limit", [0.0, 1e-3, 40.0])
def test_truncation_at_its_extremes(limit: float) -> None:
    numbers = replace(context(), truncation=limit).randn(1_000)
    assert numbers.isfinite().all()
    assert numbers.abs().max() <= limit


def test_what_is_kept_and_observed_is_cut_from_the_graph() -> None:
    ctx = context()
    value = torch.ones((), requires_grad=True) * 2
    ctx.save(fake=value)
    ctx.log(mean=value)
    assert not ctx.saved["fake"].requires_grad
    assert not ctx.logged["mean"].requires_grad
