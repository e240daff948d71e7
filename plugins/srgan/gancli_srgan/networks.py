"""The generator of Ledig et al. 2017, figure 4."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import Tensor, nn

from gancli.nn.cpu_convolution import Conv2d, PixelShuffleConv2d
from gancli.nn.imresize import imresize
from gancli.nn.layers import Residual, ToUnitRange

Norm = Literal["batch", "none"]


class SRResNet(nn.Module):
    """Map images (N, C, H, W) of any size in [-1, 1] to images (N, C, scale H, scale W), approximately in [-1, 1].

    Its input is scaled to [0, 1], as published. With `bicubic` its output is added to the bicubic upscaling; its last
    layer is then initialised with zeros, so that it starts as bicubic upscaling.

    Args:
        inputs: channels of an image.
        scale: a power of two; each doubling is a convolution followed by a pixel shuffle.
        blocks: number of residual blocks.
        channels: channels of all feature maps.
        norm: normalisation of the residual blocks and of the convolution after them.
        bicubic: add the bicubic upscaling to the output.
        tanh: apply a tanh to the output.
    """

    def __init__(
        self, inputs: int, *, scale: int, blocks: int, channels: int, norm: Norm, bicubic: bool, tanh: bool
    ) -> None:
        super().__init__()
        self.scale, self.bicubic = scale, bicubic
        self.head = nn.Sequential(ToUnitRange(), Conv2d(inputs, channels, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(_block(channels, norm) for _ in range(blocks)),
            Conv2d(channels, channels, 3, padding=1),
            _norm(norm, channels),
        )
        self.doublings = nn.Sequential(*_doublings(channels, scale))
        self.tail = PixelShuffleConv2d(channels, inputs)
        self.end = nn.Tanh() if tanh else nn.Identity()
        if bicubic:
            nn.init.zeros_(self.tail.weight)
            if self.tail.bias is not None:
                nn.init.zeros_(self.tail.bias)

    def forward(self, image: Tensor) -> Tensor:
        x = self.head(image)
        x = x + self.body(x)
        upscaled: Tensor = self.end(self.tail(self.doublings(x)))
        return upscaled + imresize(image, scale=self.scale) if self.bicubic else upscaled


def _doublings(channels: int, scale: int) -> Iterator[nn.Module]:
    """Yield the doublings without the last pixel shuffle, which is part of `PixelShuffleConv2d`.

    Each activation has one slope for all channels, so it can precede the shuffle.
    """
    for left in reversed(range(scale.bit_length() - 1)):
        yield from (Conv2d(channels, 4 * channels, 3, padding=1), nn.PReLU())
        if left:
            yield nn.PixelShuffle(2)


def _block(channels: int, norm: Norm) -> Residual:
    return Residual(
        Conv2d(channels, channels, 3, padding=1),
        _norm(norm, channels),
        nn.PReLU(),
        Conv2d(channels, channels, 3, padding=1),
        _norm(norm, channels),
    )


def _norm(kind: Norm, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.Identity()
