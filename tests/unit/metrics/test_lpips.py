"""LPIPS, compared with a plain implementation of its definition and with its authors' package."""

from __future__ import annotations

import math
import warnings
from typing import Any

import lpips
import pytest
import torch
import torchvision
from torch import Tensor, nn

from gancli.errors import DataError
from gancli.metrics.lpips import ARCHITECTURES, LPIPS

NAMES = {"alexnet": "alex", "vgg16": "vgg"}
"""Names of the trunks in the authors' package."""


def trunk_of(name: str) -> nn.Sequential:
    """Return the convolutions of a trunk with small random biases, so that features vary with the position."""
    torch.manual_seed(0)
    layers: nn.Sequential = torchvision.models.get_model(name, weights=None).features
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.uniform_(layer.bias, -0.1, 0.1)
    return layers.eval().requires_grad_(False)


def heads_of(layers: nn.Sequential, taps: tuple[int, ...]) -> dict[str, Tensor]:
    channels = [max(i for i in range(tap) if isinstance(layers[i], nn.Conv2d)) for tap in taps]
    generator = torch.Generator().manual_seed(1)
    return {
        f"lin{number}.model.1.weight": torch.rand(1, layers[place].out_channels, 1, 1, generator=generator)
        for number, place in enumerate(channels)
    }


def state(layers: nn.Sequential) -> dict[str, Tensor]:
    whole = {f"features.{key}": tensor.clone() for key, tensor in layers.state_dict().items()}
    return {**whole, "classifier.1.weight": torch.zeros(1)}  # not used


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def made(request: pytest.FixtureRequest) -> tuple[LPIPS, nn.Sequential, dict[str, Tensor]]:
    layers = trunk_of(request.param)
    heads = heads_of(layers, ARCHITECTURES[request.param].taps)
    return LPIPS(request.param, trunk=state(layers), heads=heads), layers, heads


def pair(count: int = 2, side: tuple[int, int] = (48, 64), channels: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    first, second = (torch.rand(count, channels, *side, generator=generator) * 2 - 1 for _ in range(2))
    return first, second


def test_equal_images_have_none(made: Any) -> None:
    image, _ = pair()
    assert made[0](image, image).tolist() == [0, 0]


def test_it_is_symmetric_positive_and_the_same_for_a_pair_alone(made: Any) -> None:
    first, second = pair()
    there = made[0](first, second)
    assert there.shape == (2,)
    assert bool((there > 0).all())
    assert torch.equal(there, made[0](second, first))
    torch.testing.assert_close(made[0](first[1:], second[1:]), there[1:])


def test_grey_is_three_times_the_same(made: Any) -> None:
    grey = pair(channels=1)
    assert torch.equal(made[0](*grey), made[0](*(each.repeat(1, 3, 1, 1) for each in grey)))


def test_it_is_the_definition(made: Any) -> None:
    """Position by position, with normalised feature vectors."""
    network, layers, heads = made
    first, second = pair(1, (32, 36))
    mean = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    deviation = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    expected = 0.0
    for number, tap in enumerate(ARCHITECTURES[network.name].taps):
        features = [layers[: tap + 1]((image - mean) / deviation)[0] for image in (first, second)]
        head = heads[f"lin{number}.model.1.weight"].flatten()
        _, height, width = features[0].shape
        for row in range(height):
            for column in range(width):
                a, b = (each[:, row, column] for each in features)
                a, b = a / (math.sqrt(float(a @ a)) + 1e-10), b / (math.sqrt(float(b @ b)) + 1e-10)
                expected += float(head @ (a - b) ** 2) / (height * width)
    assert network(first, second).item() == pytest.approx(expected, rel=1e-4)


def test_places_without_features_are_no_numbers_divided_by_zero(made: Any) -> None:
    """Where all features are 0, both lengths and the difference are 0."""
    network, layers, heads = made
    dead = {key: torch.zeros_like(tensor) for key, tensor in state(layers).items()}
    assert LPIPS(network.name, trunk=dead, heads=heads)(*pair()).tolist() == [0, 0]


def test_it_is_what_its_authors_program_says(made: Any) -> None:
    """With the weights of the authors' package for the channels, and our weights for the network."""
    network, layers, _ = made
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision warns about the arguments
        reference = lpips.LPIPS(net=NAMES[network.name], pnet_rand=True, verbose=False)
    for part in reference.net.children():
        for place, layer in part.named_children():
            layer.load_state_dict(layers[int(place)].state_dict())
    heads = {key: tensor for key, tensor in reference.state_dict().items() if key.startswith("lin") and "s." not in key}
    ours = LPIPS(network.name, trunk=state(layers), heads=heads)
    first, second = pair(3, (65, 71))
    with torch.no_grad():
        expected = reference(first, second).flatten()
    torch.testing.assert_close(ours(first, second), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_the_smallest_image_and_one_that_is_too_small(name: str) -> None:
    layers, side = trunk_of(name), ARCHITECTURES[name].min_side
    network = LPIPS(name, trunk=state(layers), heads=heads_of(layers, ARCHITECTURES[name].taps))
    assert network(*pair(1, (side, side))).item() > 0
    with pytest.raises(DataError, match=rf"{side - 1}x90 are too small for {name}, which requires {side}x{side}"):
        network(*pair(1, (side - 1, 90)))
