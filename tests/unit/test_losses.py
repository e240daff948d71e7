"""Adversarial losses compared with their definitions on probabilities, including extreme logits."""

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
    assert torch.allclose(losses.bce_real(LOGITS), F.binary_cross_entropy(probability, ones))
    assert torch.allclose(losses.bce_fake(LOGITS), F.binary_cross_entropy(probability, zeros))
    assert torch.allclose(losses.saturating(LOGITS), (1 - probability).log().mean())
    assert torch.allclose(losses.non_saturating(LOGITS), -probability.log().mean())


def test_value_at_the_optimum_is_minus_log_four() -> None:
    assert losses.value(torch.zeros(7, 1), torch.zeros(7, 1)).item() == pytest.approx(-math.log(4), rel=1e-6)


def test_the_two_generator_losses_have_the_same_optimum_and_opposite_strength() -> None:
    """At a logit of -6 the discriminator is certain, and only the non-saturating loss has a large gradient."""
    logit = torch.tensor(-6.0, dtype=torch.float64, requires_grad=True)
    (strong,) = torch.autograd.grad(losses.non_saturating(logit), logit)
    (weak,) = torch.autograd.grad(losses.saturating(logit), logit)
    assert strong.item() == pytest.approx(-0.99753, abs=1e-5)
    assert weak.item() == pytest.approx(-0.00247, abs=1e-5)


def test_means_over_any_shape() -> None:
    patches = torch.randn(4, 1, 30, 30, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(losses.bce_real(patches), losses.bce_real(patches.flatten()))
    assert losses.bce_real(patches).shape == ()


def test_r1_is_per_image_and_differentiable() -> None:
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    images = torch.randn(5, 2)
    penalty = losses.r1(lambda x: x @ weight, images)
    assert penalty.item() == pytest.approx(12.5)
    (gradient,) = torch.autograd.grad(penalty, weight)
    assert torch.allclose(gradient, weight)
    assert not images.requires_grad


def test_answers_are_mean_probabilities_beside_the_value() -> None:
    answers = losses.discriminator_stats(torch.full((4, 1), math.log(3)), torch.zeros(2, 1))
    assert {name: value.item() for name, value in answers.items()} == pytest.approx(
        {"D(x)": 0.75, "D(G(z))": 0.5, "V(D,G)": math.log(0.75) + math.log(0.5)}, rel=1e-6
    )
    undecided = losses.discriminator_stats(torch.zeros(3), torch.zeros(3))
    assert {f"judge/{name}": value.item() for name, value in undecided.items()} == pytest.approx(
        losses.optimal("judge"), rel=1e-6
    )


def test_least_squares_is_half_the_mean_of_squares() -> None:
    """It is not the square of the mean, which is 0 here."""
    assert losses.least_squares(torch.tensor([[-1.0], [1.0]]), 0.0).item() == 0.5
    assert losses.least_squares(torch.tensor([2.0, 4.0]), 1.0).item() == 2.5


def scene(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return real images, fake images and mixing numbers."""
    generator = torch.Generator().manual_seed(seed)
    real, fake = (torch.randn(6, 2, 3, 3, generator=generator) for _ in range(2))
    return real, fake, torch.rand(6, generator=generator)


def bent(x: torch.Tensor) -> torch.Tensor:
    """Critic ||x||^2 / 2, whose gradient at x is x."""
    return x.flatten(1).square().sum(1, keepdim=True) / 2


def test_gradient_penalty_is_taken_between_the_images() -> None:
    real, fake, mix = scene()
    between = real + mix.view(-1, 1, 1, 1) * (fake - real)
    expected = (between.flatten(1).norm(dim=1) - 1).square().mean().item()
    assert losses.gradient_penalty(bent, real, fake, mix).item() == pytest.approx(expected, rel=1e-5)
    ends = (
        losses.gradient_penalty(bent, real, fake, torch.zeros(6)),
        losses.gradient_penalty(bent, real, fake, mix * 0 + 1),
    )
    for end, images in zip(ends, (real, fake), strict=True):
        assert end.item() == pytest.approx((images.flatten(1).norm(dim=1) - 1).square().mean().item(), rel=1e-5)


def test_gradient_penalty_is_the_same_the_other_way_round() -> None:
    real, fake, mix = scene()
    forth, back = losses.gradient_penalty(bent, real, fake, mix), losses.gradient_penalty(bent, fake, real, 1 - mix)
    assert forth.item() == pytest.approx(back.item(), rel=1e-5)


@pytest.mark.parametrize("norm", [1.0, 750.0])
def test_gradient_penalty_of_linear_and_constant_critics(norm: float) -> None:
    """The penalty is (||w|| / norm - 1)^2 at all points, and 1 for a constant critic; ||w|| is 5."""
    weight = torch.zeros(18)
    weight[:2] = torch.tensor([3.0, 4.0])
    weight.requires_grad_()
    for seed in range(2):
        penalty = losses.gradient_penalty(lambda x: x.flatten(1) @ weight, *scene(seed), norm=norm)
        assert penalty.item() == pytest.approx((5 / norm - 1) ** 2, rel=1e-5)
        (gradient,) = torch.autograd.grad(penalty, weight)
        assert torch.allclose(gradient, 2 * (5 / norm - 1) / norm * weight / 5, rtol=1e-4)
    flat = losses.gradient_penalty(lambda x: x.flatten(1) @ (0 * weight), *scene(), norm=norm)
    assert flat.item() == pytest.approx(1, rel=1e-5)
    (gradient,) = torch.autograd.grad(flat, weight)
    assert torch.isfinite(gradient).all()


def test_gradient_penalty_leaves_its_images_alone() -> None:
    real, fake, mix = scene()
    fake.requires_grad_()
    scale = torch.ones((), requires_grad=True)
    penalty = losses.gradient_penalty(lambda x: scale * bent(x), real, fake, mix)
    of_scale, of_fake = torch.autograd.grad(penalty, (scale, fake), allow_unused=True)
    assert of_scale.item() != 0
    assert of_fake is None
    assert not real.requires_grad


@pytest.mark.parametrize(
    ("kind", "discriminator", "generator"),
    [
        ("bce", {"real": math.log1p(math.exp(-2)), "fake": math.log(2)}, math.log(2)),
        ("lsgan", {"real": 0.5, "fake": 0.0}, 0.5),
        ("hinge", {"real": 0.0, "fake": 1.0}, 0.0),
        ("wasserstein", {"adversarial": -2.0}, 0.0),
    ],
)
def test_terms_by_kind(kind: losses.Kind, discriminator: dict[str, float], generator: float) -> None:
    """The outputs are 2 for real and 0 for generated images."""
    real, fake = torch.full((4, 1, 2, 2), 2.0), torch.zeros(3, 1)
    terms = losses.discriminator_terms(real, fake, kind)
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(discriminator)
    assert losses.generator_terms(fake, kind)["adversarial"].item() == pytest.approx(generator)
