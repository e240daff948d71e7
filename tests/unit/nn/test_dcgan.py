"""Sizes, shapes and layers of the strided networks, compared with PyTorch's convolutions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.nn.dcgan import (
    MAX_CHANNELS,
    FromImage,
    Kernel,
    LatentToMap,
    MapToVector,
    ToImage,
    initialise_normal,
    strided_discriminator,
    strided_generator,
)

SIDES = range(1, 261)


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("base", [(4, 4), (4, 7)])
def test_project_is_a_transposed_convolution(base: tuple[int, int], memory_format: torch.memory_format) -> None:
    layer = LatentToMap(5, 3, base).double().to(memory_format=memory_format)
    x = draw(6, 5)
    maps = layer(x)
    assert maps.shape == (6, 3, *base)
    assert torch.allclose(maps, nn.ConvTranspose2d.forward(layer, x[:, :, None, None]), rtol=1e-12)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("base", [(4, 4), (4, 7)])
def test_collapse_is_a_convolution(base: tuple[int, int], memory_format: torch.memory_format) -> None:
    layer = MapToVector(5, 3, base).double().to(memory_format=memory_format)
    x = draw(6, 5, *base).to(memory_format=memory_format)
    outputs = layer(x)
    assert outputs.shape == (6, 3)
    assert torch.allclose(outputs, nn.Conv2d.forward(layer, x).flatten(1), rtol=1e-12)


def fitting(kernel: Kernel) -> list[int]:
    """Return the sides of squares that the networks support."""
    sides = []
    for side in SIDES:
        try:
            with torch.device("meta"):
                strided_generator(1, (1, side, side), channels=1, kernel=kernel)
        except UsageError:
            continue
        sides.append(side)
    return sides


def test_a_kernel_of_4_doubles_a_base_of_4_to_7() -> None:
    assert fitting(4) == sorted(base << times for base in range(4, 8) for times in range(2, 7) if base << times < 261)


def test_a_kernel_of_5_takes_any_side_that_can_be_halved_twice() -> None:
    assert fitting(5) == [side for side in SIDES if side >= 13]


@pytest.mark.parametrize("size", [(16, 16), (17, 17), (28, 28), (29, 31), (45, 30), (99, 101), (13, 52)])
def test_a_kernel_of_5_meets_odd_sides(size: tuple[int, int]) -> None:
    with torch.device("meta"):
        images = strided_generator(2, (3, *size), channels=1, kernel=5)(torch.zeros(2, 2))
        outputs = strided_discriminator((3, *size), channels=1, kernel=5)(images)
    assert images.shape == (2, 3, *size)
    assert outputs.shape == (2, 1)


@pytest.mark.parametrize("kernel", [4, 5])
def test_channels_double_up_to_a_limit(kernel: Kernel) -> None:
    with torch.device("meta"):
        network = strided_discriminator((3, 256, 256), channels=96, kernel=kernel)
        mirror = strided_generator(8, (3, 256, 256), channels=96, kernel=kernel)
    down = [layer.out_channels for layer in network if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2)]
    up = [layer.in_channels for layer in mirror if isinstance(layer, nn.ConvTranspose2d) and layer.stride == (2, 2)]
    assert down == [96, 192, 384, 768, MAX_CHANNELS, MAX_CHANNELS]
    assert up == down[::-1]


def test_outputs_norm_and_bias_are_as_asked_for() -> None:
    network = strided_discriminator((1, 16, 16), channels=2, norm=nn.InstanceNorm2d, bias=True, outputs=5)
    assert network(torch.zeros(3, 1, 16, 16)).shape == (3, 5)
    assert [type(layer) for layer in network if "Norm" in type(layer).__name__] == [nn.InstanceNorm2d]
    assert network[0].bias is not None
    plain = strided_generator(4, (1, 16, 16), channels=2, norm=False)
    assert not [layer for layer in plain if isinstance(layer, nn.BatchNorm2d)]


def test_initialisation_reaches_every_kind_of_layer() -> None:
    """Subclasses and fully connected layers too; standard deviations are within five standard errors."""
    torch.manual_seed(0)
    for layer in (LatentToMap(64, 32, (4, 4)), MapToVector(64, 32, (4, 4)), nn.Linear(64, 64), nn.Conv2d(16, 16, 4)):
        initialise_normal(nn.Sequential(layer), 0.05)
        assert abs(layer.weight.std().item() / 0.05 - 1) < 5 / math.sqrt(2 * layer.weight.numel())
        assert layer.bias is None or not layer.bias.any()
    norm = nn.BatchNorm2d(4_000)
    initialise_normal(norm)
    assert abs(norm.weight.mean().item() - 1) < 5 * 0.02 / math.sqrt(4_000)
    assert abs(norm.weight.std().item() / 0.02 - 1) < 5 / math.sqrt(2 * 4_000)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bias", [False, True])
def test_layers_beside_the_image_equal_the_general_ones(channels: int, bias: bool) -> None:
    """Values, gradients and second derivatives are equal."""
    torch.manual_seed(0)
    for special, general, inputs in (
        (FromImage(channels, 5, bias=bias), nn.Conv2d.forward, channels),
        (ToImage(5, channels, bias=bias), nn.ConvTranspose2d.forward, 5),
    ):
        special = special.double()
        x = torch.randn(2, inputs, 8, 12, dtype=torch.float64, requires_grad=True)
        results = []
        for outputs in (special(x), general(special, x)):
            (gradient,) = torch.autograd.grad(outputs.square().sum(), x, create_graph=True)
            (second,) = torch.autograd.grad(gradient.square().sum(), special.weight)
            results.append((outputs, gradient, second))
        for ours, theirs in zip(*results, strict=True):
            assert torch.allclose(ours, theirs, rtol=1e-10)
