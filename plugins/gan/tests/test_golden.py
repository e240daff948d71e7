"""Invariants of Goodfellow et al. 2014 in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from gancli import losses
from gancli.family import DataSpec, Nets
from gancli.testing import batch, context
from gancli_gan.config import Config
from gancli_gan.family import GAN
from gancli_gan.plugin import gan_families

MNIST = DataSpec(channels=1, height=28, width=28)
PAPER = {"architecture": "maxout", "latent_dim": 100, "noise": "uniform"}


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("options", "generator", "discriminator"), [({}, 218_128, 100_609), (PAPER, 2_503_984, 1_231_441)]
)
def test_parameter_counts(options: dict[str, object], generator: int, discriminator: int) -> None:
    modules = GAN(Config(**options), MNIST).build()
    assert parameters(modules["generator"]) == generator
    assert parameters(modules["discriminator"]) == discriminator


@pytest.mark.parametrize("options", [{}, PAPER])
def test_images_lie_in_range_and_logits_do_not(options: dict[str, object]) -> None:
    family = GAN(Config(**options), MNIST)
    nets = Nets(family.build())
    images = family.sample(nets, 20 * family.latent(64, context()))
    assert images.shape == (64, 1, 28, 28)
    assert images.abs().max() <= 1
    assert nets.discriminator(1e4 * images).abs().max() > 1


def test_uniform_noise_has_the_papers_bounds_and_unit_variance() -> None:
    z = GAN(Config(**PAPER), MNIST).latent(2_000, context())
    assert z.abs().max() <= math.sqrt(3)
    assert z.var().item() == pytest.approx(1, abs=0.02)


def test_paper_initialisation() -> None:
    modules = GAN(Config(**PAPER), MNIST).build()
    for name, bound in (("generator", 0.05), ("discriminator", 0.005)):
        for key, parameter in modules[name].named_parameters():
            if key.endswith("bias"):
                assert parameter.abs().max() == 0
            else:
                assert bound * 0.98 < parameter.abs().max() <= bound


class Undecided(nn.Module):
    """Discriminator with D = 1/2 everywhere."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1).sum(1, keepdim=True) * 0


def test_an_undecided_discriminator_is_at_the_optimum() -> None:
    family = GAN(Config(), MNIST)
    nets = Nets({**family.build(), "discriminator": Undecided()})
    ctx = context()
    terms = family.discriminator_loss(nets, batch(gan_families(), MNIST), ctx)
    assert terms["adversarial"].item() == pytest.approx(math.log(2), rel=1e-6)
    logged = {f"discriminator/{name}": value.item() for name, value in ctx.logged.items()}
    assert logged == pytest.approx(dict(GAN.optimum_values), rel=1e-6)
    assert family.generator_loss(nets, batch(gan_families(), MNIST), ctx)["adversarial"].item() == pytest.approx(
        math.log(2), rel=1e-6
    )


def test_gradients_with_respect_to_the_logit() -> None:
    logit = torch.tensor([-6.0], dtype=torch.float64, requires_grad=True)
    for loss, expected in (
        (losses.non_saturating, torch.sigmoid(logit) - 1),
        (losses.saturating, -torch.sigmoid(logit)),
    ):
        (gradient,) = torch.autograd.grad(loss(logit), logit)
        assert torch.allclose(gradient, expected.detach(), rtol=1e-12)
    assert losses.value(torch.zeros(3), torch.zeros(5)).item() == pytest.approx(-math.log(4), rel=1e-6)


def test_logits_keep_what_probabilities_would_clamp() -> None:
    assert losses.bce_real(torch.tensor([-500.0])).item() == 500


def test_the_best_discriminator_of_a_finite_alphabet() -> None:
    """Trained to convergence, D is p_data / (p_data + p_model), and V is -log 4 + 2 JSD."""
    data = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    model = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=200, line_search_fn="strong_wolfe")

    def value() -> Tensor:
        return (data * nn.functional.logsigmoid(logits) + model * nn.functional.logsigmoid(-logits)).sum()

    def closure() -> float:
        optimizer.zero_grad()
        loss = -value()
        loss.backward()
        return loss.item()

    optimizer.step(closure)
    assert torch.allclose(logits.sigmoid(), data / (data + model), atol=1e-4)
    middle = (data + model) / 2
    divergence = ((data * (data / middle).log()).sum() + (model * (model / middle).log()).sum()) / 2
    assert value().item() == pytest.approx((2 * divergence - math.log(4)).item(), abs=1e-6)


def test_r1_of_a_linear_discriminator_is_half_its_squared_norm() -> None:
    weight = torch.randn(784, 1, generator=torch.Generator().manual_seed(0))
    images = torch.rand(16, 1, 28, 28)
    penalty = losses.r1(lambda x: x.flatten(1) @ weight, images)
    assert penalty.item() == pytest.approx((weight.square().sum() / 2).item(), rel=1e-5)


def test_the_penalty_comes_at_its_steps_only_and_with_its_weight() -> None:
    family = GAN(Config(r1=0.5, r1_every=4), MNIST)
    nets = Nets(family.build())
    for step in range(8):
        ctx = context()
        ctx.step = step
        terms = family.discriminator_loss(nets, batch(gan_families(), MNIST), ctx)
        assert ("penalty" in terms) == (step % 4 == 0)
    images = batch(gan_families(), MNIST)["image"]
    ctx = context()
    penalty = family.discriminator_loss(nets, {"image": images}, ctx)["penalty"]
    assert penalty.item() == pytest.approx(4 * 0.5 * losses.r1(nets.discriminator, images).item(), rel=1e-5)


def test_k_discriminator_steps() -> None:
    (stage,) = GAN(Config(discriminator_steps=3), MNIST).stages()
    assert [(turn.player, turn.repeat) for turn in stage.turns] == [("discriminator", 3), ("generator", 1)]
