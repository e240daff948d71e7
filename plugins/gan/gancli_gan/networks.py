"""Maxout networks of the 2014 paper; the perceptrons are in `gancli.nn.mlp`.

The generator maps z (N, latent_dim) to images (N, C, H, W) in [-1, 1], the discriminator images to logits (N, 1).
"""

from __future__ import annotations

import math

from torch import nn

from gancli.nn.layers import Maxout, ToUnitRange, UnitSigmoid


def maxout_generator(latent_dim: int, shape: tuple[int, int, int]) -> nn.Sequential:
    """Build a generator with two layers of 1200 rectified units and sigmoid pixels."""
    network = nn.Sequential(
        nn.Linear(latent_dim, 1200),
        nn.ReLU(),
        nn.Linear(1200, 1200),
        nn.ReLU(),
        nn.Linear(1200, math.prod(shape)),
        UnitSigmoid(),
        nn.Unflatten(1, shape),
    )
    return _uniform(network, 0.05)


def maxout_discriminator(shape: tuple[int, int, int]) -> nn.Sequential:
    """Build two maxout layers of 240 units with 5 pieces; dropout of 0.2 on pixels, 0.5 on units."""
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
