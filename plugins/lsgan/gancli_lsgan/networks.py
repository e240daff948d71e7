"""The networks of the paper for LSUN at 112x112 pixels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from torch import nn

from gancli.errors import UsageError

SIDE = 112
BASE = 7


def lsun_generator(latent_dim: int, shape: tuple[int, int, int]) -> nn.Sequential:
    """Build a generator from latents (N, latent_dim) to images (N, C, 112, 112) in [-1, 1], with 3x3 kernels.

    A layer with stride 1 follows each of the first two layers with stride 2.

    Raises:
        UsageError: the images have another size.
    """
    _check(shape)
    strides = (2, 1, 2, 1, 2, 2)
    widths = (256, 256, 256, 256, 256, 128, 64)

    def layers() -> Iterator[nn.Module]:
        yield nn.Linear(latent_dim, widths[0] * BASE * BASE)
        yield nn.Unflatten(1, (widths[0], BASE, BASE))
        yield nn.BatchNorm2d(widths[0])
        yield nn.ReLU(inplace=True)
        for (before, after), stride in zip(pairwise(widths), strides, strict=True):
            yield nn.ConvTranspose2d(before, after, 3, stride=stride, padding=1, output_padding=stride - 1)
            yield nn.BatchNorm2d(after)
            yield nn.ReLU(inplace=True)
        yield nn.ConvTranspose2d(widths[-1], shape[0], 3, padding=1)
        yield nn.Tanh()

    return nn.Sequential(*layers())


def lsun_discriminator(shape: tuple[int, int, int]) -> nn.Sequential:
    """Build a discriminator from images (N, C, 112, 112) to outputs (N, 1), with 5x5 kernels and stride 2.

    Raises:
        UsageError: the images have another size.
    """
    _check(shape)
    widths = (64, 128, 256, 512)

    def layers() -> Iterator[nn.Module]:
        for index, (before, after) in enumerate(pairwise((shape[0], *widths))):
            yield nn.Conv2d(before, after, 5, stride=2, padding=2)
            if index:
                yield nn.BatchNorm2d(after)
            yield nn.LeakyReLU(0.2, inplace=True)
        yield nn.Flatten()
        yield nn.Linear(widths[-1] * BASE * BASE, 1)

    return nn.Sequential(*layers())


def _check(shape: tuple[int, int, int]) -> None:
    if shape[1:] != (SIDE, SIDE):
        raise UsageError(f"architecture lsun needs images of {SIDE}x{SIDE} pixels; set data.resolution to {SIDE}")
