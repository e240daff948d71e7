"""Precision, recall, density and coverage, compared with plain loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_prc import prc_features_to_metric

from gancli.errors import DataError
from gancli.metrics.prdc import Prdc, prdc


def draw(n: int, dim: int, *, seed: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plainly(real: Tensor, fake: Tensor, k: int, balls: int) -> Prdc:
    def distance(x: Tensor, y: Tensor) -> float:
        return float((x - y).square().sum().sqrt())

    def radius(table: Tensor, row: int, k: int) -> float:
        return sorted(distance(table[row], other) for i, other in enumerate(table) if i != row)[k - 1]

    def within(x: Tensor, table: Tensor) -> bool:
        return any(distance(x, other) <= radius(table, i, k) for i, other in enumerate(table))

    inside = [[distance(y, x) < radius(real, i, balls) for y in fake] for i, x in enumerate(real)]
    return Prdc(
        precision=sum(within(y, real) for y in fake) / len(fake),
        recall=sum(within(x, fake) for x in real) / len(real),
        density=sum(map(sum, inside)) / (balls * len(fake)),
        coverage=sum(map(any, inside)) / len(real),
    )


def test_all_four_are_as_defined() -> None:
    real, fake = draw(14, 2, seed=0), draw(11, 2, seed=1, scale=1.5)
    found, expected = prdc(real, fake, precision_k=2, density_k=3), plainly(real, fake, 2, 3)
    assert found == pytest.approx(expected, rel=1e-12)
    assert 0 < found.precision < 1
    assert 0 < found.coverage < 1


def test_the_data_themselves_have_1_of_each() -> None:
    """A ball contains its centre, k - 1 others, and, depending on rounding, the k-th neighbour on its edge."""
    real = draw(60, 5, seed=0)
    found = prdc(real, real)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert 1 <= found.density <= 6 / 5


def test_samples_elsewhere_have_nothing() -> None:
    assert prdc(draw(30, 3, seed=0), draw(30, 3, seed=1) + 100) == (0, 0, 0, 0)


def test_one_image_over_and_over_is_precise_and_covers_little() -> None:
    real = draw(50, 2, seed=0)
    found = prdc(real, real[:1].repeat(40, 1))
    assert found.precision == 1
    assert found.recall == 1 / 50
    assert found.coverage < 0.5


def test_it_agrees_with_torch_fidelity() -> None:
    real, fake = draw(700, 8, seed=0), draw(600, 8, seed=1, scale=0.8)
    options = {"prc_neighborhood": 3, "prc_batch_size": 256, "save_cpu_ram": False, "verbose": False}
    theirs = prc_features_to_metric(fake, real, **options)
    ours = prdc(real, fake)
    assert (ours.precision, ours.recall) == pytest.approx((theirs["precision"], theirs["recall"]), rel=1e-6)


def test_fewer_rows_than_neighbours_are_refused() -> None:
    with pytest.raises(DataError, match="at least 6 rows"):
        prdc(draw(5, 3, seed=0), draw(30, 3, seed=1))
    with pytest.raises(DataError, match="equal dimension"):
        prdc(draw(30, 3, seed=0), draw(30, 4, seed=1))
