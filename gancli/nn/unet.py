"""The U-Net of Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks": strided
convolutions down to a bottleneck and back up, with a skip connection between layers of the same size.

Its only noise is dropout, which therefore stays active in eval mode and uses torch's global random generator. The
bottleneck is not normalised, because normalising a feature map of one pixel gives zeros.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.nn.cpu_convolution import Conv2d, ConvTranspose2d, FromImage, ToImage
from gancli.nn.layers import NormKind, make_norm

MIN_LEVELS, MAX_LEVELS = 2, 8
"""8 levels halve 256 pixels to one; larger images have a larger bottleneck."""

MAX_WIDTH = 8
"""Largest number of channels, as a multiple of those of the outermost layer."""

DROPOUT_LAYERS = 3
"""Number of decoder layers after the bottleneck with dropout in the paper's networks; smaller networks have fewer."""


class AlwaysDropout(nn.Module):
    """Dropout that stays active in eval mode, as the network's source of randomness."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, training=True)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class UNet(nn.Module):
    """Map images (N, inputs, H, W) to images (N, outputs, H, W) in [-1, 1]; H and W are multiples of 2**levels.

    Args:
        inputs: input channels.
        outputs: output channels.
        levels: number of halvings down to the bottleneck: 8 for the paper's 256x256 pixels, 7 for 128x128.
        channels: channels of the outermost layer, doubled at every level up to `MAX_WIDTH` times as many.
        dropout: dropout probability in the first decoder layers (0: the network is deterministic).
        norm: normalisation of every layer but the outermost ones and the bottleneck.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        levels: int,
        channels: int = 64,
        dropout: float = 0.5,
        norm: NormKind = "batch",
    ) -> None:
        super().__init__()
        widths = [channels * min(MAX_WIDTH, 1 << level) for level in range(levels)]
        bias = norm != "batch"
        self.down = nn.ModuleList([FromImage(inputs, widths[0], bias=False)])
        for level in range(1, levels):
            layers: list[nn.Module] = [
                nn.LeakyReLU(0.2),
                Conv2d(widths[level - 1], widths[level], 4, stride=2, padding=1, bias=bias),
            ]
            if level + 1 < levels:
                layers.append(make_norm(norm, widths[level]))
            self.down.append(nn.Sequential(*layers))
        dropout_layers = max(1, min(DROPOUT_LAYERS, levels - 4)) if dropout else 0
        self.up = nn.ModuleList()
        for depth, level in enumerate(range(levels - 1, 0, -1)):
            width = widths[level] * (2 if depth else 1)  # all but the bottleneck have a skip connection
            after = widths[level - 1]
            layers = [
                nn.ReLU(),
                ConvTranspose2d(width, after, 4, stride=2, padding=1, bias=bias),
                make_norm(norm, after),
            ]
            if depth < dropout_layers:
                layers.append(AlwaysDropout(dropout))
            self.up.append(nn.Sequential(*layers))
        self.up.append(nn.Sequential(nn.ReLU(), ToImage(2 * widths[0], outputs, bias=True), nn.Tanh()))

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for layer in self.down:
            x = layer(x)
            maps.append(x)
        x = self.up[0](maps.pop())
        for layer in self.up[1:]:
            x = layer(torch.cat((x, maps.pop()), 1))
        return x


def unet_levels(size: tuple[int, int]) -> int:
    """Return the number of halvings of (H, W) until the shorter side is one pixel, at most 8.

    Raises:
        UsageError: a side is not divisible that often.
    """
    levels = min(MAX_LEVELS, min(size).bit_length() - 1)
    if levels < MIN_LEVELS or any(side % (1 << levels) for side in size):
        side = 1 << max(MIN_LEVELS, min(MAX_LEVELS, min(size).bit_length() - 1))
        raise UsageError(
            f"images of {size[0]}x{size[1]} cannot be halved down to one pixel, as a U-Net does; set data.resolution "
            f"to a power of two, such as {side}, or to multiples of 256"
        )
    return levels
