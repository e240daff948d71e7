"""Theory of Mao et al. 2017 in closed form, and sizes of the published networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, DataSpec, Nets, RMSprop
from gancli.testing import batch, context
from gancli_lsgan.config import Config
from gancli_lsgan.family import LSGAN, POINTS_GAIN
from gancli_lsgan.plugin import gan_families

GREY = DataSpec(channels=1, height=16, width=16)
LSUN = DataSpec(channels=3, height=112, width=112)
PLANE = DataSpec(channels=2, height=1, width=1, kind="points")
PAPER = {"architecture": "lsun", "latent_dim": 1024}
SMALL = {"channels": 4, "latent_dim": 8}

DATA = torch.tensor([5, 3, 2, 0])
MODEL = torch.tensor([1, 2, 3, 4])
"""Frequencies of four symbols among ten samples."""


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_counts_of_the_paper() -> None:
    with torch.device("meta"):
        modules = LSGAN(Config(**PAPER), LSUN).build()
    assert parameters(modules["generator"]) == 15_591_427
    assert parameters(modules["discriminator"]) == 4_333_441


@pytest.mark.parametrize(
    ("options", "data"),
    [
        (SMALL, DataSpec(channels=3, height=24, width=16)),
        ({**SMALL, "batch_norm": "none"}, DataSpec(channels=4, height=64, width=64)),
        ({"architecture": "lsun", "latent_dim": 8}, LSUN),
    ],
)
def test_shapes_and_ranges(options: dict[str, object], data: DataSpec) -> None:
    family = LSGAN(Config(**options), data)
    nets = Nets(family.build())
    drawn = family.sample(nets, 20 * family.latent(2, context()))
    assert drawn.shape == (2, *data.shape)
    assert drawn.abs().max() <= 1
    assert family.discriminate(nets, drawn).shape == (2,)


@pytest.mark.parametrize("data", [GREY, PLANE])
def test_the_output_is_unbounded(data: DataSpec) -> None:
    """Without normalisation and tanh, the output of a piecewise linear network is unbounded."""
    family = LSGAN(Config(**SMALL, batch_norm="none"), data)
    modules = family.build()
    last = modules["discriminator"][-1]
    with torch.no_grad():
        last.weight.mul_(1e4)
    answers = family.discriminate(Nets(modules), batch(gan_families(), data)["image"])
    assert answers.abs().max() > 1
    assert not [layer for layer in modules["discriminator"] if isinstance(layer, nn.Sigmoid)]


@pytest.mark.parametrize(
    ("batch_norm", "generator", "discriminator"), [("both", 2, 1), ("discriminator", 0, 1), ("none", 0, 0)]
)
def test_batch_normalisation_can_be_left_out(batch_norm: str, generator: int, discriminator: int) -> None:
    modules = LSGAN(Config(**SMALL, batch_norm=batch_norm), GREY).build()
    counts = {
        name: sum(isinstance(layer, nn.BatchNorm2d) for layer in module.modules()) for name, module in modules.items()
    }
    assert counts == {"generator": generator, "discriminator": discriminator}


class ConstantOutput(nn.Module):
    """Discriminator with the same output everywhere."""

    def __init__(self, output: float) -> None:
        super().__init__()
        self.output = output

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.flatten(1).sum(1, keepdim=True) * 0 + self.output


def play(coding: tuple[float, float, float], output: float) -> tuple[dict[str, float], dict[str, float]]:
    """Return the loss terms of one step by player and name, and the logged values of the discriminator."""
    family, ctx, inputs = LSGAN(Config(**SMALL, coding=coding), GREY), context(), batch(gan_families(), GREY)
    nets = Nets({**family.build(), "discriminator": ConstantOutput(output)})
    generator = family.generator_loss(nets, inputs, ctx)
    discriminator = {name: term.item() for name, term in family.discriminator_loss(nets, inputs, ctx).items()}
    recorded = {name: value.item() for name, value in ctx.logged.items()}
    terms = {"generator": generator["adversarial"].item(), "discriminator": sum(discriminator.values())}
    return terms, {f"discriminator/{name}": value for name, value in {**discriminator, **recorded}.items()}


@pytest.mark.parametrize(
    ("coding", "output", "discriminator", "generator"),
    [((0, 1, 1), 0.5, 0.25, 0.125), ((-1, 1, 0), 0.0, 1.0, 0.0), ((0, 1, 1), 0.0, 0.5, 0.5)],
)
def test_losses_of_a_constant_answer(
    coding: tuple[float, float, float], output: float, discriminator: float, generator: float
) -> None:
    terms, _ = play(coding, output)
    assert terms == pytest.approx({"discriminator": discriminator, "generator": generator}, rel=1e-6)


@pytest.mark.parametrize("coding", [(0, 1, 1), (-1, 1, 0), (0.2, 0.8, 1.1)])
def test_references_are_what_the_middle_between_both_answers_logs(coding: tuple[float, float, float]) -> None:
    _, logged = play(coding, (coding[0] + coding[1]) / 2)
    assert logged == pytest.approx(dict(LSGAN(Config(coding=coding), GREY).optimum_values), rel=1e-6)


@pytest.mark.parametrize("coding", [(0, 1, 1), (-1, 1, 0), (0.2, 0.8, 1.1)])
def test_the_best_discriminator_of_a_finite_alphabet(coding: tuple[float, float, float]) -> None:
    """The gradient of the convex loss is zero at D*, which is (a + b) / 2 where both densities are equal."""
    a, b, _ = coding
    family = LSGAN(Config(coding=coding), GREY)
    answers = family.optimal_discriminator(DATA.double(), MODEL.double()).requires_grad_()
    loss = losses.least_squares(answers.repeat_interleave(DATA), b)
    loss = loss + losses.least_squares(answers.repeat_interleave(MODEL), a)
    (slope,) = torch.autograd.grad(loss, answers)
    assert torch.allclose(slope, torch.zeros_like(slope), rtol=0, atol=1e-15)
    equal = torch.full((3,), 0.4, dtype=torch.float64)
    assert torch.allclose(family.optimal_discriminator(equal, equal), torch.full_like(equal, (a + b) / 2))


@pytest.mark.parametrize("coding", [(-1, 1, 0), (0, 2, 1), (-0.5, 1.5, 0.5)])
def test_the_generators_loss_is_pearsons_divergence(coding: tuple[float, float, float]) -> None:
    """With b - c = 1 and b - a = 2, twice the loss over both distributions is the chi-square of p + q and 2q."""
    best = LSGAN(Config(coding=coding), GREY).optimal_discriminator(DATA.double(), MODEL.double())
    both = losses.least_squares(best.repeat_interleave(DATA), coding[2])
    both = both + losses.least_squares(best.repeat_interleave(MODEL), coding[2])
    p, q = DATA.double() / 10, MODEL.double() / 10
    divergence = ((2 * q - (p + q)).square() / (p + q)).sum()
    assert 2 * both.item() == pytest.approx(divergence.item(), rel=1e-12)


def test_perceptrons_start_orthogonal() -> None:
    """W W' is the squared gain times the identity; biases are 0."""
    for module in LSGAN(Config(points_widths=(32, 32)), PLANE).build().values():
        for layer in module:
            if isinstance(layer, nn.Linear):
                weight = layer.weight if layer.out_features <= layer.in_features else layer.weight.T
                square = weight @ weight.T
                assert torch.allclose(square, POINTS_GAIN**2 * torch.eye(len(square)), atol=1e-5)
                assert not layer.bias.any()


def test_optimizers() -> None:
    assert {player.optimizer for player in LSGAN(Config(), GREY).players()} == {Adam(lr=2e-4, betas=(0.5, 0.999))}
    other = LSGAN(Config(optimizer="rmsprop", generator_lr=1e-3, discriminator_lr=1e-4), GREY).players()
    assert [player.optimizer for player in other] == [RMSprop(lr=1e-3), RMSprop(lr=1e-4)]


def test_a_coding_must_tell_real_from_fake() -> None:
    with pytest.raises(ValueError, match="a and b are equal"):
        Config(coding=(1, 1, 0))


@pytest.mark.parametrize(("data", "words"), [(GREY, "set data.resolution to 112"), (PLANE, "cannot generate points")])
def test_the_papers_networks_have_one_size(data: DataSpec, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        LSGAN(Config(**PAPER), data).build()
