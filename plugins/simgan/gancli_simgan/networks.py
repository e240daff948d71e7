"""Networks of Shrivastava et al. 2017, appendix, for images of any size.

There is no normalisation. Zero padding keeps the size with stride 1, and halves it, rounded up, with stride 2. Refiner
and discriminator of an architecture have similar receptive fields. This restricts the refiner to changes that the
discriminator can recognise, such as texture and noise, and prevents it from moving objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from gancli.nn.cpu_convolution import Conv2d

REAL, REFINED = 0, 1
"""Classes of the discriminator; the paper's D is the probability of `REFINED`."""


@dataclass(frozen=True)
class Architecture:
    """Architecture for one kind of images.

    Args:
        blocks: number of residual blocks of the refiner.
        first_kernel: kernel size of the refiner's first convolution.
        convolutions: (kernel size, stride) of the discriminator's first three convolutions.
        pool: stride of the 3x3 max pooling after its second convolution (None: no pooling).
    """

    blocks: int
    first_kernel: int
    convolutions: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    pool: int | None


ARCHITECTURES = {
    "gaze": Architecture(blocks=4, first_kernel=3, convolutions=((3, 2), (3, 2), (3, 1)), pool=1),
    "hand_pose": Architecture(blocks=10, first_kernel=7, convolutions=((7, 4), (5, 2), (3, 2)), pool=2),
    "small": Architecture(blocks=2, first_kernel=3, convolutions=((3, 2), (3, 1), (3, 1)), pool=None),
}
"""Receptive fields of refiner and discriminator in pixels: 19 and 23 (gaze), 47 and 71 (hand_pose), 11 and 11 (small).
"""


class Block(nn.Module):
    """relu(x + f(x)) with two 3x3 convolutions that keep (N, channels, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _convolution(channels, channels, 3), nn.ReLU(inplace=True), _convolution(channels, channels, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.layers(x)
        return (x + change).relu()


def refiner(inputs: int, *, channels: int, blocks: int, first_kernel: int, tanh: bool) -> nn.Sequential:
    """Build a refiner from images (N, inputs, H, W) to images of the same shape; unbounded without `tanh`."""

    def layers() -> Iterator[nn.Module]:
        yield from (_convolution(inputs, channels, first_kernel), nn.ReLU(inplace=True))
        for _ in range(blocks):
            yield Block(channels)
        yield Conv2d(channels, inputs, 1)
        if tanh:
            yield nn.Tanh()

    return nn.Sequential(*layers())


def discriminator(inputs: int, architecture: Architecture, *, channels: int) -> nn.Sequential:
    """Build a discriminator from images (N, inputs, H, W) to logits (N, 2, h, w) of `REAL` and `REFINED`.

    Images of 35x55 pixels give 9x14 positions with `gaze`, 224x224 give 7x7 with `hand_pose`, 8x8 give 4x4 with
    `small`.

    Args:
        inputs: channels of an image.
        architecture: kernel sizes and strides.
        channels: channels of the last feature maps before the logits.
    """
    (first, second, third), narrow = architecture.convolutions, channels

    def layers() -> Iterator[nn.Module]:
        yield from (_convolution(inputs, 3 * narrow, *first), nn.ReLU(inplace=True))
        yield from (_convolution(3 * narrow, 2 * narrow, *second), nn.ReLU(inplace=True))
        if architecture.pool is not None:
            yield nn.MaxPool2d(3, architecture.pool, padding=1)
        yield from (_convolution(2 * narrow, narrow, *third), nn.ReLU(inplace=True))
        yield from (Conv2d(narrow, narrow, 1), nn.ReLU(inplace=True))
        yield Conv2d(narrow, 2, 1)

    return nn.Sequential(*layers())


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2)
