"""PatchGAN: a discriminator that classifies every patch of an image separately.

Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", section 3.2.2.

The network is fully convolutional, and each of its outputs depends on a square of the image, the receptive field. Up to
two convolutions with stride 1 follow those with stride 2; with a receptive field of 1 there are only 1x1 convolutions.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, get_args

from torch import nn

from gancli.errors import UsageError
from gancli.nn.cpu_convolution import Conv2d, FromImage
from gancli.nn.layers import NormKind, make_norm

ReceptiveField = Literal[1, 16, 34, 70, 142, 286]

RECEPTIVE_FIELDS: tuple[ReceptiveField, ...] = get_args(ReceptiveField)
"""The index is the number of strided layers."""

DEFAULT: ReceptiveField = 70
"""The best one in the paper."""

MAX_WIDTH = 8
"""Largest number of channels, as a multiple of those of the first layer."""


def patch_discriminator(
    inputs: int,
    size: tuple[int, int],
    *,
    receptive_field: ReceptiveField | None = None,
    channels: int = 64,
    norm: NormKind = "batch",
) -> nn.Sequential:
    """Build a discriminator from images (N, inputs, H, W) to outputs (N, 1, H', W'), without a sigmoid.

    A receptive field of 70 maps 256x256 pixels to 30x30 outputs.

    Args:
        inputs: input channels; the sum over a condition and an image if both are concatenated.
        size: (H, W) of the training images.
        receptive_field: side of the receptive field in pixels (default: 70, or the largest one below with at least two
            outputs per side).
        channels: channels of the first layer, doubled in every further layer up to `MAX_WIDTH` times as many.
        norm: normalisation of the layers between the first and the last.

    Raises:
        UsageError: `size` is too small for the receptive field.
    """
    if receptive_field is None:
        receptive_field = _largest(size)
    elif _outputs(size, receptive_field) < 1:
        raise UsageError(
            f"images of {size[0]}x{size[1]} are too small for a discriminator with a receptive field of "
            f"{receptive_field}; set model.receptive_field to {_largest(size)}, or a larger data.resolution"
        )
    if receptive_field == 1:
        return nn.Sequential(*_pixel_layers(inputs, channels, norm))
    return nn.Sequential(*_patch_layers(inputs, channels, RECEPTIVE_FIELDS.index(receptive_field), norm))


def _patch_layers(inputs: int, channels: int, strided: int, norm: NormKind) -> Iterator[nn.Module]:
    widths = [channels * min(MAX_WIDTH, 1 << index) for index in range(strided + 1)]
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


def _outputs(size: tuple[int, int], receptive_field: ReceptiveField) -> int:
    """Return the number of outputs along the shorter side; 0 or less if the image is too small."""
    halvings = RECEPTIVE_FIELDS.index(receptive_field)
    return min(size) if halvings == 0 else (min(size) >> halvings) - 2


def _largest(size: tuple[int, int]) -> ReceptiveField:
    return [field for field in RECEPTIVE_FIELDS if field <= DEFAULT and _outputs(size, field) >= 2][-1]
