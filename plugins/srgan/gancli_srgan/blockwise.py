"""A convolution of few outputs behind a pixel shuffle, computed before it.

A convolution to 3 channels leaves most of a processor's vectors idle, and the shuffle that precedes it moves every
number once. Taken as one of 2x2 blocks it has four times as many channels on either side, a smaller kernel, and the
shuffle comes last, when little is left to move. The result is the same but for rounding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BlockwiseConv2d(nn.Conv2d):
    """The convolution of kernel 9 that keeps (N, inputs, 2 H, 2 W), given that map's 2x2 blocks (N, 4 inputs, H, W) in
    the order of `torch.nn.PixelShuffle`; its parameters are those of the convolution.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, outputs, 2 H, 2 W)."""
        bias = None if self.bias is None else self.bias.repeat_interleave(4)
        return F.pixel_shuffle(F.conv2d(x, _of_blocks(self.weight), bias, padding=2), 2)


def _of_blocks(weight: Tensor) -> Tensor:
    """Kernels (D, C, 9, 9) as (4 D, 4 C, 5, 5): for each pixel of a block, the kernel moved to stand there among 10x10
    pixels, which are 5x5 blocks.
    """
    moved = [F.pad(weight, (across, 1 - across, down, 1 - down)) for down in (0, 1) for across in (0, 1)]
    outputs, inputs = weight.shape[:2]
    blocks = torch.stack(moved, 1).reshape(4 * outputs, inputs, 5, 2, 5, 2)
    return blocks.permute(0, 1, 3, 5, 2, 4).reshape(4 * outputs, 4 * inputs, 5, 5)
