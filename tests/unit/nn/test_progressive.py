from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.nn.progressive import EqualizedConv2d, EqualizedLinear, EqualizedUpConv2d

SMALL, LARGE = (1, 12, 4, 4), (4, 12, 16, 16)
"""Maps with fewer numbers than the weights of the layers below, and with more: the constant goes to either."""


def weights(layer: EqualizedConv2d | EqualizedLinear) -> Tensor:
    """Return the weights as in the paper, always multiplied by the constant."""
    inputs = layer.weight[0].numel()
    return layer.weight * math.sqrt(2 / inputs)


@pytest.mark.parametrize(
    "layer", [EqualizedConv2d(64, 96, 3), EqualizedUpConv2d(64, 96), EqualizedLinear(256, 300)], ids=repr
)
def test_weights_start_as_unit_normal_numbers_and_biases_at_zero(layer: nn.Module) -> None:
    """The standard deviation of n normal numbers misses 1 by more than 5 / sqrt(2 n) once in a million cases."""
    assert layer.weight.std().item() == pytest.approx(1, abs=5 / math.sqrt(2 * layer.weight.numel()))
    assert layer.weight.mean().item() == pytest.approx(0, abs=5 / math.sqrt(layer.weight.numel()))
    assert not layer.bias.any()


@pytest.mark.parametrize("shape", [SMALL, LARGE])
def test_a_convolution_is_one_with_multiplied_weights(shape: tuple[int, ...]) -> None:
    layer, x = EqualizedConv2d(12, 20, 3), torch.randn(shape)
    nn.init.normal_(layer.bias)
    assert torch.allclose(layer(x), F.conv2d(x, weights(layer), layer.bias, padding=1), atol=1e-5)


@pytest.mark.parametrize("count", [1, 500])
def test_a_linear_layer_is_one_with_multiplied_weights(count: int) -> None:
    layer, x = EqualizedLinear(12, 20), torch.randn(count, 12)
    nn.init.normal_(layer.bias)
    assert torch.allclose(layer(x), F.linear(x, weights(layer), layer.bias), atol=1e-5)
    assert EqualizedLinear(12, 20, bias=False).bias is None


@pytest.mark.parametrize("shape", [SMALL, LARGE])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_doubling_and_convolving_at_once_is_one_after_the_other(
    shape: tuple[int, ...], memory_format: torch.memory_format
) -> None:
    """Outputs and gradients are equal."""
    layer = EqualizedUpConv2d(12, 20).to(memory_format=memory_format)
    nn.init.normal_(layer.bias)
    x = torch.randn(shape).to(memory_format=memory_format).requires_grad_()
    enlarged = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    plain, ours = F.conv2d(enlarged, weights(layer), layer.bias, padding=1), layer(x)
    assert torch.allclose(ours, plain, atol=1e-5)
    gradients = (torch.autograd.grad(y.sin().sum(), (x, *layer.parameters())) for y in (ours, plain))
    for mine, theirs in zip(*gradients, strict=True):
        assert (mine - theirs).norm() <= 1e-5 * theirs.norm()


def test_the_second_moment_stays_through_layers_that_end_in_rectifiers() -> None:
    """The gain doubles the variance, and a leaky rectifier keeps (1 + 0.2^2) / 2 of it: 1.04."""
    torch.manual_seed(0)
    x = torch.randn(64, 256, 8, 8)
    outputs = EqualizedConv2d(256, 512, 1)(x)
    assert outputs.var().item() == pytest.approx(2, rel=0.02)
    assert F.leaky_relu(outputs, 0.2).square().mean().item() == pytest.approx(1.04, rel=0.02)
    assert EqualizedConv2d(256, 512, 1, gain=1.0)(x).var().item() == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("shape", [(1, 2, 2, 2), (3, 2, 4, 4)])
@pytest.mark.parametrize("layer", [EqualizedConv2d(2, 3, 3), EqualizedUpConv2d(2, 3)], ids=repr)
def test_can_be_differentiated_twice(layer: nn.Module, shape: tuple[int, ...]) -> None:
    layer.double()
    x = torch.randn(shape, dtype=torch.double, requires_grad=True)
    weight, bias = (parameter.detach().requires_grad_() for parameter in layer.parameters())

    def call(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        # The square makes the second derivative nonzero.
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,)).square()

    assert torch.autograd.gradgradcheck(call, (x, weight, bias))
