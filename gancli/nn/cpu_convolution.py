"""Convolutions that, where maps are small, are matrix products.

On a CPU, the general algorithm for the gradient of a kernel is slowest where maps are smallest: with 4 to 8 pixels a
side it has little to share among many channels, and takes several times as long as gathering the patches and
multiplying them with the gradient. That is where the widest layers of a generator or a discriminator are. Where a
whole batch has few pixels there, as in the middle of a U-Net, the same holds of the convolution itself and of the
gradient of its map: before it begins, the library rearranges a kernel that is larger than all maps together. Everything
else, and everything on other devices, is left to the library.

Results differ from the library's by rounding. Gradients of gradients exist, as a gradient penalty needs them.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGEST_MAP = 16
"""Pixels of the smaller map up to which our way is the faster one, with any number of channels."""

LARGEST_WIDE_MAP, WIDE = 64, 256
"""The same where that many channels lead to as many."""

FEW_PIXELS = 256
"""Of all the smaller maps of a batch, up to which the convolution itself is faster as a product."""


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0) -> Tensor:
    """`torch.nn.functional.conv2d` of images (N, C, H, W) and a kernel (D, C, h, w), without dilation or groups."""
    geometry = _Geometry(stride, padding)
    if not _worthwhile(x, weight, geometry):
        return F.conv2d(x, weight, bias, stride, padding)
    return _convolve(x, weight, bias, geometry)


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    output_padding: tuple[int, int] = (0, 0),
) -> Tensor:
    """`torch.nn.functional.conv_transpose2d` of (N, C, H, W) and a kernel (C, D, h, w), without dilation or groups."""
    geometry = _Geometry(stride, padding, output_padding, transposed=True)
    if not _worthwhile(x, weight, geometry):
        return F.conv_transpose2d(x, weight, bias, stride, padding, output_padding)
    return _convolve(x, weight, bias, geometry)


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d` through `conv2d`, with one stride and one padding for both directions."""

    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(self.padding, tuple)
        return conv2d(x, self.weight, self.bias, stride=self.stride[0], padding=self.padding[0])


class ConvTranspose2d(nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d` through `conv_transpose2d`, with one stride and one padding for both directions."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        assert isinstance(self.padding, tuple)
        extra = self.output_padding
        return conv_transpose2d(
            x,
            self.weight,
            self.bias,
            stride=self.stride[0],
            padding=self.padding[0],
            output_padding=(extra[0], extra[1]),
        )


class _Geometry(NamedTuple):
    stride: int
    padding: int
    output_padding: tuple[int, int] = (0, 0)
    transposed: bool = False

    def size(self, x: Tensor, weight: Tensor) -> tuple[int, int]:
        """(H', W') of the result."""
        stride, twice = self.stride, 2 * self.padding
        height, width = (
            (side - 1) * stride - twice + kernel + extra if self.transposed else (side + twice - kernel) // stride + 1
            for side, kernel, extra in zip(x.shape[2:], weight.shape[2:], self.output_padding, strict=True)
        )
        return height, width

    def pixels(self, x: Tensor, weight: Tensor) -> int:
        """Of the smaller map, of one image."""
        height, width = x.shape[2:] if self.transposed else self.size(x, weight)
        return height * width


# Autograd asks a function for the gradients of all its inputs, also where, as in a gradient penalty, only that of the
# images is wanted. So each convolution is a sum: a function that hands gradients to its map alone, and a zero that
# hands them to its kernel alone, which autograd leaves out where no path from it leads to what it was asked for.


class _ByMap(torch.autograd.Function):
    """The convolution, or its transposed form; its kernel gets no gradient from here."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, geometry: _Geometry) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = geometry
        stride, padding, extra, transposed = geometry
        if _few(x, weight, geometry):
            made = _painted(x, weight, geometry) if transposed else _gathered(x, weight, geometry)
            return made.clone()  # since autograd lets nobody change a view in place, as an activation may want to
        if transposed:
            return F.conv_transpose2d(x, weight, None, stride, padding, extra)
        return F.conv2d(x, weight, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        stride, padding, _, transposed = ctx.geometry
        if not ctx.needs_input_grad[0]:
            return None, None, None
        if transposed:
            return conv2d(gradient, weight, stride=stride, padding=padding), None, None
        height, width = (
            large - ((small - 1) * stride - 2 * padding + kernel)
            for large, small, kernel in zip(x.shape[2:], gradient.shape[2:], weight.shape[2:], strict=True)
        )
        extra = (height, width)
        return conv_transpose2d(gradient, weight, stride=stride, padding=padding, output_padding=extra), None, None


class _ByKernel(torch.autograd.Function):
    """Zero, in the shape of the convolution's result."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, like: Tensor, x: list[Tensor], geometry: _Geometry) -> Tensor:
        ctx.save_for_backward(x[0])  # no input itself, which would be a path to the map
        ctx.kernel = weight.shape[2:]
        ctx.geometry = geometry
        return like.new_zeros(()).expand_as(like)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (x,) = ctx.saved_tensors
        large, small = (gradient, x) if ctx.geometry.transposed else (x, gradient)
        return _of_weight(large, small, ctx.kernel, ctx.geometry), None, None, None


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: _Geometry) -> Tensor:
    x, weight = _cast(x, weight)
    y: Tensor = _ByMap.apply(x, weight, geometry)
    if weight.requires_grad and torch.is_grad_enabled():
        y = y + _ByKernel.apply(weight, y.detach(), [x], geometry)
    return y if bias is None else y + bias.to(y.dtype).view(-1, 1, 1)


def _of_weight(large: Tensor, small: Tensor, kernel: torch.Size, geometry: _Geometry) -> Tensor:
    """The gradient (D, C, h, w) of a kernel that leads from `large` (N, C, H, W) to `small` (N, D, H', W')."""
    answers = small.permute(0, 2, 3, 1).flatten(0, 2)
    return (answers.t() @ _patches(large, kernel, geometry)).view(-1, *kernel, large.shape[1]).permute(0, 3, 1, 2)


def _gathered(x: Tensor, weight: Tensor, geometry: _Geometry) -> Tensor:
    """The convolution: each number of the result is the product of a patch and a kernel."""
    numbers = _patches(x, weight.shape[2:], geometry) @ weight.permute(0, 2, 3, 1).flatten(1).t()
    return numbers.view(len(x), *geometry.size(x, weight), -1).permute(0, 3, 1, 2)


def _painted(x: Tensor, weight: Tensor, geometry: _Geometry) -> Tensor:
    """The transposed convolution: each pixel paints the kernels, and strokes add up where they overlap."""
    stride, padding, *_ = geometry
    count, channels, rows, columns = x.shape
    matrix = weight.permute(0, 2, 3, 1).flatten(1)
    strokes = (x.permute(0, 2, 3, 1).reshape(-1, channels) @ matrix).view(count, rows, columns, *weight.shape[2:], -1)
    height, width = geometry.size(x, weight)
    sides = height + 2 * padding, width + 2 * padding
    image = strokes.new_zeros(count, *sides, weight.shape[1], dtype=torch.promote_types(x.dtype, torch.float32))
    for down, across in product(*map(range, weight.shape[2:])):
        there = image[:, down : down + stride * rows : stride, across : across + stride * columns : stride]
        there += strokes[:, :, :, down, across]
    image = image[:, padding : padding + height, padding : padding + width]
    return image.to(x.dtype).permute(0, 3, 1, 2)


def _patches(large: Tensor, kernel: torch.Size, geometry: _Geometry) -> Tensor:
    """What a kernel (h, w) sees of (N, C, H, W) from each of its places, (N H' W', h w C)."""
    stride, padding, *_ = geometry
    padded = F.pad(large, (padding, padding, padding, padding)).permute(0, 2, 3, 1).contiguous()
    count, *sides, channels = padded.shape
    height, width = ((side - extent) // stride + 1 for side, extent in zip(sides, kernel, strict=True))
    per_image, per_row, per_pixel, _ = padded.stride()
    # A row of a patch lies in one piece, so that gathering is copying.
    return padded.as_strided(
        (count, height, width, kernel[0], kernel[1] * channels),
        (per_image, stride * per_row, stride * per_pixel, per_row, 1),
    ).reshape(count * height * width, -1)


def _worthwhile(x: Tensor, weight: Tensor, geometry: _Geometry) -> bool:
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    largest = LARGEST_WIDE_MAP if min(weight.shape[:2]) >= WIDE else LARGEST_MAP
    if geometry.pixels(x, weight) > largest:
        return False
    return (weight.requires_grad and torch.is_grad_enabled()) or _few(x, weight, geometry)


def _few(x: Tensor, weight: Tensor, geometry: _Geometry) -> bool:
    """Whether the convolution itself is faster as a product; its kernel has to lie as the matrix does."""
    pixels = len(x) * geometry.pixels(x, weight)
    return pixels <= FEW_PIXELS and weight.is_contiguous(memory_format=torch.channels_last)


def _cast(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """As autocast would have it, which does not look into functions of our own."""
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        return x.to(dtype), weight.to(dtype)
    return x, weight
