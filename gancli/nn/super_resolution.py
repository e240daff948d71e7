"""Parts of super-resolution networks that several papers share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from torch import nn

from gancli.errors import UsageError
from gancli.nn.cpu_convolution import Conv2d


def vgg_discriminator(shape: tuple[int, int, int], *, channels: int, halvings: int, norm: bool) -> nn.Sequential:
    """Build a discriminator from images (N, C, H, W) to logits (N, 1), in the style of VGG: pairs of 3x3 convolutions.

    The second convolution of each pair halves the sides. Ledig et al. 2017, "Photo-Realistic Single Image
    Super-Resolution Using a Generative Adversarial Network", figure 4, has 4 pairs with batch normalisation; Sajjadi et
    al. 2017, "EnhanceNet", has 5 without.

    Args:
        shape: (C, H, W); any H and W, but all images must have this size.
        channels: channels of the first pair, doubled with every further pair; the hidden fully connected layer has
            twice as many units as the last pair has channels.
        halvings: number of pairs.
        norm: use batch normalisation in every convolution but the first.
    """
    inputs, *sides = shape
    widths = [inputs, *(channels << index for index in range(halvings))]
    height, width = (-(-side // (1 << halvings)) for side in sides)

    def layers() -> Iterator[nn.Module]:
        for index, (before, after) in enumerate(pairwise(widths)):
            yield Conv2d(before, after, 3, padding=1)
            if norm and index:
                yield nn.BatchNorm2d(after)
            yield nn.LeakyReLU(0.2, inplace=True)
            yield Conv2d(after, after, 3, stride=2, padding=1)
            if norm:
                yield nn.BatchNorm2d(after)
            yield nn.LeakyReLU(0.2, inplace=True)
        yield from (nn.Flatten(), nn.Linear(widths[-1] * height * width, 2 * widths[-1]))
        yield from (nn.LeakyReLU(0.2, inplace=True), nn.Linear(2 * widths[-1], 1))

    return nn.Sequential(*layers())


def check_divisible(shape: tuple[int, int, int], scale: int) -> None:
    """Raise a UsageError if images (C, H, W) cannot be downscaled by `scale`."""
    if any(side % scale for side in shape[1:]):
        raise UsageError(
            f"images of {shape[1]}x{shape[2]} cannot be downscaled by {scale}; set data.resolution to a multiple of "
            f"{scale}"
        )
