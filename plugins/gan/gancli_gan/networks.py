"""The perceptrons, and the maxout networks of the 2014 paper.

Generators map z (N, latent_dim) to images (N, C, H, W) in [-1, 1]; discriminators map images to logits (N, 1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from torch import Tensor, nn

from gancli.nn.maxout import Maxout


class PaperSigmoid(nn.Module):
    """The sigmoid of a network that works in [0, 1], given in [-1, 1]: 2 sigmoid(x) - 1 = tanh(x / 2)."""

    def forward(self, x: Tensor) -> Tensor:
        return (x / 2).tanh()


class ToUnitRange(nn.Module):
    """Images from [-1, 1] to the [0, 1] of the paper's discriminator."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + 1) / 2


def mlp_generator(
    latent_dim: int, widths: Sequence[int], shape: tuple[int, int, int], *, batch_norm: bool, slope: float
) -> nn.Sequential:
    """Fully connected, LeakyReLU between, tanh at the end."""

    def layers() -> Iterator[nn.Module]:
        for inputs, outputs in pairwise((latent_dim, *widths)):
            yield nn.Linear(inputs, outputs)
            if batch_norm:
                yield nn.BatchNorm1d(outputs)
            yield nn.LeakyReLU(slope)

    return nn.Sequential(*layers(), nn.Linear(widths[-1], math.prod(shape)), nn.Tanh(), nn.Unflatten(1, shape))


def mlp_discriminator(
    shape: tuple[int, int, int], widths: Sequence[int], *, dropout: float, slope: float
) -> nn.Sequential:
    """Fully connected, LeakyReLU between, a logit at the end."""

    def layers() -> Iterator[nn.Module]:
        for inputs, outputs in pairwise((math.prod(shape), *widths)):
            yield nn.Linear(inputs, outputs)
            yield nn.LeakyReLU(slope)
            if dropout:
                yield nn.Dropout(dropout)

    return nn.Sequential(nn.Flatten(), *layers(), nn.Linear(widths[-1], 1))


def maxout_generator(latent_dim: int, shape: tuple[int, int, int]) -> nn.Sequential:
    """1200 and 1200 rectified units, sigmoid pixels."""
    network = nn.Sequential(
        nn.Linear(latent_dim, 1200),
        nn.ReLU(),
        nn.Linear(1200, 1200),
        nn.ReLU(),
        nn.Linear(1200, math.prod(shape)),
        PaperSigmoid(),
        nn.Unflatten(1, shape),
    )
    return _uniform(network, 0.05)


def maxout_discriminator(shape: tuple[int, int, int]) -> nn.Sequential:
    """Two maxout layers of 240 units with 5 pieces; dropout of 0.2 of the pixels and half of the units."""
    network = nn.Sequential(
        nn.Flatten(),
        ToUnitRange(),
        nn.Dropout(0.2),
        Maxout(math.prod(shape), 240, pieces=5),
        nn.Dropout(0.5),
        Maxout(240, 240, pieces=5),
        nn.Dropout(0.5),
        nn.Linear(240, 1),
    )
    return _uniform(network, 0.005)


def _uniform(network: nn.Sequential, bound: float) -> nn.Sequential:
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.zeros_(module.bias)
    return network
