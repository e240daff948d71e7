"""Layers of Karras et al. 2018, "Progressive Growing of GANs for Improved Quality, Stability, and Variation":
equalised learning rate (section 4.1), minibatch standard deviation (section 3) and pixel normalisation (section 4.2).

With the equalised learning rate, weights are initialised from N(0, 1) and multiplied, whenever they are used, by the
constant of He initialisation, gain / sqrt(inputs of one unit). An optimizer that normalises its steps, such as Adam,
then changes the weights of all layers at the same relative speed. Biases start at 0 and are not scaled.

A layer is linear, so its input can be scaled instead. The smaller of the two tensors is scaled.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.nn.cpu_convolution import conv2d, conv_transpose2d

RELU_GAIN = math.sqrt(2)
"""Gain that keeps the variance through a layer followed by a rectifier; use 1 for a layer without one."""

EPSILON = 1e-8
"""Added under square roots, whose slope at 0 is infinite."""


class EqualizedConv2d(nn.Conv2d):
    """Convolution with equalised learning rate that keeps the sides: (N, inputs, H, W) to (N, outputs, H, W).

    Args:
        inputs: input channels.
        outputs: output channels.
        kernel: kernel size, odd.
        gain: standard deviation of the outputs for independent inputs of unit variance.
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
    """Nearest-neighbour upsampling followed by a 3x3 convolution: (N, inputs, H, W) to (N, outputs, 2 H, 2 W).

    Several of the nine taps see the same pixel of the upsampled map. If the map is larger than the weights, these taps
    are summed first. The result is a transposed convolution of kernel 4 and stride 2, with 4/9 of the multiplications.
    """

    def __init__(self, inputs: int, outputs: int, *, gain: float = RELU_GAIN) -> None:
        super().__init__(inputs, outputs, 3, gain=gain)

    def forward(self, x: Tensor) -> Tensor:
        if x.numel() < self.weight.numel():
            return super().forward(F.interpolate(x, scale_factor=2, mode="nearest"))
        taps = F.avg_pool2d(self.scale * self.weight, 2, stride=1, padding=1, divisor_override=1)
        return conv_transpose2d(x, taps.flip(2, 3).transpose(0, 1), self.bias, stride=2, padding=1)


class EqualizedLinear(nn.Linear):
    """Fully connected layer with equalised learning rate: (N, inputs) to (N, outputs).

    Args:
        inputs: input features.
        outputs: output features.
        gain: standard deviation of the outputs for independent inputs of unit variance.
        bias: add a bias.
    """

    def __init__(self, inputs: int, outputs: int, *, gain: float = RELU_GAIN, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.scale = gain / math.sqrt(inputs)

    def reset_parameters(self) -> None:
        _reset(self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        x, weight = _scaled(x, self.weight, self.scale)
        return F.linear(x, weight, self.bias)


class MinibatchStddev(nn.Module):
    """Append the standard deviation of the batch as a constant channel: (N, C, H, W) to (N, C + 1, H, W).

    The value is the standard deviation over the samples of a group, averaged over channels and pixels. With N samples
    in groups of G, samples whose indices are equal modulo N / G form a group, as in the authors' code.

    Args:
        group: largest number of samples in a group; the largest divisor of the batch size up to it is used (None: the
            whole batch, as for the paper's results).
    """

    def __init__(self, group: int | None = None) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        size = _largest_divisor(len(x), self.group or len(x))
        exact = torch.promote_types(x.dtype, torch.float32)
        groups = x.to(exact).view(size, -1, *x.shape[1:])
        deviation = (groups.var(0, correction=0) + EPSILON).sqrt().mean((1, 2, 3))
        maps = deviation.to(x.dtype).repeat(size).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
        return torch.cat((x, maps), 1)

    def extra_repr(self) -> str:
        return f"group={self.group}"


class PixelNorm(nn.Module):
    """x / sqrt(mean(x^2) + 1e-8) over the channels of (N, C, ...), so that the mean square of every pixel is 1.

    A latent vector (N, latent_dim) gets the length sqrt(latent_dim), not 1.
    """

    def forward(self, x: Tensor) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)  # half precision would round the sum too much
        length = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=exact)
        normed: Tensor = x * (length.square() / x.shape[1] + EPSILON).rsqrt().to(x.dtype)
        return normed


def _reset(weight: Tensor, bias: Tensor | None) -> None:
    nn.init.normal_(weight)
    if bias is not None:
        nn.init.zeros_(bias)


def _scaled(x: Tensor, weight: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    return (scale * x, weight) if x.numel() < weight.numel() else (x, scale * weight)


def _largest_divisor(number: int, limit: int) -> int:
    return next(size for size in range(min(limit, number), 0, -1) if number % size == 0)
