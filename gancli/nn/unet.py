"""The U-Net of Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks": strided
convolutions down to a bottleneck and back up, with every map handed across to the layer of its size.

Its only noise is dropout, which therefore stays on at test time and draws from torch's global stream. The maps of one
pixel in the bottleneck are not normalised, which would make zeros of them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.nn.cpu_convolution import Conv2d, ConvTranspose2d
from gancli.nn.dcgan import FromImage, ToImage
from gancli.nn.layers import NormKind, make_norm

MOST_LEVELS = 8
"""Halvings of 256 pixels to one; larger images have a larger bottleneck."""

FEWEST_LEVELS = 2

WIDEST = 8
"""Times the channels of the outermost layer, at most."""

MOST_NOISY = 3
"""Layers up that have dropout, the first of them, in the paper's networks; smaller ones have fewer."""


class Noise(nn.Module):
    """Dropout that is never switched off, being the network's source of randomness."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, training=True)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class UNet(nn.Module):
    """Images (N, inputs, H, W) to images (N, outputs, H, W) in [-1, 1]; H and W are multiples of 2**levels.

    Args:
        inputs: channels in.
        outputs: channels out.
        levels: halvings down to the bottleneck: 8 is the U-Net of 256x256 images, 7 that of 128x128.
        channels: of the outermost layer, doubled with every level up to `WIDEST` times as many.
        dropout: probability of a zero in the first layers up; 0 makes the network a function.
        norm: of every layer but the outermost ones and the bottleneck.
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
        widths = [channels * min(WIDEST, 1 << level) for level in range(levels)]
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
        noisy = max(1, min(MOST_NOISY, levels - 4)) if dropout else 0
        self.up = nn.ModuleList()
        for depth, level in enumerate(range(levels - 1, 0, -1)):
            width = widths[level] * (2 if depth else 1)  # all but the bottleneck get the map of the way down too
            after = widths[level - 1]
            layers = [
                nn.ReLU(),
                ConvTranspose2d(width, after, 4, stride=2, padding=1, bias=bias),
                make_norm(norm, after),
            ]
            if depth < noisy:
                layers.append(Noise(dropout))
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
    """The halvings that leave the shorter side of (H, W) one pixel, 8 at most.

    Raises:
        UsageError: the sides cannot be halved as often.
    """
    levels = min(MOST_LEVELS, min(size).bit_length() - 1)
    if levels < FEWEST_LEVELS or any(side % (1 << levels) for side in size):
        side = 1 << max(FEWEST_LEVELS, min(MOST_LEVELS, min(size).bit_length() - 1))
        raise UsageError(
            f"images of {size[0]}x{size[1]} cannot be halved down to one pixel, as a U-Net does; set data.resolution "
            f"to a power of two, such as {side}, or to multiples of 256"
        )
    return levels
