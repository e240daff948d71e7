from __future__ import annotations

import math

import torch
from torch import nn

from gancli.nn.dcgan import InstanceNoise, strided_discriminator


def test_noise_has_its_standard_deviation_in_training_and_is_gone_in_evaluation() -> None:
    torch.manual_seed(0)
    layer, images = InstanceNoise(0.2), torch.zeros(50, 1, 20, 20)
    added = layer(images)
    assert abs(added.std().item() / 0.2 - 1) < 5 / math.sqrt(2 * added.numel())
    assert abs(added.mean().item()) < 5 * 0.2 / math.sqrt(added.numel())
    assert torch.equal(layer.eval()(images), images)


def test_it_stands_before_everything_else() -> None:
    network = strided_discriminator((1, 16, 16), channels=2, noise=0.2)
    assert isinstance(network[0], InstanceNoise)
    assert [type(layer) for layer in network[1:]] == [
        type(layer) for layer in strided_discriminator((1, 16, 16), channels=2)
    ]
    assert not [layer for layer in network[:3] if isinstance(layer, nn.BatchNorm2d)]
