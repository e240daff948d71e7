"""Two steps of the losses equal the same steps in plain PyTorch, with a list as image pool."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.family import DataSpec, Nets
from gancli.testing import context
from gancli_cyclegan.config import Config
from gancli_cyclegan.family import CycleGAN

DATA = DataSpec(channels=3, height=16, width=16, channels_of={"a": 3, "b": 3})
POOL = 3


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.ReflectionPad2d(1), nn.Conv2d(16, 16, 3), nn.InstanceNorm2d(16), nn.ReLU()),
            *(nn.ReflectionPad2d(1), nn.Conv2d(16, 16, 3), nn.InstanceNorm2d(16)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def plain_generator() -> nn.Module:
    return nn.Sequential(
        *(nn.ReflectionPad2d(3), nn.Conv2d(3, 4, 7), nn.InstanceNorm2d(4), nn.ReLU()),
        *(nn.Conv2d(4, 8, 3, 2, 1), nn.InstanceNorm2d(8), nn.ReLU()),
        *(nn.Conv2d(8, 16, 3, 2, 1), nn.InstanceNorm2d(16), nn.ReLU()),
        Block(),
        *(nn.ConvTranspose2d(16, 8, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(8), nn.ReLU()),
        *(nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(4), nn.ReLU()),
        *(nn.ReflectionPad2d(3), nn.Conv2d(4, 3, 7), nn.Tanh()),
    )


def plain_discriminator() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(4, 8, 4, 2, 1), nn.InstanceNorm2d(8), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(8, 16, 4, 1, 1), nn.InstanceNorm2d(16), nn.LeakyReLU(0.2)),
        nn.Conv2d(16, 1, 4, 1, 1),
    )


def exchange(kept: list[Tensor], images: Tensor, noise: torch.Generator) -> Tensor:
    chances, places = (torch.rand(len(images), generator=noise).tolist() for _ in range(2))
    handed = []
    for image, chance, place in zip(images, chances, places, strict=True):
        if len(kept) < POOL:
            kept.append(image)
            handed.append(image)
        elif chance > 0.5:
            slot = int(place * POOL)
            handed.append(kept[slot])
            kept[slot] = image
        else:
            handed.append(image)
    return torch.stack(handed)


def copied(plain: nn.Module, ours: nn.Module) -> nn.Module:
    for parameter, value in zip(plain.parameters(), ours.parameters(), strict=True):
        parameter.data.copy_(value)
    return plain


def test_losses_and_gradients_equal_plain_pytorch() -> None:
    torch.manual_seed(0)
    family = CycleGAN(Config(channels=4, blocks=1, identity_weight=0.5, pool_size=POOL, receptive_field=34), DATA)
    modules = family.build()
    nets, ctx, noise = Nets(modules), context(), torch.Generator().manual_seed(0)
    f, g = (copied(plain_generator(), modules[name]) for name in ("generator_ba", "generator_ab"))
    d_a, d_b = (copied(plain_discriminator(), modules[name]) for name in ("discriminator_a", "discriminator_b"))
    kept_a: list[Tensor] = []
    kept_b: list[Tensor] = []

    for _ in range(2):  # in the second step the pools are full
        a, b = torch.rand(2, *DATA.shape) * 2 - 1, torch.rand(2, *DATA.shape) * 2 - 1
        ours = family.generator_loss(nets, {"a": a, "b": b}, ctx)
        fake_a, fake_b = f(b), g(a)
        theirs = {
            "adversarial_a": ((d_a(fake_a) - 1) ** 2).mean(),
            "adversarial_b": ((d_b(fake_b) - 1) ** 2).mean(),
            "cycle_a": 10 * F.l1_loss(f(fake_b), a),
            "cycle_b": 10 * F.l1_loss(g(fake_a), b),
            "identity_a": 5 * F.l1_loss(f(a), a),
            "identity_b": 5 * F.l1_loss(g(b), b),
        }
        assert differing(ours, theirs, [modules["generator_ba"], modules["generator_ab"]], [f, g]) == []

        ours = family.discriminator_loss(nets, {"a": a, "b": b}, ctx)
        old_a = exchange(kept_a, fake_a.detach(), noise)
        old_b = exchange(kept_b, fake_b.detach(), noise)
        theirs = {
            "real_a": 0.5 * ((d_a(a) - 1) ** 2).mean(),
            "fake_a": 0.5 * (d_a(old_a) ** 2).mean(),
            "real_b": 0.5 * ((d_b(b) - 1) ** 2).mean(),
            "fake_b": 0.5 * (d_b(old_b) ** 2).mean(),
        }
        assert differing(ours, theirs, [modules["discriminator_a"], modules["discriminator_b"]], [d_a, d_b]) == []


def differing(
    ours: dict[str, Tensor], theirs: dict[str, Tensor], mine: list[nn.Module], plain: list[nn.Module]
) -> list[str]:
    """Return the terms and parameters whose values or gradients differ."""
    if ours.keys() != theirs.keys():
        return sorted(ours.keys() ^ theirs.keys())
    found = [name for name, term in theirs.items() if ours[name].item() != pytest.approx(term.item(), rel=1e-5)]
    first, second = (
        torch.autograd.grad(sum(terms.values()), list(itertools.chain(*(net.parameters() for net in nets))))
        for terms, nets in ((ours, mine), (theirs, plain))
    )
    scale = max(gradient.norm() for gradient in second)
    for place, (one, other) in enumerate(zip(first, second, strict=True)):
        # A bias before instance normalisation has no effect, so its gradient is a rounding error.
        if not (one - other).norm() <= 1e-5 * other.norm() + 1e-6 * scale:
            found.append(f"parameter {place}")
    return found
