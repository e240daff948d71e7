"""Adversarial losses against their definitions on probabilities, and at the points where those break down."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from gancli import losses

LOGITS = torch.linspace(-8, 8, 33, dtype=torch.float64)


def test_equal_the_cross_entropy_of_probabilities() -> None:
    probability = LOGITS.sigmoid()
    ones, zeros = torch.ones_like(probability), torch.zeros_like(probability)
    assert torch.allclose(losses.real(LOGITS), F.binary_cross_entropy(probability, ones))
    assert torch.allclose(losses.fake(LOGITS), F.binary_cross_entropy(probability, zeros))
    assert torch.allclose(losses.saturating(LOGITS), (1 - probability).log().mean())
    assert torch.allclose(losses.non_saturating(LOGITS), -probability.log().mean())


def test_value_at_the_optimum_is_minus_log_four() -> None:
    assert losses.value(torch.zeros(7, 1), torch.zeros(7, 1)).item() == pytest.approx(-math.log(4), rel=1e-6)


def test_the_two_generator_losses_have_the_same_optimum_and_opposite_strength() -> None:
    """At a logit of -6 the discriminator is sure: only the non-saturating loss still moves the generator."""
    logit = torch.tensor(-6.0, dtype=torch.float64, requires_grad=True)
    (strong,) = torch.autograd.grad(losses.non_saturating(logit), logit)
    (weak,) = torch.autograd.grad(losses.saturating(logit), logit)
    assert strong.item() == pytest.approx(-0.99753, abs=1e-5)
    assert weak.item() == pytest.approx(-0.00247, abs=1e-5)


def test_means_over_any_shape() -> None:
    patches = torch.randn(4, 1, 30, 30, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(losses.real(patches), losses.real(patches.flatten()))
    assert losses.real(patches).shape == ()


def test_r1_is_per_image_and_differentiable() -> None:
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    images = torch.randn(5, 2)
    penalty = losses.r1(lambda x: x @ weight, images)
    assert penalty.item() == pytest.approx(12.5)
    (gradient,) = torch.autograd.grad(penalty, weight)
    assert torch.allclose(gradient, weight)
    assert not images.requires_grad
