"""The networks of Sajjadi et al. 2017, as their released model has them; no layer is normalised."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from gancli.nn.cpu_convolution import Conv2d
from gancli.nn.imresize import imresize
from gancli.nn.layers import ToUnitRange

MEANS = (0.476, 0.450, 0.409)
"""Of red, green and blue in [0, 1], which the generator takes out; of other channels their mean."""

HALVINGS = 5
"""Layers of the discriminator with stride 2."""


class Block(nn.Module):
    """x + f(x) with two convolutions of kernel 3 that keep (N, channels, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_keep(channels, channels), nn.ReLU(inplace=True), _keep(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.layers(x)
        return x + change


class Generator(nn.Module):
    """Images (N, C, H, W) in [-1, 1] to images (N, C, scale H, scale W), about in [-1, 1]; of any size.

    Its layers work in [0, 1], less the means, and answer what the bicubic enlargement lacks there.

    Args:
        inputs: channels of an image.
        scale: a power of two; each doubling is by nearest pixels and a convolution.
        blocks: residual blocks.
        channels: of all maps.
    """

    means: Tensor

    def __init__(self, inputs: int, *, scale: int, blocks: int, channels: int) -> None:
        super().__init__()
        self.scale = scale
        means = MEANS if inputs == len(MEANS) else (sum(MEANS) / len(MEANS),) * inputs
        self.register_buffer("means", torch.tensor(means).view(-1, 1, 1), persistent=False)
        self.unit = ToUnitRange()
        self.head = nn.Sequential(_keep(inputs, channels), nn.ReLU(inplace=True))
        self.body = nn.Sequential(*(Block(channels) for _ in range(blocks)))
        self.doublings = nn.Sequential(*_doublings(channels, scale))
        self.tail = nn.Sequential(_keep(channels, channels), nn.ReLU(inplace=True), _keep(channels, inputs))

    def forward(self, image: Tensor) -> Tensor:
        x = self.body(self.head(self.unit(image) - self.means))
        lacking: Tensor = self.tail(self.doublings(x))
        return imresize(image, scale=self.scale) + 2 * lacking  # [-1, 1] is twice as wide as [0, 1]


def discriminator(shape: tuple[int, int, int], *, channels: int) -> nn.Sequential:
    """Images (N, C, H, W) to logits (N, 1); any H and W, but only those.

    Args:
        shape: (C, H, W); both sides are halved five times, rounded up.
        channels: of the first of ten convolutions; of the last ones 16 times as many, and 32 of the dense layer.
    """
    inputs, *sides = shape
    widths = [inputs, *(channels << index for index in range(HALVINGS))]
    height, width = (-(-side // (1 << HALVINGS)) for side in sides)

    def layers() -> Iterator[nn.Module]:
        for before, after in pairwise(widths):
            yield from (_keep(before, after), nn.LeakyReLU(0.2, inplace=True))
            yield from (_keep(after, after, stride=2), nn.LeakyReLU(0.2, inplace=True))
        yield from (nn.Flatten(), nn.Linear(widths[-1] * height * width, 32 * channels))
        yield from (nn.LeakyReLU(0.2, inplace=True), nn.Linear(32 * channels, 1))

    return nn.Sequential(*layers())


def initialise_xavier(network: nn.Module) -> nn.Module:
    """Weights as Glorot and Bengio 2010 draw them, uniform, and biases 0, as the authors' program did; returns the
    network.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def _doublings(channels: int, scale: int) -> Iterator[nn.Module]:
    for _ in range(scale.bit_length() - 1):
        yield from (nn.Upsample(scale_factor=2, mode="nearest"), _keep(channels, channels), nn.ReLU(inplace=True))


def _keep(inputs: int, outputs: int, *, stride: int = 1) -> nn.Conv2d:
    return Conv2d(inputs, outputs, 3, stride=stride, padding=1)
