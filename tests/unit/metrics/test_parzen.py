"""Parzen-window log-likelihood, compared with known densities."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from gancli.errors import DataError
from gancli.metrics.parzen import SIGMAS, ParzenResult, log_likelihood, parzen


def images(n: int, *shape: int, seed: int) -> Tensor:
    return torch.rand(n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("sigma", [0.1, 0.2, 1.0])
@pytest.mark.parametrize("dim", [1, 3, 784])
def test_it_is_the_density_of_a_mixture_of_gaussians(dim: int, sigma: float) -> None:
    samples, test = images(13, dim, seed=0), images(7, dim, seed=1)
    components = Independent(Normal(samples, sigma), 1)
    mixture = MixtureSameFamily(Categorical(torch.ones(13, dtype=torch.float64)), components)
    expected = mixture.log_prob(test)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(log_likelihood(samples, test, sigma), expected, rtol=0, atol=1e-10)


def test_a_sample_on_the_test_point_leaves_the_constant_of_the_kernel() -> None:
    point = images(1, 784, seed=0)
    assert log_likelihood(point, point, 0.2).item() == pytest.approx(541.3515, abs=1e-4)


def test_far_points_do_not_underflow() -> None:
    likelihood = log_likelihood(torch.zeros(2, 784), torch.ones(1, 784), 0.01)
    expected = -784 / (2 * 0.01**2) - 784 * math.log(0.01 * math.sqrt(2 * math.pi))
    assert likelihood.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("block", [1, 4, 10, 1000])
def test_the_block_size_changes_nothing(block: int) -> None:
    samples, test = images(30, 20, seed=0), images(10, 20, seed=1)
    whole = log_likelihood(samples, test, 0.2)
    torch.testing.assert_close(log_likelihood(samples, test, 0.2, block=block), whole, rtol=0, atol=1e-12)


def test_pictures_are_their_pixels() -> None:
    samples, test = images(5, 1, 4, 4, seed=0), images(3, 1, 4, 4, seed=1)
    flat = log_likelihood(samples.flatten(1), test.flatten(1), 0.2)
    torch.testing.assert_close(log_likelihood(samples, test, 0.2), flat, rtol=0, atol=0)


def test_single_precision_is_computed_in_double() -> None:
    samples, test = images(5, 16, seed=0).float(), images(3, 16, seed=1).float()
    likelihood = log_likelihood(samples, test, 0.1)
    assert likelihood.dtype == torch.float64
    torch.testing.assert_close(likelihood, log_likelihood(samples.double(), test.double(), 0.1), rtol=0, atol=0)


def test_twice_the_range_is_d_times_log_2_less() -> None:
    samples, test, sigma, dim = images(20, 784, seed=0), images(6, 784, seed=1), 0.2, 784
    unit = log_likelihood(samples, test, sigma)
    symmetric = log_likelihood(2 * samples - 1, 2 * test - 1, 2 * sigma)
    torch.testing.assert_close(symmetric, unit - dim * math.log(2), rtol=0, atol=1e-9)


def test_sigma_is_chosen_on_validation_and_never_on_test() -> None:
    """The best sigma^2 is |x - mu|^2 / d, here 0.1^2 on validation and 1^2 on the test images."""
    samples = torch.zeros(1, 50, dtype=torch.float64)
    near, far = torch.full((4, 50), 0.1, dtype=torch.float64), torch.ones(3, 50, dtype=torch.float64)
    assert log_likelihood(samples, far, 1.0).mean() > log_likelihood(samples, far, 0.1).mean()
    result = parzen(samples, near, far)
    assert result.sigma == pytest.approx(0.1)
    assert result.mean == pytest.approx(log_likelihood(samples, far, 0.1).mean().item())
    assert parzen(samples, far, near).sigma == pytest.approx(1.0)


def test_the_result_says_how_it_came_about() -> None:
    samples, validation, test = images(20, 1, 4, 4, seed=0), images(9, 1, 4, 4, seed=1), images(11, 1, 4, 4, seed=2)
    likelihoods = log_likelihood(samples, test, 0.3)
    assert parzen(samples, validation, test, sigmas=[0.3]) == ParzenResult(
        mean=likelihoods.mean().item(),
        standard_error=likelihoods.std(correction=0).item() / math.sqrt(11),
        sigma=0.3,
        samples=20,
        validation=9,
        test=11,
    )


def test_one_test_image_has_no_spread() -> None:
    assert parzen(images(5, 8, seed=0), images(3, 8, seed=1), images(1, 8, seed=2)).standard_error == 0


def test_the_published_sigmas_are_ten_from_a_tenth_to_one() -> None:
    torch.testing.assert_close(torch.tensor(SIGMAS), torch.logspace(-1, 0, 10))


@pytest.mark.parametrize("empty", ["samples", "validation", "test"])
def test_nothing_cannot_be_scored(empty: str) -> None:
    given = {name: images(0 if name == empty else 3, 8, seed=0) for name in ("samples", "validation", "test")}
    with pytest.raises(DataError, match=rf"{empty}.* empty.*\(0, 8\)"):
        parzen(given["samples"], given["validation"], given["test"])


def test_other_sizes_are_refused() -> None:
    with pytest.raises(DataError, match=r"samples of 9 numbers .* images of 8"):
        parzen(images(3, 9, seed=0), images(3, 8, seed=0), images(3, 8, seed=0))
    with pytest.raises(DataError, match=r"samples of 8 numbers .* images of 9"):
        parzen(images(3, 8, seed=0), images(3, 8, seed=0), images(3, 9, seed=0))
    with pytest.raises(DataError, match=r"samples of 784 numbers .* images of 1024"):
        log_likelihood(images(3, 1, 28, 28, seed=0), images(3, 1, 32, 32, seed=0), 0.2)


def test_images_of_another_range_are_refused() -> None:
    unit, symmetric = images(3, 8, seed=0), torch.linspace(-1, 1, 24).view(3, 8)
    with pytest.raises(DataError, match=r"test images must be in \[0, 1\], not in \[-1, 1\]"):
        parzen(unit, unit, symmetric)
    with pytest.raises(DataError, match=r"validation images must be in \[0, 1\]"):
        parzen(unit, symmetric, unit)


def test_bytes_are_refused() -> None:
    with pytest.raises(DataError, match=r"samples must be floating-point numbers, not torch\.uint8"):
        log_likelihood(torch.zeros(3, 8, dtype=torch.uint8), images(3, 8, seed=0), 0.2)


def test_samples_that_are_not_finite_are_refused() -> None:
    with pytest.raises(DataError, match="samples contain numbers that are not finite"):
        log_likelihood(torch.full((3, 8), math.nan), images(3, 8, seed=0), 0.2)


@pytest.mark.parametrize("sigma", [0.0, -0.1, math.nan, math.inf])
def test_sigma_must_be_positive(sigma: float) -> None:
    with pytest.raises(DataError, match="sigma must be positive"):
        log_likelihood(images(3, 8, seed=0), images(3, 8, seed=0), sigma)


def test_there_must_be_a_sigma() -> None:
    with pytest.raises(DataError, match="no sigma"):
        parzen(images(3, 8, seed=0), images(3, 8, seed=0), images(3, 8, seed=0), sigmas=[])
