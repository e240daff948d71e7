from __future__ import annotations

import torch
from torch import nn

from gancli.data.spec import DataSpec
from gancli.nn.mlp import mlp_discriminator, mlp_generator

IMAGES = DataSpec(channels=3, height=4, width=6)
POINTS = DataSpec(channels=2, height=1, width=1, kind="points")


def test_images_end_in_a_tanh_and_points_do_not() -> None:
    for data, bounded in ((IMAGES, True), (POINTS, False)):
        network = mlp_generator(5, (8, 7), data, activation=nn.ReLU)
        drawn = network(1e4 * torch.ones(2, 5))
        assert drawn.shape == (2, *data.shape)
        assert bool(drawn.abs().max() <= 1) == bounded


def test_layers_follow_the_widths() -> None:
    network = mlp_generator(5, (8, 7), IMAGES, activation=nn.ELU, batch_norm=True)
    hidden = [nn.Linear, nn.BatchNorm1d, nn.ELU]
    assert [type(layer) for layer in network] == [*hidden, *hidden, nn.Linear, nn.Tanh, nn.Unflatten]
    discriminator = mlp_discriminator(IMAGES, (8, 7), activation=nn.ELU, dropout=0.3, outputs=4)
    hidden = [nn.Linear, nn.ELU, nn.Dropout]
    assert [type(layer) for layer in discriminator] == [nn.Flatten, *hidden, *hidden, nn.Linear]
    for net, sizes in ((network, [5, 8, 7, 72]), (discriminator, [72, 8, 7, 4])):
        dense = [layer for layer in net if isinstance(layer, nn.Linear)]
        assert [dense[0].in_features, *(layer.out_features for layer in dense)] == sizes
    assert discriminator(torch.zeros(2, *IMAGES.shape)).shape == (2, 4)
