"""Parameter counts and layers of the residual generators of CycleGAN and StarGAN."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.nn.cpu_convolution import ReflectedConv2d
from gancli.nn.residual import residual_generator

STARGAN = {"blocks": 6, "norm": "instance_affine", "bias": False, "padding": "zeros", "kernel": 4}


@pytest.mark.parametrize(
    ("inputs", "options", "count"),
    [
        (3, {}, 11_378_179),
        (3, {"blocks": 6}, 7_837_699),
        (3, {"norm": "instance_affine"}, 11_388_675),
        (3, {"channels": 32}, 2_850_563),
        (3 + 5, STARGAN, 8_430_528),
        (3 + 8, STARGAN, 8_439_936),
        (3 + 5 + 8 + 2, STARGAN, 8_461_888),
    ],
)
def test_parameter_counts(inputs: int, options: dict[str, Any], count: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in residual_generator(inputs, 3, **options).parameters()) == count


@pytest.mark.parametrize("options", [{}, {"upsampling": "nearest"}, {"kernel": 4, "padding": "zeros"}])
def test_images_come_out_at_their_size(options: dict[str, Any]) -> None:
    drawn = residual_generator(1, 3, blocks=1, channels=2, **options)(10 * torch.randn(2, 1, 20, 36))
    assert drawn.shape == (2, 3, 20, 36)
    assert drawn.abs().max() <= 1


def plain(weights: list[tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
    """Compute CycleGAN's generator with one block from its kernels and biases in order."""

    def conv(x: Tensor, number: int, pad: int) -> Tensor:
        return F.conv2d(F.pad(x, (pad, pad, pad, pad), mode="reflect"), *weights[number])

    x = F.instance_norm(conv(x, 0, 3)).relu()
    x = F.instance_norm(F.conv2d(x, *weights[1], stride=2, padding=1)).relu()
    x = F.instance_norm(F.conv2d(x, *weights[2], stride=2, padding=1)).relu()
    x = x + F.instance_norm(conv(F.instance_norm(conv(x, 3, 1)).relu(), 4, 1))
    for number in (5, 6):
        x = F.conv_transpose2d(x, *weights[number], stride=2, padding=1, output_padding=1)
        x = F.instance_norm(x).relu()
    return conv(x, 7, 3).tanh()


def test_it_is_the_network_of_the_paper() -> None:
    torch.manual_seed(0)
    network = residual_generator(2, 3, blocks=1, channels=4)
    layers = [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.ConvTranspose2d)]
    image = torch.randn(2, 2, 16, 24)
    assert torch.allclose(network(image), plain([(each.weight, each.bias) for each in layers], image), atol=1e-5)


@pytest.mark.parametrize(("padding", "matters"), [("zeros", True), ("reflect", False)])
def test_a_constant_map_is_lost_behind_a_reflected_border(padding: Any, matters: bool) -> None:
    """Therefore a generator with constant label channels uses zero padding."""
    torch.manual_seed(0)
    network = residual_generator(1 + 2, 1, blocks=1, channels=4, padding=padding)
    image, maps = torch.randn(1, 1, 16, 16), torch.zeros(2, 2, 16, 16)
    maps[0, 0] = maps[1, 1] = 1
    first, second = (network(torch.cat([image, each[None]], 1)) for each in maps)
    assert bool((first - second).abs().max() > 1e-2) is matters
    assert matters or (first - second).abs().max() < 1e-4


def test_a_reflected_border_under_autocast_changes_no_bit() -> None:
    torch.manual_seed(0)
    layer = ReflectedConv2d(3, 4, 5, bias=True)
    x = torch.randn(2, 3, 8, 10)
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = layer(x), nn.Conv2d.forward(layer, x)
    assert ours.dtype == torch.bfloat16
    assert torch.equal(ours, theirs)
