"""The networks of Shrivastava et al. 2017, appendix; for images of any size.

Neither of them normalises, and every border is padded with zeros so that stride 1 keeps the size and stride 2 halves
it, rounded up. Refiner and discriminator of an architecture see about as much of an image at once: that holds the
refiner to changes that the discriminator can judge, such as texture and noise, and keeps it from moving things.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from gancli.nn.cpu_convolution import Conv2d

REAL, REFINED = 0, 1
"""The discriminator's classes: the paper's D is the probability of `REFINED`."""


@dataclass(frozen=True)
class Architecture:
    """What sets the networks for one kind of images apart.

    Args:
        blocks: residual blocks of the refiner.
        first_kernel: of the refiner.
        convolutions: (kernel, stride) of the discriminator's first three.
        pool: stride of the maximum over 3x3 after its second convolution; None: there is none.
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
"""Receptive fields of refiner and discriminator: gaze 19 and 23 pixels, hand pose 47 and 71, small 11 and 11."""


class Block(nn.Module):
    """relu(x + f(x)) with two convolutions of kernel 3 that keep (N, channels, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_keep(channels, channels, 3), nn.ReLU(inplace=True), _keep(channels, channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.layers(x)
        return (x + change).relu()


def refiner(inputs: int, *, channels: int, blocks: int, first_kernel: int, tanh: bool) -> nn.Sequential:
    """Images (N, inputs, H, W) to such images, of the same size throughout; without `tanh` they have no bounds."""

    def layers() -> Iterator[nn.Module]:
        yield from (_keep(inputs, channels, first_kernel), nn.ReLU(inplace=True))
        for _ in range(blocks):
            yield Block(channels)
        yield Conv2d(channels, inputs, 1)
        if tanh:
            yield nn.Tanh()

    return nn.Sequential(*layers())


def discriminator(inputs: int, architecture: Architecture, *, channels: int) -> nn.Sequential:
    """Images (N, inputs, H, W) to the logits (N, 2, h, w) of `REAL` and `REFINED` at every place.

    35x55 pixels give 9x14 places with `gaze`, 224x224 give 7x7 with `hand_pose`, 8x8 give 4x4 with `small`.

    Args:
        inputs: channels of an image.
        architecture: its kernels and strides.
        channels: of the last maps before the logits.
    """
    (first, second, third), narrow = architecture.convolutions, channels

    def layers() -> Iterator[nn.Module]:
        yield from (_keep(inputs, 3 * narrow, *first), nn.ReLU(inplace=True))
        yield from (_keep(3 * narrow, 2 * narrow, *second), nn.ReLU(inplace=True))
        if architecture.pool is not None:
            yield nn.MaxPool2d(3, architecture.pool, padding=1)
        yield from (_keep(2 * narrow, narrow, *third), nn.ReLU(inplace=True))
        yield from (Conv2d(narrow, narrow, 1), nn.ReLU(inplace=True))
        yield Conv2d(narrow, 2, 1)

    return nn.Sequential(*layers())


def _keep(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2)
