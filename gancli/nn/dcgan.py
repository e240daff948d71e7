"""The convolutional networks of Radford et al. 2015, "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks": strided convolutions instead of pooling, and no fully connected hidden layers.

There are two variants. With `kernel=4` every layer doubles or halves the sides exactly, and the first and last layers
are convolutions over the whole base, as in PyTorch's DCGAN example. With `kernel=5` the first and last layers are fully
connected, and sides may be odd, as in the code of the authors and of Gulrajani et al. 2017.

The sides of the image are halved down to a base whose shorter side is 4 to 7 pixels. The layer next to the image has
`channels` channels, and every further layer twice as many, up to `MAX_CHANNELS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.nn.cpu_convolution import Conv2d, ConvTranspose2d, FromImage, LatentToMap, MapToVector, ToImage

Kernel = Literal[4, 5]

Norm = Callable[[int], nn.Module]

Size = tuple[int, int]

MAX_CHANNELS = 1024

SMALLEST_BASE, LARGEST_BASE = 4, 16


def strided_generator(
    inputs: int,
    shape: tuple[int, int, int],
    *,
    channels: int,
    kernel: Kernel = 4,
    norm: bool = True,
    bias: bool = False,
) -> nn.Sequential:
    """Build a generator from vectors (N, inputs) to images (N, C, H, W) in [-1, 1].

    Args:
        inputs: dimension of the latent vector, including a label if there is one.
        shape: (C, H, W).
        channels: channels of the layer before the image.
        kernel: 4, or 5 with a fully connected first layer, whose batch normalisation is per unit instead of per
            channel.
        norm: use batch normalisation in every layer but the last.
        bias: use a bias in every layer; with `kernel=4` the first layer has none.

    Raises:
        UsageError: images of this size are not supported.
    """
    sizes = _sizes(shape[1:], kernel)
    widths = _widths(channels, len(sizes) - 1)

    def layers() -> Iterator[nn.Module]:
        yield from _first(inputs, widths[0], sizes[0], kernel=kernel, norm=norm, bias=bias)
        yield nn.ReLU(inplace=True)
        steps = list(zip(pairwise(sizes), pairwise((*widths, shape[0])), strict=True))
        for index, ((small, large), (before, after)) in enumerate(steps):
            last = index + 1 == len(steps)
            yield _up(before, after, small, large, kernel=kernel, bias=bias, last=last)
            if not last:
                if norm:
                    yield nn.BatchNorm2d(after)
                yield nn.ReLU(inplace=True)
        yield nn.Tanh()

    return nn.Sequential(*layers())


def strided_discriminator(
    shape: tuple[int, int, int],
    *,
    channels: int,
    kernel: Kernel = 4,
    norm: Norm | None = nn.BatchNorm2d,
    bias: bool = False,
    outputs: int = 1,
    noise: float = 0.0,
) -> nn.Sequential:
    """Build a discriminator from images (N, C, H, W) to (N, outputs), without a sigmoid.

    Args:
        shape: (C, H, W).
        channels: channels of the first layer.
        kernel: 4, or 5 with a fully connected last layer.
        norm: function from a number of channels to a normalisation layer; the first and last layers have none.
        bias: use a bias in every layer; with `kernel=4` the last layer has none.
        outputs: number of outputs per image.
        noise: standard deviation of `InstanceNoise` on the images (0: no noise).

    Raises:
        UsageError: images of this size are not supported.
    """
    sizes = _sizes(shape[1:], kernel)[::-1]
    widths = _widths(channels, len(sizes) - 1)[::-1]

    def layers() -> Iterator[nn.Module]:
        if noise:
            yield InstanceNoise(noise)
        for index, (before, after) in enumerate(pairwise((shape[0], *widths))):
            yield _down(before, after, kernel=kernel, bias=bias, first=index == 0)
            if index and norm is not None:
                yield norm(after)
            yield nn.LeakyReLU(0.2, inplace=True)
        if kernel == 4:
            yield MapToVector(widths[-1], outputs, sizes[-1])
        else:
            yield nn.Flatten()
            yield nn.Linear(widths[-1] * sizes[-1][0] * sizes[-1][1], outputs, bias=bias)

    return nn.Sequential(*layers())


def initialise_normal(network: nn.Module, std: float = 0.02) -> nn.Module:
    """Initialise weights from N(0, std), scales of normalisation layers from N(1, std) and biases with 0.

    The weights are as in Radford et al. 2015, the scales as in the authors' code. Returns the network.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, std)
        elif isinstance(module, nn.modules.batchnorm._NormBase) and module.affine:
            nn.init.normal_(module.weight, 1.0, std)
        if isinstance(bias := getattr(module, "bias", None), nn.Parameter):
            nn.init.zeros_(bias)
    return network


class InstanceNoise(nn.Module):
    """Add normal noise to real and fake images (N, C, H, W) in training mode; do nothing in eval mode.

    The noise blurs both distributions equally, so the optimum does not change, but the discriminator can no longer tell
    them apart by details finer than the noise. Sonderby et al. 2017, "Amortised MAP Inference for Image
    Super-resolution"; Arjovsky and Bottou 2017.

    Args:
        std: standard deviation of the noise, for images in [-1, 1].
    """

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, images: Tensor) -> Tensor:
        return images + self.std * torch.randn_like(images) if self.training else images

    def extra_repr(self) -> str:
        return f"std={self.std}"


def _first(inputs: int, width: int, base: Size, *, kernel: Kernel, norm: bool, bias: bool) -> Iterator[nn.Module]:
    if kernel == 4:
        yield LatentToMap(inputs, width, base)
        if norm:
            yield nn.BatchNorm2d(width)
        return
    units = width * base[0] * base[1]
    yield nn.Linear(inputs, units, bias=bias)
    if norm:
        yield nn.BatchNorm1d(units)
    yield nn.Unflatten(1, (width, *base))


def _down(before: int, after: int, *, kernel: Kernel, bias: bool, first: bool) -> nn.Module:
    if kernel == 5:
        return Conv2d(before, after, 5, stride=2, padding=2, bias=bias)
    return FromImage(before, after, bias=bias) if first else Conv2d(before, after, 4, 2, 1, bias=bias)


def _up(before: int, after: int, small: Size, large: Size, *, kernel: Kernel, bias: bool, last: bool) -> nn.Module:
    if kernel == 4:
        return ToImage(before, after, bias=bias) if last else ConvTranspose2d(before, after, 4, 2, 1, bias=bias)
    odd = (large[0] - 2 * small[0] + 1, large[1] - 2 * small[1] + 1)
    return ConvTranspose2d(before, after, 5, stride=2, padding=2, output_padding=odd, bias=bias)


def _sizes(size: Size, kernel: Kernel) -> list[Size]:
    """Return the (height, width) of every feature map, from the base to the image."""
    sizes = [size]
    while kernel == 5 or not any(side % 2 for side in sizes[0]):
        half = ((sizes[0][0] + 1) // 2, (sizes[0][1] + 1) // 2)
        if min(half) < SMALLEST_BASE:
            break
        sizes.insert(0, half)
    base = sizes[0]
    if min(base) < SMALLEST_BASE or min(base) > 7 or max(base) > LARGEST_BASE or len(sizes) < 3:
        raise UsageError(
            f"images of {size[0]}x{size[1]} do not fit these networks, which double a base of {SMALLEST_BASE} to 7 "
            f"pixels at least twice; set data.resolution to {_nearest(size)}, for example"
        )
    return sizes


def _nearest(size: Size) -> str:
    """Return the supported square size that is nearest to the shorter side."""
    supported = [base << times for base in range(SMALLEST_BASE, 8) for times in range(2, 7)]
    return str(min(supported, key=lambda side: (abs(side - min(size)), side)))


def _widths(channels: int, count: int) -> list[int]:
    """Return the channels of every feature map but the image, from the base on."""
    return [min(MAX_CHANNELS, channels << index) for index in reversed(range(count))]
