"""The discriminator that SRGAN and EnhanceNet share, and the check of image sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gancli.errors import UsageError
from gancli.nn.super_resolution import check_divisible, vgg_discriminator


@pytest.mark.parametrize(("halvings", "norm", "parameters"), [(4, True, 23_565_505), (5, False, 13_102_881)])
def test_published_sizes(halvings: int, norm: bool, parameters: int) -> None:
    side, channels = (96, 64) if norm else (128, 32)
    with torch.device("meta"):
        network = vgg_discriminator((3, side, side), channels=channels, halvings=halvings, norm=norm)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv2d)]
    assert [layer.stride[0] for layer in convolutions] == [1, 2] * halvings
    norms = sum(isinstance(layer, nn.BatchNorm2d) for layer in network)
    assert norms == (2 * halvings - 1 if norm else 0)


def test_odd_sides_are_rounded_up() -> None:
    network = vgg_discriminator((1, 9, 17), channels=2, halvings=2, norm=True)
    assert network(torch.zeros(3, 1, 9, 17)).shape == (3, 1)


def test_sides_must_be_multiples_of_the_scale() -> None:
    check_divisible((3, 16, 24), 8)
    with pytest.raises(UsageError, match=r"16x20 cannot be downscaled by 8; set data\.resolution to a multiple of 8"):
        check_divisible((3, 16, 20), 8)
