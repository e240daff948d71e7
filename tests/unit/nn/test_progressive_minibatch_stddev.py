from __future__ import annotations

import math

import pytest
import torch

from gancli.nn.progressive import MinibatchStddev


@pytest.mark.parametrize("count", [1, 2, 6, 7])
@pytest.mark.parametrize("group", [None, 1, 4, 100])
def test_adds_one_channel_and_changes_no_other(count: int, group: int | None) -> None:
    x = torch.randn(count, 5, 4, 6)
    y = MinibatchStddev(group)(x)
    assert y.shape == (count, 6, 4, 6)
    assert torch.equal(y[:, :5], x)
    assert torch.equal(y[:, 5], y[:, 5, :1, :1].expand(-1, 4, 6))


@pytest.mark.parametrize("count", [1, 4])
def test_identical_samples_have_the_root_of_epsilon(count: int) -> None:
    y = MinibatchStddev()(torch.randn(1, 5, 4, 4).expand(count, -1, -1, -1))
    assert torch.allclose(y[:, 5], torch.full((count, 4, 4), 1e-4), atol=1e-7)


def test_of_a_whole_batch_it_is_the_mean_of_all_deviations() -> None:
    """The standard deviation of -a and a is a."""
    half = torch.arange(1.0, 9.0).view(1, 2, 2, 2)
    y = MinibatchStddev()(torch.cat((half, -half, half, -half)))
    assert torch.allclose(y[:, 2], torch.full((4, 2, 2), 4.5))


@pytest.mark.parametrize(("count", "group", "size"), [(8, 4, 4), (8, 3, 2), (6, 4, 3), (7, 4, 1), (2, 4, 2)])
def test_groups_are_samples_of_equal_index_modulo_their_number(count: int, group: int, size: int) -> None:
    """The group size is the largest divisor up to `group`; eight samples form {0, 2, 4, 6} and {1, 3, 5, 7}."""
    x = torch.randn(count, 3, 2, 2)
    values = MinibatchStddev(group)(x)[:, 3, 0, 0]
    for index in range(count):
        members = x[index % (count // size) :: count // size]
        assert len(members) == size
        expected = (members.var(0, unbiased=False) + 1e-8).sqrt().mean()
        assert values[index].item() == pytest.approx(expected.item(), rel=1e-5)


def test_has_finite_gradients_where_nothing_varies() -> None:
    """Also under a gradient penalty; without epsilon the slope of the square root would be infinite."""
    x = torch.zeros(4, 2, 2, 2, requires_grad=True)
    weights = torch.ones(3, requires_grad=True)
    (gradient,) = torch.autograd.grad((MinibatchStddev()(x) * weights.view(1, 3, 1, 1)).sum(), x, create_graph=True)
    (gradient.square().sum()).backward()
    assert math.isfinite(x.grad.sum().item())
    assert math.isfinite(weights.grad.sum().item())


def test_can_be_differentiated_twice() -> None:
    x = torch.randn(4, 2, 2, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradgradcheck(MinibatchStddev(2), (x,))
