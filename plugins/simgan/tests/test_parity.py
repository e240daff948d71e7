"""One update of the discriminator and one of the refiner equal those in plain PyTorch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gancli.family import DataSpec
from gancli.family.optim import Clock
from gancli.testing import context
from gancli.training.players import Players
from gancli_simgan.config import Config
from gancli_simgan.family import CLIP, SimGAN

DATA = DataSpec(channels=1, height=15, width=22, channels_of={"a": 1, "b": 1})
LR, WEIGHT, STORED = 1e-2, 0.3, 3


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(6, 6, 3, 1, 1), nn.Conv2d(6, 6, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.two(self.one(x).relu())).relu()


def plain_refiner() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 6, 3, 1, 1), nn.ReLU(), Block(), Block(), nn.Conv2d(6, 1, 1), nn.Tanh())


def plain_discriminator() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 12, 3, 2, 1), nn.ReLU()),
        *(nn.Conv2d(12, 8, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 1, 1)),
        *(nn.Conv2d(8, 4, 3, 1, 1), nn.ReLU()),
        *(nn.Conv2d(4, 4, 1), nn.ReLU()),
        nn.Conv2d(4, 2, 1),
    )


def copied(plain: nn.Module, ours: nn.Module) -> nn.Module:
    for parameter, value in zip(plain.parameters(), ours.parameters(), strict=True):
        parameter.data.copy_(value)
    return plain


def refined_probability(discriminator: nn.Module, images: Tensor) -> Tensor:
    """Return the paper's D, the probability of class 1."""
    odds = discriminator(images).exp()
    return odds[:, 1] / odds.sum(1)


@pytest.mark.parametrize("player", ["discriminator", "refiner"])
def test_an_update_equals_plain_pytorch(player: str) -> None:
    torch.manual_seed(0)
    options = {"channels": 6, "blocks": 2, "discriminator_channels": 4, "history_size": 10}
    config = Config.model_validate(
        {**options, "self_regularisation_weight": WEIGHT, "refiner_lr": LR, "discriminator_lr": LR}
    )
    family = SimGAN(config, DATA)
    cast, ctx = Players(family.build(), family.players()), context()
    refiner = copied(plain_refiner(), cast.modules["refiner"])
    plain_d = copied(plain_discriminator(), cast.modules["discriminator"])
    stored = torch.rand(2 * STORED, *DATA.shape) * 2 - 1
    cast.modules["history"](stored, ctx)  # which stores the first half
    synthetic, real = (torch.rand(2 * STORED, *DATA.shape) * 2 - 1 for _ in range(2))

    actor = cast.begin_turn(player)
    loss = family.discriminator_loss if player == "discriminator" else family.refiner_loss
    total = sum(loss(cast.nets, {"a": synthetic, "b": real}, ctx).values(), torch.zeros(()))
    total.backward()
    actor.update(Clock(images=0, total=1, updates=0))

    if player == "discriminator":
        seen = torch.cat((refiner(synthetic)[:STORED].detach(), stored[:STORED]))
        expected = (
            -refined_probability(plain_d, seen).log().sum() - (1 - refined_probability(plain_d, real)).log().sum()
        )
        plain = plain_d
    else:
        refined = refiner(synthetic)
        passing = -(1 - refined_probability(plain_d, refined)).log().sum()
        expected = passing + WEIGHT * (refined - synthetic).abs().sum()
        plain = refiner
    expected = expected / (2 * STORED)
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    gradients = torch.autograd.grad(expected, list(plain.parameters()))
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm().item()
    gradients = tuple(gradient * min(1.0, CLIP / norm) for gradient in gradients)
    for ours, before, gradient in zip(actor.parameters, plain.parameters(), gradients, strict=True):
        assert ours.grad is not None
        assert (ours.grad - gradient).norm() <= 1e-5 * gradient.norm()
        after = before.detach() - LR * gradient
        assert (ours - after).norm() <= 1e-5 * after.norm()
