"""Kernel distance, compared with its expectation, plain loops and torch-fidelity."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_kid import kid_features_to_metric

from gancli.errors import DataError
from gancli.metrics.kid import kernel_distance, squared_mmd


def draw(n: int, dim: int, *, seed: int, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, dim, generator=generator, dtype=torch.float64) + shift


def kernel(x: Tensor, y: Tensor) -> float:
    return float((x @ y / len(x) + 1) ** 3)


def test_it_is_the_mean_over_pairs_of_different_rows() -> None:
    first, second = draw(5, 3, seed=0), draw(4, 3, seed=1, shift=1.0)
    within = [
        sum(kernel(part[i], part[j]) for i, j in product(range(n), repeat=2) if i != j) / (n * (n - 1))
        for part, n in ((first, 5), (second, 4))
    ]
    across = sum(kernel(x, y) for x, y in product(first, second)) / 20
    assert squared_mmd(first, second) == pytest.approx(sum(within) - 2 * across, rel=1e-12)


def test_its_expectation_is_the_distance_of_the_distributions() -> None:
    """Over all samples of two rows from two two-point distributions, whose discrepancy is known exactly."""
    heads = torch.tensor([[0.0, 1.0], [2.0, -1.0]], dtype=torch.float64)
    tails = torch.tensor([[1.0, 1.0], [3.0, 0.5]], dtype=torch.float64)
    pairs = list(product(range(2), repeat=2))
    found = [squared_mmd(heads[list(a)], tails[list(b)]) for a, b in product(pairs, pairs)]

    def mean(left: Tensor, right: Tensor) -> float:
        return sum(kernel(x, y) for x, y in product(left, right)) / 4

    expected = mean(heads, heads) + mean(tails, tails) - 2 * mean(heads, tails)
    assert sum(found) / len(found) == pytest.approx(expected, rel=1e-12)
    same = [squared_mmd(heads[list(a)], heads[list(b)]) for a, b in product(pairs, pairs)]
    assert sum(same) / len(same) == pytest.approx(0, abs=1e-12)


def test_it_agrees_with_torch_fidelity() -> None:
    first, second = draw(300, 16, seed=0), draw(260, 16, seed=1, shift=0.5)
    theirs = kid_features_to_metric(first, second, kid_subsets=20, kid_subset_size=200, rng_seed=7, verbose=False)
    ours = kernel_distance(first, second, subsets=20, size=200, seed=7)
    assert ours.mean == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert ours.spread == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-9)


def test_a_subset_of_all_rows_leaves_nothing_to_chance() -> None:
    first, second = draw(40, 4, seed=0), draw(40, 4, seed=1)
    found = kernel_distance(first, second, subsets=3, size=40)
    assert found.mean == pytest.approx(squared_mmd(first, second), rel=1e-9)
    assert found.spread == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("n", "dim", "size"), [(9, 4, 10), (40, 5, 10), (40, 4, 1)])
def test_what_cannot_be_compared_is_refused(n: int, dim: int, size: int) -> None:
    with pytest.raises(DataError, match="kernel distance requires"):
        kernel_distance(draw(n, dim, seed=0), draw(40, 4, seed=1), size=size)
