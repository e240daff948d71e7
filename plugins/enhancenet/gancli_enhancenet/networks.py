"""The generator of Sajjadi et al. 2017 as in the released model; there is no normalisation."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gancli.nn.cpu_convolution import Conv2d
from gancli.nn.imresize import imresize
from gancli.nn.layers import Residual, ToUnitRange

MEANS = (0.476, 0.450, 0.409)
"""Means of red, green and blue in [0, 1], which the generator subtracts; for other channels their mean is used."""


class Generator(nn.Module):
    """Map images (N, C, H, W) of any size in [-1, 1] to images (N, C, scale H, scale W), approximately in [-1, 1].

    Its layers get images in [0, 1] minus the means, and predict the difference to the bicubic upscaling.

    Args:
        inputs: channels of an image.
        scale: a power of two; each doubling is nearest-neighbour upsampling and a convolution.
        blocks: number of residual blocks.
        channels: channels of all feature maps.
    """

    means: Tensor

    def __init__(self, inputs: int, *, scale: int, blocks: int, channels: int) -> None:
        super().__init__()
        self.scale = scale
        means = MEANS if inputs == len(MEANS) else (sum(MEANS) / len(MEANS),) * inputs
        self.register_buffer("means", torch.tensor(means).view(-1, 1, 1), persistent=False)
        self.unit = ToUnitRange()
        self.head = nn.Sequential(_convolution(inputs, channels), nn.ReLU(inplace=True))
        self.body = nn.Sequential(*(_block(channels) for _ in range(blocks)))
        self.doublings = nn.Sequential(*_doublings(channels, scale))
        self.tail = nn.Sequential(
            _convolution(channels, channels), nn.ReLU(inplace=True), _convolution(channels, inputs)
        )

    def forward(self, image: Tensor) -> Tensor:
        x = self.body(self.head(self.unit(image) - self.means))
        details: Tensor = self.tail(self.doublings(x))
        return imresize(image, scale=self.scale) + 2 * details  # from [0, 1] to [-1, 1]


def initialise_xavier(network: nn.Module) -> nn.Module:
    """Initialise weights with the uniform distribution of Glorot and Bengio 2010 and biases with 0, as in the authors'
    code. Returns the network.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def _doublings(channels: int, scale: int) -> Iterator[nn.Module]:
    for _ in range(scale.bit_length() - 1):
        yield from (
            nn.Upsample(scale_factor=2, mode="nearest"),
            _convolution(channels, channels),
            nn.ReLU(inplace=True),
        )


def _block(channels: int) -> Residual:
    return Residual(_convolution(channels, channels), nn.ReLU(inplace=True), _convolution(channels, channels))


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return Conv2d(inputs, outputs, 3, padding=1)
