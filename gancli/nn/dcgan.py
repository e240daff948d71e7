"""The convolutional networks of Radford et al. 2015: strided convolutions instead of pooling, nothing fully connected
in between.

Two forms of them are in use. With `kernel=4` every layer doubles or halves exactly, and the first and last layers are
convolutions of the whole base, as in the PyTorch project's example. With `kernel=5` they are dense, and sides may be
odd, as in the authors' script and in those of Gulrajani et al. 2017.

Sides are halved from the image down to a base whose shorter side is 4 to 7. The layer beside the image has `channels`
channels, and each further one twice as many, up to `MAX_CHANNELS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.nn.cpu_convolution import Conv2d, ConvTranspose2d

Kernel = Literal[4, 5]

Norm = Callable[[int], nn.Module]

Size = tuple[int, int]

MAX_CHANNELS = 1024

SMALLEST_BASE, LARGEST_BASE = 4, 16


class LatentToMap(nn.ConvTranspose2d):
    """A transposed convolution of a 1x1 map with no stride, (N, inputs) to (N, outputs, height, width), as the matrix
    product that it is: several times as fast as the general algorithm.
    """

    def __init__(self, inputs: int, outputs: int, base: Size) -> None:
        super().__init__(inputs, outputs, base, bias=False)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return (x.flatten(1) @ self.weight.flatten(1)).view(-1, *self.weight.shape[1:])


class MapToVector(nn.Conv2d):
    """A convolution with a kernel as large as its map, (N, inputs, height, width) to (N, outputs), as the matrix
    product that it is.
    """

    def __init__(self, inputs: int, outputs: int, base: Size) -> None:
        super().__init__(inputs, outputs, base, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.flatten(1).T


class FromImage(nn.Conv2d):
    """The layer beside the image: a convolution of kernel 4, stride 2 and padding 1 of few channels.

    On a CPU it is computed as one of kernel 2 and stride 1 of the image's 2x2 blocks, four times as many channels: with
    1 or 3 channels the general algorithm leaves most of a vector idle.
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        blocks = F.pixel_unshuffle(F.pad(x, (1, 1, 1, 1)), 2).contiguous(memory_format=torch.channels_last)
        return F.conv2d(blocks, _of_blocks(self.weight), self.bias)


class ToImage(nn.ConvTranspose2d):
    """The layer before the image: `FromImage` the other way round."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x, output_size)
        blocks = F.conv_transpose2d(x, _of_blocks(self.weight))
        image = F.pixel_shuffle(blocks, 2)[:, :, 1:-1, 1:-1]
        return image if self.bias is None else image + self.bias.view(-1, 1, 1)


def strided_generator(
    inputs: int,
    shape: tuple[int, int, int],
    *,
    channels: int,
    kernel: Kernel = 4,
    norm: bool = True,
    bias: bool = False,
) -> nn.Sequential:
    """Vectors (N, inputs) to images (N, C, H, W) in [-1, 1].

    Args:
        inputs: length of the latent vector, with the label if there is one.
        shape: (C, H, W).
        channels: of the layer before the image.
        kernel: 4, or 5 with a dense first layer, whose batch normalisation is over units instead of channels.
        norm: batch normalisation in every layer but the last.
        bias: of every layer; with `kernel=4` the first layer never has one.

    Raises:
        UsageError: no such network makes images of this size.
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
    """Images (N, C, H, W) to (N, outputs), without a sigmoid.

    Args:
        shape: (C, H, W).
        channels: of the first layer.
        kernel: 4, or 5 with a dense last layer.
        norm: makes the normalisation of a layer with so many channels; the first and last layers have none.
        bias: of every layer; with `kernel=4` the last layer never has one.
        outputs: numbers for an image.
        noise: standard deviation of `InstanceNoise` on the images; 0: none.

    Raises:
        UsageError: no such network takes images of this size.
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
    """Weights from N(0, std), normalisation's scales from N(1, std), biases 0; returns the network.

    Radford et al. 2015 for the weights; the scales are the authors' code's.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, std)
        elif isinstance(module, nn.modules.batchnorm._NormBase) and module.affine:
            nn.init.normal_(module.weight, 1.0, std)
        if isinstance(bias := getattr(module, "bias", None), nn.Parameter):
            nn.init.zeros_(bias)
    return network


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


def _of_blocks(weight: Tensor) -> Tensor:
    """Kernels (A, B, 4, 4) as (A, 4 B, 2, 2), in the order of channels that `pixel_unshuffle` gives a 2x2 block."""
    parts = weight.unflatten(2, (2, 2)).unflatten(4, (2, 2))  # type: ignore[no-untyped-call]
    kernels: Tensor = parts.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)
    return kernels


def _sizes(size: Size, kernel: Kernel) -> list[Size]:
    """Of every map, from the base to the image."""
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
    """The square that fits and is nearest to the shorter side."""
    fitting = [base << times for base in range(SMALLEST_BASE, 8) for times in range(2, 7)]
    return str(min(fitting, key=lambda side: (abs(side - min(size)), side)))


def _widths(channels: int, count: int) -> list[int]:
    """Of every map but the image, from the base on."""
    return [min(MAX_CHANNELS, channels << index) for index in reversed(range(count))]


class InstanceNoise(nn.Module):
    """Adds normal noise to images (N, C, H, W) in training, real and fake alike; does nothing in evaluation.

    Both distributions are blurred in the same way, so that the optimum stays, while a discriminator can no longer tell
    them apart by details too fine for the noise. Sonderby et al. 2017, "Amortised MAP Inference for Image
    Super-resolution"; Arjovsky and Bottou 2017.

    Args:
        std: of the noise, where images are in [-1, 1].
    """

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, images: Tensor) -> Tensor:
        return images + self.std * torch.randn_like(images) if self.training else images

    def extra_repr(self) -> str:
        return f"std={self.std}"
