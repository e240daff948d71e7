"""The equalised learning rate. Karras et al. 2018, "Progressive Growing of GANs for Improved Quality, Stability, and
Variation", section 4.1.

Weights are stored as unit normal numbers and multiplied, whenever they are used, by the constant with which He et al.
2015 would have initialised them: gain / sqrt(inputs of one unit). So an optimizer that normalises its steps, such as
Adam, moves the weights of all layers at the same relative speed. Biases start at 0 and are not multiplied.

A layer is linear, so the constant may as well multiply what goes in. Whichever of the two has fewer numbers takes it.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.nn.cpu_convolution import conv2d, conv_transpose2d

RELU_GAIN = math.sqrt(2)
"""Keeps the second moment through a layer that ends in a rectifier; a layer that ends in none wants 1."""


class EqualizedConv2d(nn.Conv2d):
    """A convolution that keeps the sides: (N, inputs, H, W) to (N, outputs, H, W).

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        kernel: side of the kernel, odd.
        gain: standard deviation of the outputs, for independent inputs of unit variance.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, gain: float = RELU_GAIN) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        self.scale = gain / math.sqrt(inputs * kernel * kernel)

    def reset_parameters(self) -> None:
        _reset(self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        x, weight = _scaled(x, self.weight, self.scale)
        return conv2d(x, weight, self.bias, padding=self.kernel_size[0] // 2)


class EqualizedUpConv2d(EqualizedConv2d):
    """Doubles the sides by nearest neighbours, then convolves with a kernel of 3: (N, inputs, H, W) to
    (N, outputs, 2 H, 2 W).

    Of nine taps of an enlarged map many see the same pixel. Where the map has more numbers than the weights, these taps
    are added up first: the result is a transposed convolution of kernel 4 and stride 2, at 4/9 of the products.
    """

    def __init__(self, inputs: int, outputs: int, *, gain: float = RELU_GAIN) -> None:
        super().__init__(inputs, outputs, 3, gain=gain)

    def forward(self, x: Tensor) -> Tensor:
        if x.numel() < self.weight.numel():
            return super().forward(F.interpolate(x, scale_factor=2, mode="nearest"))
        taps = F.avg_pool2d(self.scale * self.weight, 2, stride=1, padding=1, divisor_override=1)
        return conv_transpose2d(x, taps.flip(2, 3).transpose(0, 1), self.bias, stride=2, padding=1)


class EqualizedLinear(nn.Linear):
    """A fully connected layer: (N, inputs) to (N, outputs).

    Args:
        inputs: numbers that come in.
        outputs: numbers that go out.
        gain: standard deviation of the outputs, for independent inputs of unit variance.
        bias: whether there is one.
    """

    def __init__(self, inputs: int, outputs: int, *, gain: float = RELU_GAIN, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.scale = gain / math.sqrt(inputs)

    def reset_parameters(self) -> None:
        _reset(self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        x, weight = _scaled(x, self.weight, self.scale)
        return F.linear(x, weight, self.bias)


def _reset(weight: Tensor, bias: Tensor | None) -> None:
    nn.init.normal_(weight)
    if bias is not None:
        nn.init.zeros_(bias)


def _scaled(x: Tensor, weight: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    return (scale * x, weight) if x.numel() < weight.numel() else (x, scale * weight)


STDDEV_EPSILON = 1e-8
"""Under the root, whose slope at 0 is infinite: the answer for identical samples is 1e-4."""


class MinibatchStddev(nn.Module):
    """(N, C, H, W) to (N, C + 1, H, W): the last channel is one number all over.

    It is the standard deviation over the samples of a group, averaged over channels and pixels. Of N samples in groups
    of G, those whose indices are equal modulo N / G form one, as in the authors' code.

    Args:
        group: samples in a group, lowered to the next number that divides the batch; None: the whole batch, as for the
            paper's results.
    """

    def __init__(self, group: int | None = None) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        size = _largest_divisor(len(x), self.group or len(x))
        exact = torch.promote_types(x.dtype, torch.float32)
        groups = x.to(exact).view(size, -1, *x.shape[1:])
        spread = (groups.var(0, correction=0) + STDDEV_EPSILON).sqrt().mean((1, 2, 3))
        maps = spread.to(x.dtype).repeat(size).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
        return torch.cat((x, maps), 1)

    def extra_repr(self) -> str:
        return f"group={self.group}"


def _largest_divisor(number: int, limit: int) -> int:
    return next(size for size in range(min(limit, number), 0, -1) if number % size == 0)


NORM_EPSILON = 1e-8


class PixelNorm(nn.Module):
    """x / sqrt(mean(x^2) + 1e-8) over the channels of (N, C, ...), so that every pixel has a mean square of 1.

    A latent vector (N, latent_dim) is brought to the length sqrt(latent_dim), not to 1. There is nothing to learn.
    """

    def forward(self, x: Tensor) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)  # half precision would round the sum
        length = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=exact)
        normed: Tensor = x * (length.square() / x.shape[1] + NORM_EPSILON).rsqrt().to(x.dtype)
        return normed
