"""Fully connected networks: of the GANs that have no convolutions, and of every family on points.

Generators map vectors (N, inputs) to images (N, C, H, W) in [-1, 1], or to points (N, D, 1, 1) without bounds;
discriminators map either to (N, outputs).
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
    """Hidden layers of the given widths, tanh at the end where the data are images."""

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
    """Hidden layers of the given widths, no activation at the end; `noise` as in `strided_discriminator`."""

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
