"""The generator of Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution".

As Zhu et al. 2017 use it in CycleGAN: two halvings, residual blocks, two doublings, and instance normalisation
everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.nn.layers import NormKind, make_norm

Padding = Literal["reflect", "zeros"]

Upsampling = Literal["transposed", "nearest"]

MULTIPLE = 4
"""The sides of images are multiples of this, or they come out larger than they went in."""


class ReflectedConv2d(nn.Conv2d):
    """`torch.nn.Conv2d` with an odd kernel and a reflected border, which keeps (H, W).

    Autocast on a CPU reflects in float32, so that every map would be converted there and back.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, padding_mode="reflect", bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        kind = x.device.type
        if not torch.is_autocast_enabled(kind):
            return super().forward(x)
        border = self.kernel_size[0] // 2
        with torch.autocast(kind, enabled=False):
            x = F.pad(x.to(torch.get_autocast_dtype(kind)), (border, border, border, border), mode="reflect")
        return F.conv2d(x, self.weight, self.bias)


class ResidualBlock(nn.Module):
    """x + f(x) with two convolutions of kernel 3 that keep (N, channels, H, W)."""

    def __init__(self, channels: int, *, padding: Padding, norm: NormKind, bias: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _keep(channels, channels, 3, padding=padding, bias=bias),
            make_norm(norm, channels),
            nn.ReLU(inplace=True),
            _keep(channels, channels, 3, padding=padding, bias=bias),
            make_norm(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.layers(x)
        return x + change


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
    """Images (N, inputs, H, W) to images (N, outputs, H, W) in [-1, 1]; H and W are multiples of `MULTIPLE`.

    Args:
        inputs: channels in.
        outputs: channels out.
        blocks: residual blocks; Zhu et al. take 6 for 128x128 and 9 from 256x256 on.
        channels: of the outermost layers; four times as many in the blocks.
        norm: of every layer but the last.
        bias: of every convolution; the last one has one where the others have.
        padding: at the border. Choi et al. 2018 take zeros, and have to: with a reflected border an input that is
            constant all over, such as a label's map, is lost in the first instance normalisation.
        kernel: of the layers that halve and double: 3 in CycleGAN, 4 in StarGAN.
        upsampling: `transposed` convolutions, as published, which can leave a checkerboard, or the `nearest` pixel and
            a convolution, which does not (Odena et al. 2016).
    """

    def layers() -> Iterator[nn.Module]:
        yield _keep(inputs, channels, 7, padding=padding, bias=bias)
        yield from (make_norm(norm, channels), nn.ReLU(inplace=True))
        for width in (channels, 2 * channels):
            yield nn.Conv2d(width, 2 * width, kernel, stride=2, padding=1, bias=bias)
            yield from (make_norm(norm, 2 * width), nn.ReLU(inplace=True))
        for _ in range(blocks):
            yield ResidualBlock(4 * channels, padding=padding, norm=norm, bias=bias)
        for width in (4 * channels, 2 * channels):
            yield from _double(width, width // 2, kernel=kernel, upsampling=upsampling, padding=padding, bias=bias)
            yield from (make_norm(norm, width // 2), nn.ReLU(inplace=True))
        yield _keep(channels, outputs, 7, padding=padding, bias=bias)
        yield nn.Tanh()

    return nn.Sequential(*layers())


def _keep(inputs: int, outputs: int, kernel: int, *, padding: Padding, bias: bool) -> nn.Conv2d:
    if padding == "reflect":
        return ReflectedConv2d(inputs, outputs, kernel, bias=bias)
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)


def _double(
    inputs: int, outputs: int, *, kernel: int, upsampling: Upsampling, padding: Padding, bias: bool
) -> Iterator[nn.Module]:
    if upsampling == "nearest":
        yield nn.Upsample(scale_factor=2, mode="nearest")
        yield _keep(inputs, outputs, 3, padding=padding, bias=bias)
    else:
        odd = kernel % 2
        yield nn.ConvTranspose2d(inputs, outputs, kernel, stride=2, padding=1, output_padding=odd, bias=bias)
