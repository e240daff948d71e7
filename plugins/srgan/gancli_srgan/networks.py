"""The networks of Ledig et al. 2017, figure 4."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from gancli.nn.cpu_convolution import Conv2d
from gancli.nn.imresize import imresize
from gancli.nn.layers import ToUnitRange
from gancli_srgan.blockwise import BlockwiseConv2d

Norm = Literal["batch", "none"]

HALVINGS = 4
"""Layers of the discriminator with stride 2."""


class Block(nn.Module):
    """x + f(x) with two convolutions of kernel 3 that keep (N, channels, H, W)."""

    def __init__(self, channels: int, *, norm: Norm) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Conv2d(channels, channels, 3, padding=1),
            _norm(norm, channels),
            nn.PReLU(),
            Conv2d(channels, channels, 3, padding=1),
            _norm(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.layers(x)
        return x + change


class SRResNet(nn.Module):
    """Images (N, C, H, W) in [-1, 1] to images (N, C, scale H, scale W), about in [-1, 1]; of any size.

    It looks at them in [0, 1], as published. With `bicubic` it answers what the bicubic enlargement lacks, and begins
    as that enlargement, since its last layer begins at zero.

    Args:
        inputs: channels of an image.
        scale: a power of two; each doubling is a convolution whose channels become pixels.
        blocks: residual blocks.
        channels: of all maps.
        norm: of the blocks and behind them.
        bicubic: add the bicubic enlargement at the end.
        tanh: bring the answer into [-1, 1].
    """

    def __init__(
        self, inputs: int, *, scale: int, blocks: int, channels: int, norm: Norm, bicubic: bool, tanh: bool
    ) -> None:
        super().__init__()
        self.scale, self.bicubic = scale, bicubic
        self.head = nn.Sequential(ToUnitRange(), Conv2d(inputs, channels, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(Block(channels, norm=norm) for _ in range(blocks)),
            Conv2d(channels, channels, 3, padding=1),
            _norm(norm, channels),
        )
        self.doublings = nn.Sequential(*_doublings(channels, scale))
        self.tail = BlockwiseConv2d(channels, inputs)  # the last doubling is in here
        self.end = nn.Tanh() if tanh else nn.Identity()
        if bicubic:
            nn.init.zeros_(self.tail.weight)
            if self.tail.bias is not None:
                nn.init.zeros_(self.tail.bias)

    def forward(self, image: Tensor) -> Tensor:
        x = self.head(image)
        x = x + self.body(x)
        enlarged: Tensor = self.end(self.tail(self.doublings(x)))
        return enlarged + imresize(image, scale=self.scale) if self.bicubic else enlarged


def discriminator(shape: tuple[int, int, int], *, channels: int) -> nn.Sequential:
    """Images (N, C, H, W) to logits (N, 1); any H and W, but only those.

    Args:
        shape: (C, H, W); both sides are halved four times, rounded up.
        channels: of the first of eight convolutions; of the last ones 8 times as many, and 16 of the dense layer.
    """
    inputs, *sides = shape
    widths = [channels << index for index in range(HALVINGS)]
    height, width = (-(-side // (1 << HALVINGS)) for side in sides)

    def layers() -> Iterator[nn.Module]:
        yield from (Conv2d(inputs, channels, 3, padding=1), nn.LeakyReLU(0.2, inplace=True))
        yield from _judge(channels, channels, stride=2)
        for before, after in pairwise(widths):
            yield from _judge(before, after, stride=1)
            yield from _judge(after, after, stride=2)
        yield from (nn.Flatten(), nn.Linear(widths[-1] * height * width, 16 * channels))
        yield from (nn.LeakyReLU(0.2, inplace=True), nn.Linear(16 * channels, 1))

    return nn.Sequential(*layers())


def _doublings(channels: int, scale: int) -> Iterator[nn.Module]:
    """All but the last shuffle. Each activation, having one slope for all channels, may as well come before it."""
    for left in reversed(range(scale.bit_length() - 1)):
        yield from (Conv2d(channels, 4 * channels, 3, padding=1), nn.PReLU())
        if left:
            yield nn.PixelShuffle(2)


def _judge(before: int, after: int, *, stride: int) -> Iterator[nn.Module]:
    yield Conv2d(before, after, 3, stride=stride, padding=1)
    yield from (nn.BatchNorm2d(after), nn.LeakyReLU(0.2, inplace=True))


def _norm(kind: Norm, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.Identity()
