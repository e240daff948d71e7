"""Networks of Sajjadi et al. 2017, feature distances, and losses in closed form."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gancli.errors import DataError, UsageError
from gancli.family import DataSpec, Nets
from gancli.nn.imresize import degrade, imresize
from gancli.testing import context
from gancli_enhancenet.config import Config
from gancli_enhancenet.family import EnhanceNet
from gancli_enhancenet.networks import Generator
from gancli_enhancenet.perception import distance, normalised, texture_distance

SMALL: dict[str, Any] = {"blocks": 1, "channels": 4, "discriminator_channels": 2}
DATA = DataSpec(channels=3, height=32, width=48)


def make(**options: Any) -> EnhanceNet:
    return EnhanceNet(Config(**{**SMALL, **options}), DATA)


def images(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_parameter_counts() -> None:
    with torch.device("meta"):
        modules = EnhanceNet(Config(), DataSpec(channels=3, height=128, width=128)).build()
    counts = {name: sum(parameter.numel() for parameter in module.parameters()) for name, module in modules.items()}
    assert counts == {"generator": 852_867, "discriminator": 13_102_881}


def zeroed(network: nn.Module) -> nn.Module:
    """Return the network with zeros in its last layer."""
    last = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)][-1]
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    return network


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_without_its_last_layer_it_is_bicubic_to_the_bit(scale: int) -> None:
    network = zeroed(Generator(3, scale=scale, blocks=2, channels=4))
    small = images(2, 3, 5, 7)
    assert torch.equal(network(small), imresize(small, scale=scale))
    assert torch.allclose(network(small + 0.25), network(small) + 0.25, atol=1e-5)


def test_its_trunk_sees_43_pixels_of_a_small_image() -> None:
    """One convolution and ten blocks of two; each convolution adds one pixel on every side."""
    network = Generator(3, scale=4, blocks=10, channels=2).double()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 0.1)
    small = torch.ones(1, 3, 61, 61, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(network.body(network.head(small))[0, :, 30, 30].sum(), small)
    rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
    assert rows.tolist() == list(range(30 - 21, 30 + 22))


def test_normalised_features_have_mean_one() -> None:
    features = torch.rand(3, 5, 4, 6) * torch.tensor([1.0, 10.0, 1e-3]).view(3, 1, 1, 1)
    assert torch.allclose(normalised(features).mean((1, 2, 3)), torch.ones(3))
    assert torch.equal(normalised(torch.zeros(1, 2, 3, 3)), torch.zeros(1, 2, 3, 3))


def test_distances_know_no_scale() -> None:
    one, other = (torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert distance(one, one).item() == 0
    assert distance(one, other).item() == pytest.approx(distance(9 * one, 9 * other).item(), rel=1e-5)
    assert texture_distance(one, one, patch=4).item() == 0


def test_texture_does_not_see_where_within_a_patch() -> None:
    """Permuting pixels within a patch changes nothing; exchanging pixels of two patches does."""
    features = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    within, across = features.clone(), features.clone()
    within[:, :, :4, :4] = features[:, :, :4, :4].flatten(2)[:, :, torch.randperm(16)].view(1, 3, 4, 4)
    across[:, :, 0, 3], across[:, :, 0, 4] = features[:, :, 0, 4], features[:, :, 0, 3]
    assert texture_distance(features, within, patch=4).item() < 1e-20
    assert texture_distance(features, across, patch=4).item() > 1e-6
    assert texture_distance(features, across, patch=8).item() < 1e-20


def test_texture_by_hand() -> None:
    """Two channels and one patch of 2x2 pixels, then an additional incomplete patch."""
    features = torch.tensor([[[[1.0, 0], [1, 0]], [[0, 2.0], [2, 2]]]])
    wanted = torch.ones(1, 2, 2, 2)
    # The mean is 1, so normalisation changes nothing: Gram matrices (2, 2; 2, 12) and (4, 4; 4, 4).
    assert texture_distance(features, wanted, patch=2).item() == (4 + 4 + 4 + 64) / 4
    wider = [torch.cat((each, each.mean() * torch.ones(1, 2, 2, 1)), 3) for each in (features, wanted)]
    assert texture_distance(*wider, patch=2).item() == (4 + 4 + 4 + 64) / 4


class ConstantDiscriminator(nn.Module):
    """Discriminator with the same logit for every image, which records its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(()))
        self.seen: list[Tensor] = []

    def forward(self, image: Tensor) -> Tensor:
        self.seen.append(image)
        return self.logit.expand(len(image), 1)


@pytest.mark.parametrize(
    ("loss", "terms", "weight"),
    [
        ("E", {"pixels"}, 0),
        ("P", {"content"}, 0),
        ("EA", {"pixels", "adversarial"}, 1e-3),
        ("PA", {"content", "adversarial"}, 1),
        ("EAT", {"pixels", "adversarial", "texture"}, 1e-3),
        ("PAT", {"content", "adversarial", "texture"}, 2),
    ],
)
def test_what_each_loss_is_made_of(vgg: Path, loss: str, terms: set[str], weight: float) -> None:
    family, constant, ctx = make(loss=loss, features_file=vgg, texture_patch=4), ConstantDiscriminator(), context()
    inputs = {"image": images(2, 3, 32, 48)}
    built = family.build()
    assert ("discriminator" in built) == ("A" in loss)
    assert ("features" in built) == bool({"P", "T"} & set(loss))
    zeroed(built["generator"])
    found = {
        turn.player: dict(turn.loss(Nets({**built, "discriminator": constant}), inputs, ctx)) for turn in turns(family)
    }
    assert set(found["generator"]) == terms
    assert len(found) == (2 if weight else 1)
    if "E" in loss:
        lacking = (imresize(degrade(inputs["image"], 4), scale=4) - inputs["image"]) / 2
        assert found["generator"]["pixels"].item() == pytest.approx(lacking.square().mean().item(), rel=1e-6)
    if weight:
        assert found["generator"]["adversarial"].item() == pytest.approx(weight * math.log(2), rel=1e-6)
        assert {name: round(term.item(), 5) for name, term in found["discriminator"].items()} == {
            "real": round(math.log(2), 5),
            "fake": round(math.log(2), 5),
        }
        generated, real, fake = constant.seen
        assert torch.equal(generated, fake)
        assert torch.equal(real, inputs["image"])


def turns(family: EnhanceNet) -> Any:
    return family.stages()[1].turns


def test_equal_images_are_no_loss_by_features_and_textures(vgg: Path) -> None:
    family = make(loss="PAT", features_file=vgg, texture_patch=4)
    nets, image = Nets(family.build()), images(2, 3, 32, 48)
    assert all(term.item() == 0 for term in family._perceptual(nets, image, image).values())
    other = image.flip(0).requires_grad_()
    for term in family._perceptual(nets, other, image).values():
        (gradient,) = torch.autograd.grad(term, other, retain_graph=True)
        assert gradient.abs().max() > 0


def test_the_discriminator_may_rest() -> None:
    generator, discriminator = turns(make(discriminator_every=3))
    assert (generator.every, discriminator.every) == (1, 3)


def test_missing_features_are_told_before_training(tmp_path: Path) -> None:
    family = make(loss="P", features_file=tmp_path / "vgg19-dcbb9e9d.pth")
    family.build()  # as when loading a trained model, which needs no features
    with pytest.raises(DataError, match="features_file"):
        family.players()


@pytest.mark.parametrize(
    ("options", "size", "message"),
    [({}, (30, 32), "multiple of 4"), ({"loss": "P"}, (16, 32), "32x32 or more"), ({"loss": "PAT"}, (48, 64), "64x64")],
)
def test_images_that_are_too_small(options: dict[str, Any], size: tuple[int, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        EnhanceNet(Config(**options), DataSpec(channels=3, height=size[0], width=size[1])).build()
