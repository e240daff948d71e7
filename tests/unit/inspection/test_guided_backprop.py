"""Guided backpropagation, compared with known gradients."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from gancli.inspection.guided_backprop import guided_gradients, layer_responses
from gancli.nn.layers import Maxout


def linear(*rows: list[float]) -> nn.Linear:
    layer = nn.Linear(len(rows[0]), len(rows), bias=False)
    layer.weight.data = torch.tensor(rows)
    return layer


def guided(discriminator, images: Tensor, *, layer: int = -1, feature: int = 0) -> Tensor:
    features = torch.full((len(images),), feature)
    return guided_gradients(discriminator, images, None, layer=layer, features=features)


def plain(discriminator, images: Tensor, *, layer: int, feature: int) -> Tensor:
    images = images.clone().requires_grad_()
    activation = discriminator.activations(images)[layer][:, feature]
    return torch.autograd.grad(activation.reshape(len(images), -1).amax(1).sum(), images)[0]


@pytest.mark.parametrize("rectifier", [nn.ReLU(), nn.LeakyReLU(0.2), nn.PReLU(), nn.ELU()])
def test_on_a_positive_path_it_is_the_plain_gradient(make_discriminator, rectifier: nn.Module) -> None:
    weights = torch.rand(4, 3), torch.rand(2, 4)
    network = nn.Sequential(
        nn.Flatten(), linear(*weights[0].tolist()), rectifier, linear(*weights[1].tolist()), rectifier
    )
    images = torch.rand(5, 3, 1, 1)
    expected = (weights[1] @ weights[0])[1].expand(5, 3).reshape(5, 3, 1, 1)
    torch.testing.assert_close(guided(make_discriminator(network), images, feature=1), expected)


def test_a_unit_that_does_not_respond_has_no_gradient(make_discriminator) -> None:
    network = nn.Sequential(nn.Flatten(), linear([-1.0, -2.0]), nn.LeakyReLU(0.2))
    images = torch.rand(3, 2, 1, 1) + 0.1
    assert not guided(make_discriminator(network), images).any()
    assert plain(make_discriminator(network), images, layer=-1, feature=0).all()


def test_a_rectifier_stops_what_is_negative_in_either_direction(make_discriminator) -> None:
    """The first hidden unit increases the output, the second decreases it, the third is inactive. Only one passes."""
    first = linear([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0])
    network = nn.Sequential(nn.Flatten(), first, nn.LeakyReLU(0.5), linear([2.0, -1.0, 3.0]), nn.LeakyReLU(0.5))
    image = torch.tensor([1.0, 1.0, 0.1]).reshape(1, 3, 1, 1)
    assert guided(make_discriminator(network), image).flatten().tolist() == [2, 0, 0]
    assert plain(make_discriminator(network), image, layer=-1, feature=0).flatten().tolist() == [2, -1, -1.5]


def test_of_a_map_only_the_largest_response_counts(make_discriminator) -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU())
    network[0].weight.data.fill_(3.0)
    image = torch.tensor([[0.1, 0.9], [0.5, -1.0]]).reshape(1, 1, 2, 2)
    assert guided(make_discriminator(network), image).flatten().tolist() == [0, 3, 0, 0]


def test_a_maxout_unit_passes_the_gradient_of_its_largest_piece(make_discriminator) -> None:
    network = nn.Sequential(nn.Flatten(), Maxout(2, 1, pieces=2))
    network[1].linear.weight.data = torch.tensor([[1.0, -2.0], [-0.5, 0.0]])
    network[1].linear.bias.data.zero_()
    assert guided(make_discriminator(network), torch.ones(1, 2, 1, 1)).flatten().tolist() == [-0.5, 0]


def test_nothing_is_left_behind(convolutional, images: Tensor) -> None:
    network = convolutional.modules["discriminator"]
    before = copy.deepcopy(network.state_dict())
    scores = convolutional(images)
    guided(convolutional, images)
    layer_responses(convolutional, [(images, None)])
    assert all(not part._forward_hooks and not part._backward_hooks for part in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(convolutional(images), scores)
    assert not images.requires_grad


def test_other_weights_give_other_gradients(convolutional, images: Tensor) -> None:
    fresh = copy.deepcopy(convolutional)
    torch.manual_seed(9)
    for part in fresh.modules["discriminator"].modules():
        if isinstance(part, nn.Conv2d):
            part.reset_parameters()
    assert not torch.equal(guided(convolutional, images), guided(fresh, images))


def test_layers_hold_the_largest_response_of_every_map(convolutional, images: Tensor) -> None:
    found = layer_responses(convolutional, ((part, None) for part in images.split(5)))
    assert [(layer.index, layer.size, layer.responses.shape) for layer in found] == [
        (0, (4, 4), (12, 4)),
        (1, (2, 2), (12, 6)),
    ]
    expected = convolutional.activations(images)[1].amax((2, 3))
    torch.testing.assert_close(found[1].responses, expected)


def test_the_most_active_come_first(convolutional, images: Tensor) -> None:
    layer = layer_responses(convolutional, [(images, None)])[1]
    means = layer.responses.mean(0)[layer.most_active(9)]
    assert len(means) == 6
    assert means.tolist() == sorted(means.tolist(), reverse=True)
    features = layer.most_active(2)
    rows = layer.strongest(features, 3)
    assert rows.shape == (2, 3)
    for feature, row in zip(features, rows, strict=True):
        assert layer.responses[row, feature].tolist() == layer.responses[:, feature].topk(3).values.tolist()


def test_a_layer_of_the_label_alone_is_passed_over(make_discriminator) -> None:
    class OfBoth(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.of_label, self.of_image = nn.ReLU(), nn.ReLU()

        def forward(self, image: Tensor, label: Tensor) -> Tensor:
            return self.of_label(label.float())[:, None] + self.of_image(image).flatten(1)

    labels = torch.tensor([1, 2])
    (layer,) = layer_responses(make_discriminator(OfBoth(), conditional=True), [(torch.ones(2, 1, 2, 2), labels)])
    assert layer.index == 1
