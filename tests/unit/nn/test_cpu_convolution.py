"""Convolutions equal PyTorch's in values, gradients and second derivatives."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.nn import cpu_convolution
from gancli.nn.cpu_convolution import (
    Conv2d,
    ConvTranspose2d,
    FromImage,
    LatentToMap,
    MapToVector,
    PixelShuffleConv2d,
    ReflectedConv2d,
    ToImage,
    conv2d,
    conv_transpose2d,
    instance_norm,
)

SHAPES = [
    # channels in and out, height, width, kernel, stride, padding
    (3, 5, 8, 8, 4, 2, 1),
    (4, 2, 4, 6, 3, 1, 1),
    (2, 6, 5, 7, 5, 2, 2),
    (3, 3, 4, 4, 4, 1, 0),
    (256, 256, 6, 6, 3, 1, 1),
    (2, 3, 9, 8, 4, 2, 1),
    (2, 2, 16, 16, 3, 1, 1),  # larger than the limits of this module
]


def tensors(*shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]


def derivatives(y: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """Return the first derivatives of a sum of squares, and the derivatives of their squared norm."""
    first = torch.autograd.grad((y * y).sum(), inputs, create_graph=True)
    second = torch.autograd.grad(first[0].square().sum() + first[1].square().sum(), inputs)
    return [*first, *second]


@pytest.mark.parametrize(("c", "d", "height", "width", "kernel", "stride", "padding"), SHAPES)
def test_convolution(c: int, d: int, height: int, width: int, kernel: int, stride: int, padding: int) -> None:
    x, weight, bias = tensors((2, c, height, width), (d, c, kernel, kernel), (d,))
    ours = conv2d(x, weight, bias, stride=stride, padding=padding)
    theirs = F.conv2d(x, weight, bias, stride, padding)
    torch.testing.assert_close(ours, theirs)
    inputs = [x, weight, bias]
    for one, other in zip(derivatives(ours, inputs), derivatives(theirs, inputs), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("c", "d", "height", "width", "kernel", "stride", "padding"), SHAPES)
@pytest.mark.parametrize("extra", [0, 1])
def test_transposed(
    c: int, d: int, height: int, width: int, kernel: int, stride: int, padding: int, extra: int
) -> None:
    if extra >= stride:
        pytest.skip("no such output padding")
    x, weight, bias = tensors((2, c, height, width), (c, d, kernel, kernel), (d,))
    ours = conv_transpose2d(x, weight, bias, stride=stride, padding=padding, output_padding=(extra, 0))
    theirs = F.conv_transpose2d(x, weight, bias, stride, padding, (extra, 0))
    torch.testing.assert_close(ours, theirs)
    inputs = [x, weight, bias]
    for one, other in zip(derivatives(ours, inputs), derivatives(theirs, inputs), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("trains", [True, False])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "extra"), [(4, 2, 1, 0), (3, 2, 1, 1), (5, 2, 2, 0), (4, 1, 0, 0)]
)
def test_few_pixels_and_channels_last_do_without_the_library(
    monkeypatch: pytest.MonkeyPatch, kernel: int, stride: int, padding: int, extra: int, transposed: bool, trains: bool
) -> None:
    sizes = ((2, 3, 3, 5), (3, 4, kernel, kernel)) if transposed else ((2, 3, 5, 7), (4, 3, kernel, kernel))
    x, weight, bias = tensors(*sizes, (4,))
    weight = weight.detach().contiguous(memory_format=torch.channels_last).requires_grad_(trains)
    options = {"stride": stride, "padding": padding, **({"output_padding": (extra, extra)} if transposed else {})}
    ours_of, theirs_of = (conv_transpose2d, F.conv_transpose2d) if transposed else (conv2d, F.conv2d)
    inputs = [x, weight, bias] if trains else [x]
    theirs = theirs_of(x, weight, bias, **options)
    expected = torch.autograd.grad(theirs.square().sum(), inputs)

    def refuse(*_: object) -> Tensor:
        raise AssertionError("PyTorch's convolution was called")

    for name in ("conv2d", "conv_transpose2d"):
        monkeypatch.setattr(F, name, refuse)
    ours = ours_of(x, weight, bias, **options)
    torch.testing.assert_close(ours, theirs)
    with torch.no_grad():
        torch.testing.assert_close(ours_of(x, weight, bias, **options), theirs)
    for one, other in zip(torch.autograd.grad(ours.square().sum(), inputs), expected, strict=True):
        torch.testing.assert_close(one, other)


def test_many_pixels_are_the_librarys_to_convolve(monkeypatch: pytest.MonkeyPatch) -> None:
    count = cpu_convolution.FEW_PIXELS // 16 + 1
    x, weight = tensors((count, 2, 4, 4), (2, 2, 3, 3))
    weight = weight.detach().contiguous(memory_format=torch.channels_last)
    asked: list[int] = []
    original = F.conv2d
    monkeypatch.setattr(F, "conv2d", lambda *given: asked.append(1) or original(*given))
    conv2d(x, weight, padding=1)
    assert asked
    conv2d(x[1:], weight, padding=1)
    assert len(asked) == 1


def kernel_gradients(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record a number for each kernel gradient that is computed as a matrix product from now on."""
    made: list[int] = []
    original = cpu_convolution._kernel_gradient
    monkeypatch.setattr(cpu_convolution, "_kernel_gradient", lambda *given: made.append(1) or original(*given))
    return made


@pytest.mark.parametrize(("height", "trains", "expected"), [(0, True, 1), (1, True, 0), (0, False, 0)])
def test_small_maps_take_our_way_and_no_others(
    monkeypatch: pytest.MonkeyPatch, height: int, trains: bool, expected: int
) -> None:
    side = int(cpu_convolution.LARGEST_MAP**0.5)
    x, weight = tensors((1, 2, side + height, side), (2, 2, 3, 3))
    made = kernel_gradients(monkeypatch)
    conv2d(x, weight.requires_grad_(trains), padding=1).sum().backward()
    assert len(made) == expected


@pytest.mark.parametrize("transposed", [False, True])
def test_a_penalty_on_the_images_gradient_does_not_compute_the_kernels_in_vain(
    monkeypatch: pytest.MonkeyPatch, transposed: bool
) -> None:
    x, weight = tensors((1, 2, 4, 4), (2, 2, 3, 3))
    made = kernel_gradients(monkeypatch)
    y = (conv_transpose2d if transposed else conv2d)(x, weight, padding=1)
    gradient = torch.autograd.grad(y.square().sum(), x, create_graph=True)[0]
    assert not made
    gradient.square().sum().backward()
    assert len(made) == 2  # of the convolution, and of its gradient


@pytest.mark.parametrize("kind", [Conv2d, ConvTranspose2d])
def test_under_autocast_it_computes_in_bf16_and_weights_stay_fp32(kind: type[Conv2d | ConvTranspose2d]) -> None:
    torch.manual_seed(0)
    layer = kind(4, 4, 4, stride=2, padding=1, bias=True).to(memory_format=torch.channels_last)
    x = torch.randn(2, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        ours = layer(x)
        theirs = kind.__mro__[1].forward(layer, x)
    assert ours.dtype == theirs.dtype == torch.bfloat16
    torch.testing.assert_close(ours, theirs, rtol=0.01, atol=0.01)
    ours.float().square().sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype == torch.float32
    expected = torch.autograd.grad(theirs.float().square().sum(), layer.weight)[0]
    torch.testing.assert_close(layer.weight.grad, expected, rtol=0.02, atol=0.05)


@pytest.mark.parametrize("kind", [Conv2d, ConvTranspose2d])
def test_an_activation_behind_frozen_weights_may_work_in_place(kind: type[Conv2d | ConvTranspose2d]) -> None:
    layer = kind(4, 6, 3, padding=1, bias=False).to(memory_format=torch.channels_last).requires_grad_(False)
    x = torch.randn(2, 4, 4, 4, requires_grad=True)
    F.leaky_relu(layer(x), 0.2, inplace=True).sum().backward()
    (expected,) = torch.autograd.grad(F.leaky_relu(layer(x).clone(), 0.2).sum(), x)
    torch.testing.assert_close(x.grad, expected)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv2d(3, 5, 4, stride=2, padding=1), (2, 3, 8, 8)),
        (ConvTranspose2d(3, 5, 4, stride=2, padding=1), (2, 3, 4, 4)),
        (FromImage(3, 5, bias=True), (2, 3, 8, 8)),
        (ToImage(5, 3, bias=True), (2, 5, 4, 4)),
        (LatentToMap(6, 5, (4, 3)), (2, 6)),
        (MapToVector(6, 5, (4, 3)), (2, 6, 4, 3)),
        (ReflectedConv2d(3, 5, 3, bias=True), (2, 3, 4, 4)),
        (PixelShuffleConv2d(3, 2), (2, 12, 6, 5)),
    ],
)
def test_one_switch_selects_pytorchs_algorithms(
    monkeypatch: pytest.MonkeyPatch, layer: nn.Module, shape: tuple[int, ...]
) -> None:
    (x,) = tensors(shape)
    layer = layer.double()
    fast = layer(x)
    monkeypatch.setattr(cpu_convolution, "ENABLED", False)
    torch.testing.assert_close(layer(x), fast)


def test_the_switch_applies_to_instance_normalisation(monkeypatch: pytest.MonkeyPatch) -> None:
    (x,) = tensors((1, 3, 4, 4))
    monkeypatch.setattr(cpu_convolution, "ENABLED", False)
    monkeypatch.setattr(F, "batch_norm", None)
    torch.testing.assert_close(instance_norm(x, None, None, eps=1e-5), F.instance_norm(x))
