"""Layers that compute the same as PyTorch's, faster on a CPU.

The general convolution algorithm is slow on a CPU in these cases:

- The gradient of a kernel on a small feature map (4 to 8 pixels a side), where the widest layers of a generator or
  discriminator are. `conv2d` and `conv_transpose2d` gather the patches and compute a matrix product instead.
- The convolution itself, and the gradient of its input, if a whole batch has few pixels, as in the middle of a U-Net:
  PyTorch rearranges a kernel that is larger than all feature maps together. These are matrix products as well.
- A layer next to the image with 1 or 3 channels, which leaves most of a vector register unused. `FromImage`, `ToImage`
  and `PixelShuffleConv2d` compute it on 2x2 blocks of pixels, which have four times as many channels.
- A kernel as large as its feature map. `LatentToMap` and `MapToVector` compute one matrix product.

All other convolutions, and those on other devices, are PyTorch's. Results differ from PyTorch's by rounding only.
Second derivatives exist, as gradient penalties need them. `ENABLED = False` makes all layers use PyTorch's algorithms.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ENABLED = True
"""Use the algorithms of this module; False: use PyTorch's for every layer."""

LARGEST_MAP = 16
"""Largest number of pixels of the smaller feature map for which the matrix product is faster, with any channels."""

LARGEST_WIDE_MAP, WIDE = 64, 256
"""The same limit for layers with at least `WIDE` input and output channels."""

FEW_PIXELS = 256
"""Largest number of pixels of the smaller feature maps of a whole batch for which the convolution itself is faster as a
matrix product.
"""


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0) -> Tensor:
    """`torch.nn.functional.conv2d` of images (N, C, H, W) and a kernel (D, C, h, w), without dilation or groups."""
    geometry = _Geometry(stride, padding)
    if not _use_products(x, weight, geometry):
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
    if not _use_products(x, weight, geometry):
        return F.conv_transpose2d(x, weight, bias, stride, padding, output_padding)
    return _convolve(x, weight, bias, geometry)


def instance_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None, *, eps: float) -> Tensor:
    """`torch.nn.functional.instance_norm` of (N, C, H, W) that keeps the channels-last format on a CPU.

    PyTorch's converts its input first, which takes several times as long as the normalisation. Batch normalisation of
    a batch of one image is the same function and does not convert.
    """
    if not _on_cpu(x) or (len(x) > 1 and x.is_contiguous()):
        return F.instance_norm(x, weight=weight, bias=bias, eps=eps)
    images = [F.batch_norm(image, None, None, weight, bias, training=True, eps=eps) for image in x.chunk(len(x))]
    return images[0] if len(images) == 1 else torch.cat(images)


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d` computed by `conv2d`, with one stride and padding for both directions."""

    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(self.padding, tuple)
        return conv2d(x, self.weight, self.bias, stride=self.stride[0], padding=self.padding[0])


class ConvTranspose2d(nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d` computed by `conv_transpose2d`, with one stride and padding for both directions."""

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


class FromImage(nn.Conv2d):
    """The first layer of a discriminator: `Conv2d(inputs, outputs, 4, stride=2, padding=1)`."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        if not _on_cpu(x):
            return super().forward(x)
        blocks = F.pixel_unshuffle(F.pad(x, (1, 1, 1, 1)), 2).contiguous(memory_format=torch.channels_last)
        return F.conv2d(blocks, _block_kernel(self.weight), self.bias)


class ToImage(nn.ConvTranspose2d):
    """The last layer of a generator: `ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)`."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if not _on_cpu(x):
            return super().forward(x, output_size)
        blocks = F.conv_transpose2d(x, _block_kernel(self.weight))
        image = F.pixel_shuffle(blocks, 2)[:, :, 1:-1, 1:-1]
        return image if self.bias is None else image + self.bias.view(-1, 1, 1)


class LatentToMap(nn.ConvTranspose2d):
    """The first layer of a generator, (N, inputs) to (N, outputs, height, width): a transposed convolution of a 1x1 map
    with a kernel of the size (height, width), without bias.
    """

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int]) -> None:
        super().__init__(inputs, outputs, size, bias=False)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if not ENABLED:
            return super().forward(x[:, :, None, None])
        return (x.flatten(1) @ self.weight.flatten(1)).view(-1, *self.weight.shape[1:])


class MapToVector(nn.Conv2d):
    """The last layer of a discriminator, (N, inputs, height, width) to (N, outputs): a convolution with a kernel of the
    size (height, width), without bias.
    """

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int]) -> None:
        super().__init__(inputs, outputs, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if not ENABLED:
            return super().forward(x).flatten(1)
        return x.flatten(1) @ self.weight.flatten(1).T


class ReflectedConv2d(nn.Conv2d):
    """`Conv2d` with an odd kernel and reflected borders, which keeps (H, W).

    PyTorch's autocast pads in float32, which would convert every feature map twice.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, padding_mode="reflect", bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        kind = x.device.type
        if not ENABLED or not torch.is_autocast_enabled(kind):
            return super().forward(x)
        border = self.kernel_size[0] // 2
        with torch.autocast(kind, enabled=False):
            x = F.pad(x.to(torch.get_autocast_dtype(kind)), (border, border, border, border), mode="reflect")
        return F.conv2d(x, self.weight, self.bias)


class PixelShuffleConv2d(nn.Conv2d):
    """`PixelShuffle(2)` and `Conv2d(inputs, outputs, 9, padding=4)`: (N, 4 inputs, H, W) to (N, outputs, 2 H, 2 W).

    The convolution is computed on 2x2 blocks before the shuffle, with a smaller kernel and more channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        if not ENABLED:
            return super().forward(F.pixel_shuffle(x, 2))
        bias = None if self.bias is None else self.bias.repeat_interleave(4)
        return F.pixel_shuffle(F.conv2d(x, _shuffled_kernel(self.weight), bias, padding=2), 2)


def _on_cpu(x: Tensor) -> bool:
    return ENABLED and x.device.type == "cpu"


def _block_kernel(weight: Tensor) -> Tensor:
    """Rearrange kernels (A, B, 4, 4) to (A, 4 B, 2, 2), with the channel order of `pixel_unshuffle` for 2x2 blocks."""
    parts = weight.unflatten(2, (2, 2)).unflatten(4, (2, 2))  # type: ignore[no-untyped-call]
    kernels: Tensor = parts.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)
    return kernels


def _shuffled_kernel(weight: Tensor) -> Tensor:
    """Rearrange kernels (D, C, 9, 9) to (4 D, 4 C, 5, 5): one shifted kernel for each pixel of a 2x2 block, on 10x10
    pixels, which are 5x5 blocks.
    """
    shifted = [F.pad(weight, (across, 1 - across, down, 1 - down)) for down in (0, 1) for across in (0, 1)]
    outputs, inputs = weight.shape[:2]
    blocks = torch.stack(shifted, 1).reshape(4 * outputs, inputs, 5, 2, 5, 2)
    return blocks.permute(0, 1, 3, 5, 2, 4).reshape(4 * outputs, 4 * inputs, 5, 5)


class _Geometry(NamedTuple):
    stride: int
    padding: int
    output_padding: tuple[int, int] = (0, 0)
    transposed: bool = False

    def output_size(self, x: Tensor, weight: Tensor) -> tuple[int, int]:
        stride, twice = self.stride, 2 * self.padding
        height, width = (
            (side - 1) * stride - twice + kernel + extra if self.transposed else (side + twice - kernel) // stride + 1
            for side, kernel, extra in zip(x.shape[2:], weight.shape[2:], self.output_padding, strict=True)
        )
        return height, width

    def pixels(self, x: Tensor, weight: Tensor) -> int:
        """Return the number of pixels of the smaller feature map of one image."""
        height, width = x.shape[2:] if self.transposed else self.output_size(x, weight)
        return height * width


# Autograd asks a function for the gradients of all its inputs, even if only that of the images is needed, as in a
# gradient penalty. So each convolution is a sum of two functions: one that has a gradient for its feature map only, and
# a zero that has a gradient for its kernel only. Autograd skips the second one if nothing that it was asked for needs
# it.


class _MapFunction(torch.autograd.Function):
    """The convolution or transposed convolution, without a gradient for its kernel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, geometry: _Geometry) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = geometry
        stride, padding, extra, transposed = geometry
        if _few_pixels(x, weight, geometry):
            outputs = _scatter(x, weight, geometry) if transposed else _gather(x, weight, geometry)
            return outputs.clone()  # autograd does not allow in-place activations on a view
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


class _KernelFunction(torch.autograd.Function):
    """Zeros in the shape of the convolution's output, with a gradient for its kernel."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, like: Tensor, x: list[Tensor], geometry: _Geometry) -> Tensor:
        ctx.save_for_backward(x[0])  # in a list, because a tensor input would be a path to the feature map
        ctx.kernel = weight.shape[2:]
        ctx.geometry = geometry
        return like.new_zeros(()).expand_as(like)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (x,) = ctx.saved_tensors
        large, small = (gradient, x) if ctx.geometry.transposed else (x, gradient)
        return _kernel_gradient(large, small, ctx.kernel, ctx.geometry), None, None, None


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: _Geometry) -> Tensor:
    x, weight = _autocast(x, weight)
    y: Tensor = _MapFunction.apply(x, weight, geometry)
    if weight.requires_grad and torch.is_grad_enabled():
        y = y + _KernelFunction.apply(weight, y.detach(), [x], geometry)
    return y if bias is None else y + bias.to(y.dtype).view(-1, 1, 1)


def _kernel_gradient(large: Tensor, small: Tensor, kernel: torch.Size, geometry: _Geometry) -> Tensor:
    """Return the gradient (D, C, h, w) of a kernel that maps `large` (N, C, H, W) to `small` (N, D, H', W')."""
    pixels = small.permute(0, 2, 3, 1).flatten(0, 2)
    return (pixels.t() @ _patches(large, kernel, geometry)).view(-1, *kernel, large.shape[1]).permute(0, 3, 1, 2)


def _gather(x: Tensor, weight: Tensor, geometry: _Geometry) -> Tensor:
    """Convolve: each output value is the product of a patch and a kernel."""
    outputs = _patches(x, weight.shape[2:], geometry) @ weight.permute(0, 2, 3, 1).flatten(1).t()
    return outputs.view(len(x), *geometry.output_size(x, weight), -1).permute(0, 3, 1, 2)


def _scatter(x: Tensor, weight: Tensor, geometry: _Geometry) -> Tensor:
    """Convolve transposed: each input pixel adds its multiple of the kernel to the output."""
    stride, padding, *_ = geometry
    count, channels, rows, columns = x.shape
    matrix = weight.permute(0, 2, 3, 1).flatten(1)
    parts = (x.permute(0, 2, 3, 1).reshape(-1, channels) @ matrix).view(count, rows, columns, *weight.shape[2:], -1)
    height, width = geometry.output_size(x, weight)
    sides = height + 2 * padding, width + 2 * padding
    image = parts.new_zeros(count, *sides, weight.shape[1], dtype=torch.promote_types(x.dtype, torch.float32))
    for down, across in product(*map(range, weight.shape[2:])):
        pixels = image[:, down : down + stride * rows : stride, across : across + stride * columns : stride]
        pixels += parts[:, :, :, down, across]
    image = image[:, padding : padding + height, padding : padding + width]
    return image.to(x.dtype).permute(0, 3, 1, 2)


def _patches(large: Tensor, kernel: torch.Size, geometry: _Geometry) -> Tensor:
    """Return the patches (N H' W', h w C) of (N, C, H, W) that a kernel (h, w) is multiplied with."""
    stride, padding, *_ = geometry
    padded = F.pad(large, (padding, padding, padding, padding)).permute(0, 2, 3, 1).contiguous()
    count, *sides, channels = padded.shape
    height, width = ((side - extent) // stride + 1 for side, extent in zip(sides, kernel, strict=True))
    per_image, per_row, per_pixel, _ = padded.stride()
    # A row of a patch is contiguous in memory, so gathering is copying.
    return padded.as_strided(
        (count, height, width, kernel[0], kernel[1] * channels),
        (per_image, stride * per_row, stride * per_pixel, per_row, 1),
    ).reshape(count * height * width, -1)


def _use_products(x: Tensor, weight: Tensor, geometry: _Geometry) -> bool:
    """Return whether matrix products are faster than PyTorch's convolution."""
    if not _on_cpu(x) or torch.compiler.is_compiling():
        return False
    largest = LARGEST_WIDE_MAP if min(weight.shape[:2]) >= WIDE else LARGEST_MAP
    if geometry.pixels(x, weight) > largest:
        return False
    return (weight.requires_grad and torch.is_grad_enabled()) or _few_pixels(x, weight, geometry)


def _few_pixels(x: Tensor, weight: Tensor, geometry: _Geometry) -> bool:
    """Return whether the convolution itself is faster as a product, which needs a kernel in channels-last format."""
    pixels = len(x) * geometry.pixels(x, weight)
    return pixels <= FEW_PIXELS and weight.is_contiguous(memory_format=torch.channels_last)


def _autocast(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Cast as autocast would, which does not apply inside a custom autograd function."""
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        return x.to(dtype), weight.to(dtype)
    return x, weight
