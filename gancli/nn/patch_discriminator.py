"""PatchGAN: a discriminator that judges every patch of an image by itself.

Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", section 3.2.2.

It is convolutional throughout, and each number of its answer sees a square of the image: the receptive field. Up to two
convolutions with stride 1 follow those with stride 2; with a receptive field of 1 there are only 1x1 convolutions.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, get_args

from torch import nn

from gancli.errors import UsageError
from gancli.nn.cpu_convolution import Conv2d
from gancli.nn.dcgan import FromImage
from gancli.nn.layers import NormKind, make_norm

ReceptiveField = Literal[1, 16, 34, 70, 142, 286]

RECEPTIVE_FIELDS: tuple[ReceptiveField, ...] = get_args(ReceptiveField)
"""In the order of the strided layers they take: 0, 1, 2 and so on."""

PUBLISHED: ReceptiveField = 70
"""What the paper found best."""

WIDEST = 8
"""Times the channels of the first layer, at most."""


def patch_discriminator(
    inputs: int,
    size: tuple[int, int],
    *,
    receptive_field: ReceptiveField | None = None,
    channels: int = 64,
    norm: NormKind = "batch",
) -> nn.Sequential:
    """Images (N, inputs, H, W) to answers (N, 1, H', W') without a sigmoid; 70 takes 256x256 to 30x30.

    Args:
        inputs: channels of what it is shown; of a condition and an image, concatenated.
        size: (H, W) that it will be trained on.
        receptive_field: in pixels; None: 70, or the largest below it that `size` leaves two answers a side.
        channels: of the first layer, doubled with every further one up to `WIDEST` times as many.
        norm: of the layers between first and last.

    Raises:
        UsageError: `size` is too small for the receptive field.
    """
    if receptive_field is None:
        receptive_field = _largest(size)
    elif _answers(size, receptive_field) < 1:
        raise UsageError(
            f"images of {size[0]}x{size[1]} are too small for a discriminator with a receptive field of "
            f"{receptive_field}; set model.receptive_field to {_largest(size)}, or a larger data.resolution"
        )
    if receptive_field == 1:
        return nn.Sequential(*_pixel_layers(inputs, channels, norm))
    return nn.Sequential(*_patch_layers(inputs, channels, RECEPTIVE_FIELDS.index(receptive_field), norm))


def _patch_layers(inputs: int, channels: int, strided: int, norm: NormKind) -> Iterator[nn.Module]:
    widths = [channels * min(WIDEST, 1 << index) for index in range(strided + 1)]
    yield FromImage(inputs, channels, bias=True)
    yield nn.LeakyReLU(0.2, inplace=True)
    for index, (before, after) in enumerate(pairwise(widths)):
        stride = 1 if index + 1 == strided else 2
        yield Conv2d(before, after, 4, stride=stride, padding=1, bias=norm != "batch")
        yield make_norm(norm, after)
        yield nn.LeakyReLU(0.2, inplace=True)
    yield Conv2d(widths[-1], 1, 4, stride=1, padding=1)


def _pixel_layers(inputs: int, channels: int, norm: NormKind) -> Iterator[nn.Module]:
    yield Conv2d(inputs, channels, 1)
    yield nn.LeakyReLU(0.2, inplace=True)
    yield Conv2d(channels, 2 * channels, 1, bias=norm != "batch")
    yield make_norm(norm, 2 * channels)
    yield nn.LeakyReLU(0.2, inplace=True)
    yield Conv2d(2 * channels, 1, 1, bias=norm != "batch")


def _answers(size: tuple[int, int], receptive_field: ReceptiveField) -> int:
    """How many there are along the shorter side; 0 or less where there is no such network."""
    halvings = RECEPTIVE_FIELDS.index(receptive_field)
    return min(size) if halvings == 0 else (min(size) >> halvings) - 2


def _largest(size: tuple[int, int]) -> ReceptiveField:
    fitting = [field for field in RECEPTIVE_FIELDS if field <= PUBLISHED and _answers(size, field) >= 2]
    return fitting[-1]
