"""The generator of Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", as
Zhu et al. 2017 use it in CycleGAN: two strided convolutions, residual blocks, two upsampling layers, and instance
normalisation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import nn

from gancli.nn.cpu_convolution import ReflectedConv2d
from gancli.nn.layers import NormKind, Residual, make_norm

Padding = Literal["reflect", "zeros"]

Upsampling = Literal["transposed", "nearest"]

MULTIPLE = 4
"""Divisor of the sides of an image; the output of other sizes is larger than the input."""


def residual_generator(
    inputs: int,
    outputs: int,
    *,
    blocks: int = 9,
    channels: int = 64,
    norm: NormKind = "instance",
    bias: bool = True,
    padding: Padding = "reflect",
    kernel: Literal[3, 4] = 3,
    upsampling: Upsampling = "transposed",
) -> nn.Sequential:
    """Build a generator from images (N, inputs, H, W) to images (N, outputs, H, W) in [-1, 1].

    H and W must be multiples of `MULTIPLE`.

    Args:
        inputs: input channels.
        outputs: output channels.
        blocks: number of residual blocks; Zhu et al. use 6 for 128x128 pixels, and 9 from 256x256 on.
        channels: channels of the outermost layers; the residual blocks have four times as many.
        norm: normalisation of every layer but the last.
        bias: use a bias in every convolution.
        padding: padding of the borders. Choi et al. 2018 use zeros, which their labels require: with reflected borders,
            the first instance normalisation removes an input channel that is constant, such as a label.
        kernel: kernel size of the strided layers: 3 in CycleGAN, 4 in StarGAN.
        upsampling: `transposed` convolutions, as published, which can produce checkerboard patterns, or `nearest`
            neighbour upsampling followed by a convolution, which does not (Odena et al. 2016).
    """

    def layers() -> Iterator[nn.Module]:
        yield _convolution(inputs, channels, 7, padding=padding, bias=bias)
        yield from (make_norm(norm, channels), nn.ReLU(inplace=True))
        for width in (channels, 2 * channels):
            yield nn.Conv2d(width, 2 * width, kernel, stride=2, padding=1, bias=bias)
            yield from (make_norm(norm, 2 * width), nn.ReLU(inplace=True))
        for _ in range(blocks):
            yield Residual(
                _convolution(4 * channels, 4 * channels, 3, padding=padding, bias=bias),
                make_norm(norm, 4 * channels),
                nn.ReLU(inplace=True),
                _convolution(4 * channels, 4 * channels, 3, padding=padding, bias=bias),
                make_norm(norm, 4 * channels),
            )
        for width in (4 * channels, 2 * channels):
            yield from _upsample(width, width // 2, kernel=kernel, upsampling=upsampling, padding=padding, bias=bias)
            yield from (make_norm(norm, width // 2), nn.ReLU(inplace=True))
        yield _convolution(channels, outputs, 7, padding=padding, bias=bias)
        yield nn.Tanh()

    return nn.Sequential(*layers())


def _convolution(inputs: int, outputs: int, kernel: int, *, padding: Padding, bias: bool) -> nn.Conv2d:
    """Return a convolution with an odd kernel that keeps (H, W)."""
    if padding == "reflect":
        return ReflectedConv2d(inputs, outputs, kernel, bias=bias)
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)


def _upsample(
    inputs: int, outputs: int, *, kernel: int, upsampling: Upsampling, padding: Padding, bias: bool
) -> Iterator[nn.Module]:
    if upsampling == "nearest":
        yield nn.Upsample(scale_factor=2, mode="nearest")
        yield _convolution(inputs, outputs, 3, padding=padding, bias=bias)
    else:
        odd = kernel % 2
        yield nn.ConvTranspose2d(inputs, outputs, kernel, stride=2, padding=1, output_padding=odd, bias=bias)
