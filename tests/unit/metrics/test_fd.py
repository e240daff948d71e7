"""Fréchet distance, compared with closed forms and the general matrix root."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from gancli.errors import DataError
from gancli.metrics.fd import frechet_distance
from gancli.metrics.fd import frechet_distance_of_features as distance_of_features


def draw(n: int, dim: int, *, seed: int) -> Tensor:
    """Return correlated features with a nonzero mean."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(n, dim, generator=generator, dtype=torch.float64) @ torch.randn(
        dim, dim, generator=generator, dtype=torch.float64
    )
    return mixed + torch.randn(dim, generator=generator, dtype=torch.float64)


def by_general_root(first: Tensor, second: Tensor) -> float:
    covariances = np.cov(first.numpy(), rowvar=False), np.cov(second.numpy(), rowvar=False)
    root = sqrtm(covariances[0] @ covariances[1]).real
    shift = ((first.mean(0) - second.mean(0)) ** 2).sum().item()
    return float(shift + np.trace(covariances[0] + covariances[1] - 2 * root))


def test_a_gaussian_is_at_no_distance_from_itself() -> None:
    features = draw(60, 12, seed=0)
    scale = features.var(0).sum().item()
    assert distance_of_features(features, features) == pytest.approx(0, abs=1e-12 * scale)
    few = draw(8, 12, seed=0)
    assert distance_of_features(few, few) == pytest.approx(0, abs=1e-12 * scale)


def test_a_shift_counts_by_its_square() -> None:
    cov = torch.cov(draw(60, 5, seed=0).T)
    mean, shift = torch.zeros(5), torch.tensor([3.0, 0.0, 0.0, 0.0, 4.0])
    assert frechet_distance(mean, cov, shift, cov) == pytest.approx(25, rel=1e-9)


def test_diagonal_covariances_have_a_closed_form() -> None:
    first, second = torch.tensor([1.0, 4.0, 9.0]), torch.tensor([4.0, 1.0, 0.0])
    distance = frechet_distance(torch.zeros(3), torch.diag(first), torch.zeros(3), torch.diag(second))
    assert distance == pytest.approx((first.sqrt() - second.sqrt()).square().sum().item(), rel=1e-12)


@pytest.mark.parametrize(("n", "dim"), [(60, 12), (8, 12)])
def test_scaling_the_features_has_a_closed_form(n: int, dim: int) -> None:
    """The distance from N(0, C) to N(0, s^2 C) is (s - 1)^2 tr C."""
    features = draw(n, dim, seed=0)
    features = features - features.mean(0)
    expected = (3.0 - 1) ** 2 * features.var(0).sum().item()
    assert distance_of_features(features, 3.0 * features) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("dim", [1, 7, 40])
def test_it_is_that_of_the_general_matrix_root(dim: int) -> None:
    first, second = draw(100, dim, seed=0), draw(80, dim, seed=1)
    if dim > 1:
        assert distance_of_features(first, second) == pytest.approx(by_general_root(first, second), rel=1e-6)
    else:
        spread = (first.std() - second.std()).square() + (first.mean() - second.mean()).square()
        assert distance_of_features(first, second) == pytest.approx(spread.item(), rel=1e-9)


@pytest.mark.parametrize(("n", "other"), [(10, 15), (20, 20), (2, 2)])
def test_few_rows_and_full_covariances_agree(n: int, other: int) -> None:
    first, second = draw(n, 20, seed=0), draw(other, 20, seed=1)
    whole = frechet_distance(first.mean(0), torch.cov(first.T), second.mean(0), torch.cov(second.T))
    assert distance_of_features(first, second) == pytest.approx(whole, rel=1e-6)


def test_samples_of_two_gaussians_come_within_a_hundredth_of_the_closed_form() -> None:
    """The distance between N(0, I) and N(m, S) is |m|^2 + tr(I + S - 2 S^(1/2))."""
    generator = torch.Generator().manual_seed(0)
    n, dim = 50_000, 64
    axes = torch.linalg.qr(torch.randn(dim, dim, generator=generator, dtype=torch.float64)).Q
    spread = torch.linspace(0.3, 3, dim, dtype=torch.float64)  # standard deviations along the axes
    mean = torch.full((dim,), 0.5, dtype=torch.float64)
    first, second = (torch.randn(n, dim, generator=generator, dtype=torch.float64) for _ in range(2))
    expected = mean.square().sum() + (spread - 1).square().sum()
    assert distance_of_features(first, second * spread @ axes.T + mean) == pytest.approx(float(expected), rel=0.01)


def test_it_agrees_with_torch_fidelity() -> None:
    first, second = draw(300, 30, seed=0), draw(250, 30, seed=1)
    statistics = (fid_features_to_statistics(part) for part in (first, second))
    found = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert distance_of_features(first, second) == pytest.approx(found, rel=1e-6)


def test_it_does_not_depend_on_the_order() -> None:
    first, second = draw(30, 6, seed=0), draw(9, 6, seed=1)
    assert distance_of_features(first, second) == pytest.approx(distance_of_features(second, first), rel=1e-9)


def test_single_precision_is_computed_in_double() -> None:
    first, second = draw(30, 6, seed=0).float(), draw(40, 6, seed=1).float()
    assert distance_of_features(first, second) == distance_of_features(first.double(), second.double())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (torch.zeros(5, 3), torch.zeros(5, 4)),
        (torch.zeros(1, 3), torch.zeros(5, 3)),
        (torch.zeros(5), torch.zeros(5)),
        (torch.full((5, 3), float("nan")), torch.zeros(5, 3)),
        (torch.zeros(5, 3, dtype=torch.uint8), torch.zeros(5, 3)),
    ],
)
def test_what_cannot_be_compared_is_refused(first: Tensor, second: Tensor) -> None:
    with pytest.raises(DataError, match="Fréchet distance requires"):
        distance_of_features(first, second)


def test_means_and_covariances_have_to_fit() -> None:
    with pytest.raises(DataError, match="two means of equal length"):
        frechet_distance(torch.zeros(3), torch.eye(3), torch.zeros(2), torch.eye(2))
