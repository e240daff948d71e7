"""Plain script for StarGAN: one of five labels, images of 128x128, batches of four, contiguous networks.

The published networks of Choi et al. 2018: a residual generator with 6 blocks and zero padding, and a discriminator
with 6 strided layers without normalisation. Five updates of the discriminator, with gradient penalty, for each update
of the generator. Each update has its own batch, except that the last update of the discriminator and the update of the
generator share one. Nothing is frozen while others are updated.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from plain_scripts import Clock, autocast
from torch import Tensor, nn

LABELS, SIDE, BATCH, CRITIC, IMAGES = 5, 128, 4, 5, 256

PARAMETERS = 53_192_576
"""Parameters of both published networks; the family's tests check the engine's networks against them."""


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Conv2d(256, 256, 3, 1, 1, bias=False), nn.InstanceNorm2d(256, affine=True), nn.ReLU(True)]
        self.layers = nn.Sequential(
            *layers, nn.Conv2d(256, 256, 3, 1, 1, bias=False), nn.InstanceNorm2d(256, affine=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()

        def normed(layer: nn.Module, width: int) -> list[nn.Module]:
            return [layer, nn.InstanceNorm2d(width, affine=True), nn.ReLU(True)]

        self.layers = nn.Sequential(
            *normed(nn.Conv2d(3 + LABELS, 64, 7, 1, 3, bias=False), 64),
            *normed(nn.Conv2d(64, 128, 4, 2, 1, bias=False), 128),
            *normed(nn.Conv2d(128, 256, 4, 2, 1, bias=False), 256),
            *(Block() for _ in range(6)),
            *normed(nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False), 128),
            *normed(nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), 64),
            nn.Conv2d(64, 3, 7, 1, 3, bias=False),
            nn.Tanh(),
        )

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        planes = label[:, :, None, None].repeat(1, 1, x.size(2), x.size(3))
        return self.layers(torch.cat([x, planes], 1))


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = [3, *(64 << index for index in range(6))]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.01)]
        self.trunk = nn.Sequential(*layers)
        self.source = nn.Conv2d(widths[-1], 1, 3, 1, 1, bias=False)
        self.labels = nn.Conv2d(widths[-1], LABELS, SIDE // 64, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(x)
        return self.source(features), self.labels(features).flatten(1)


class Labelled(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Random bytes, converted to [-1, 1] one by one."""

    def __init__(self) -> None:
        self.images = torch.randint(0, 256, (IMAGES, 3, SIDE, SIDE), dtype=torch.uint8)

    def __len__(self) -> int:
        return IMAGES

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index].float() / 127.5 - 1, index % LABELS


def batches() -> Iterator[tuple[Tensor, Tensor]]:
    labelled = Labelled()
    while True:
        yield from torch.utils.data.DataLoader(labelled, batch_size=BATCH, shuffle=True, drop_last=True)


def penalty(d: Discriminator, real: Tensor, fake: Tensor) -> Tensor:
    alpha = torch.rand(real.size(0), 1, 1, 1)
    between = (alpha * real + (1 - alpha) * fake.float()).requires_grad_(True)
    answers, _ = d(between)
    slopes = torch.autograd.grad(answers, between, torch.ones_like(answers), create_graph=True, retain_graph=True)[0]
    return ((slopes.flatten(1).norm(dim=1) - 1) ** 2).mean()


def run(precision: str, *, warm_up: int, timed: int) -> float:
    """Return images per second, as seen by the discriminator."""
    torch.manual_seed(0)
    g, d = Generator(), Discriminator()
    count = sum(parameter.numel() for network in (g, d) for parameter in network.parameters())
    if count != PARAMETERS:
        raise RuntimeError(f"the networks have {count:,} parameters instead of {PARAMETERS:,}")
    g_optimizer, d_optimizer = (torch.optim.Adam(each.parameters(), lr=1e-4, betas=(0.5, 0.999)) for each in (g, d))
    clock = Clock(warm_up, timed)
    for update, (real, label) in enumerate(batches(), 1):
        own = F.one_hot(label, LABELS).float()
        order = torch.randperm(len(label))
        with autocast(precision):
            answers, logits = d(real)
            fake = g(real, own[order]).detach()
            d_loss = d(fake)[0].mean() - answers.mean() + F.cross_entropy(logits, label)
        d_loss = d_loss + 10 * penalty(d, real, fake)
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        _ = d_loss.item()
        if update % CRITIC == 0:
            order = torch.randperm(len(label))
            with autocast(precision):
                fake = g(real, own[order])
                answers, logits = d(fake)
                back = g(fake, own)
                g_loss = -answers.mean() + F.cross_entropy(logits, label[order]) + 10 * F.l1_loss(back, real)
            g_optimizer.zero_grad()
            g_loss.backward()
            g_optimizer.step()
            _ = g_loss.item()
        if clock.tick(len(real)):
            break
    return clock.speed
