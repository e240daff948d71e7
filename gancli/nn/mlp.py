"""Fully connected networks, for GANs without convolutions and for points.

Generators map vectors (N, inputs) to images (N, C, H, W) in [-1, 1] or to unbounded points (N, D, 1, 1). Discriminators
map images or points to (N, outputs).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from torch import nn

from gancli.data.spec import DataSpec
from gancli.nn.dcgan import InstanceNoise

Activation = Callable[[], nn.Module]


def mlp_generator(
    inputs: int, widths: Sequence[int], data: DataSpec, *, activation: Activation, batch_norm: bool = False
) -> nn.Sequential:
    """Build a generator with hidden layers of the given widths, and a tanh at the end if the data are images."""

    def layers() -> Iterator[nn.Module]:
        for before, after in pairwise((inputs, *widths)):
            yield nn.Linear(before, after)
            if batch_norm:
                yield nn.BatchNorm1d(after)
            yield activation()
        yield nn.Linear(widths[-1], math.prod(data.shape))
        if data.kind == "image":
            yield nn.Tanh()

    return nn.Sequential(*layers(), nn.Unflatten(1, data.shape))


def mlp_discriminator(
    data: DataSpec,
    widths: Sequence[int],
    *,
    activation: Activation,
    dropout: float = 0.0,
    outputs: int = 1,
    noise: float = 0.0,
) -> nn.Sequential:
    """Build a discriminator with hidden layers of the given widths and no activation at the end.

    `noise` is the standard deviation of `InstanceNoise` on its input.
    """

    def layers() -> Iterator[nn.Module]:
        if noise:
            yield InstanceNoise(noise)
        yield nn.Flatten()
        for before, after in pairwise((math.prod(data.shape), *widths)):
            yield nn.Linear(before, after)
            yield activation()
            if dropout:
                yield nn.Dropout(dropout)
        yield nn.Linear(widths[-1], outputs)

    return nn.Sequential(*layers())
