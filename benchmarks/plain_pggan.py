"""Plain script for PGGAN's 32x32 level: weights scaled at every use, upsampled maps, contiguous, nothing frozen.

The published networks of Karras et al. 2018 with 20.7 million parameters per player, gradient penalty and drift at
every step, the discriminator first, and an averaged generator.
"""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F
from plain_scripts import Clock, autocast, noise
from torch import Tensor, nn

WIDTH = 512


class Conv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, padding: int = 0, gain: float = 2**0.5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain / math.sqrt(inputs * kernel**2)
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class PixelNorm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / torch.sqrt(torch.mean(x**2, dim=1, keepdim=True) + 1e-8)


class MinibatchStddev(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        spread = torch.sqrt(x.var(0, unbiased=False) + 1e-8).mean()
        return torch.cat([x, spread.expand(x.shape[0], 1, *x.shape[2:])], 1)


def generator() -> nn.Sequential:
    layers: list[nn.Module] = [PixelNorm(), Conv(WIDTH, WIDTH, 4, padding=3, gain=2**0.5 / 4)]
    layers += [nn.LeakyReLU(0.2), PixelNorm(), Conv(WIDTH, WIDTH, 3, padding=1), nn.LeakyReLU(0.2), PixelNorm()]
    for _ in range(3):
        layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
        for _ in range(2):
            layers += [Conv(WIDTH, WIDTH, 3, padding=1), nn.LeakyReLU(0.2), PixelNorm()]
    return nn.Sequential(*layers, Conv(WIDTH, 3, 1, gain=1.0))


def discriminator() -> nn.Sequential:
    layers: list[nn.Module] = [Conv(3, WIDTH, 1), nn.LeakyReLU(0.2)]
    for _ in range(3):
        for _ in range(2):
            layers += [Conv(WIDTH, WIDTH, 3, padding=1), nn.LeakyReLU(0.2)]
        layers.append(nn.AvgPool2d(2))
    layers += [MinibatchStddev(), Conv(WIDTH + 1, WIDTH, 3, padding=1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, Conv(WIDTH, WIDTH, 4), nn.LeakyReLU(0.2), Conv(WIDTH, 1, 1, gain=1.0), nn.Flatten())


def penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    mixing = torch.rand(len(real), 1, 1, 1)
    between = (mixing * real + (1 - mixing) * fake).requires_grad_(True)
    gradient = torch.autograd.grad(critic(between).sum(), between, create_graph=True)[0]
    return ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()


def run(precision: str, batch_size: int, *, warm_up: int, timed: int) -> float:
    """Return images per second."""
    torch.manual_seed(0)
    g, d = generator(), discriminator()
    averaged = copy.deepcopy(g)
    optimizers = [torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.0, 0.99)) for net in (g, d)]
    clock = Clock(warm_up, timed)
    for real in noise(32, batch_size):
        with autocast(precision):
            fake = g(torch.randn(len(real), WIDTH, 1, 1))
            of_real, of_fake = d(real), d(fake.detach())
            d_loss = of_fake.mean() - of_real.mean() + 1e-3 * (of_real**2).mean()
        d_loss = d_loss + 10 * penalty(d, real, fake.detach().float())
        optimizers[1].zero_grad()
        d_loss.backward()
        optimizers[1].step()
        with autocast(precision):
            g_loss = -d(g(torch.randn(len(real), WIDTH, 1, 1))).mean()
        optimizers[0].zero_grad()
        g_loss.backward()
        optimizers[0].step()
        with torch.no_grad():
            for mean, value in zip(averaged.parameters(), g.parameters(), strict=True):
                mean.mul_(0.999).add_(value, alpha=0.001)
        _ = d_loss.item(), g_loss.item(), of_real.mean().item(), of_fake.mean().item()
        if clock.tick(len(real)):
            break
    return clock.speed
