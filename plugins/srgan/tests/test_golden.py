"""Networks of Ledig et al. 2017, and losses in closed form."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gancli.errors import DataError, UsageError
from gancli.family import DataSpec, Nets
from gancli.family.optim import Clock
from gancli.nn.cpu_convolution import PixelShuffleConv2d
from gancli.nn.imresize import degrade, imresize
from gancli.testing import context
from gancli_srgan.config import Config
from gancli_srgan.family import SRGAN
from gancli_srgan.networks import SRResNet

SMALL: dict[str, Any] = {"blocks": 1, "channels": 4, "discriminator_channels": 2}
BICUBIC = {"residual": "bicubic", "norm": "none"}
DATA = DataSpec(channels=3, height=16, width=24)


def make(**options: Any) -> SRGAN:
    return SRGAN(Config.model_validate({**SMALL, **options}), DATA)


def images(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("options", "generator"),
    [({}, 1_549_462), ({"blocks": 5}, 734_219), ({"norm": "none"}, 1_549_462 - 33 * 2 * 64)],
)
def test_parameter_counts(options: dict[str, Any], generator: int) -> None:
    with torch.device("meta"):
        modules = SRGAN(Config.model_validate(options), DataSpec(channels=3, height=96, width=96)).build()
    assert parameters(modules["generator"]) == generator
    assert parameters(modules["discriminator"]) == 23_565_505


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("size", [(1, 1), (5, 8)])
def test_images_grow_by_the_scale(scale: int, size: tuple[int, int]) -> None:
    family = SRGAN(Config.model_validate({**SMALL, "scale": scale}), DataSpec(channels=3, height=16, width=24))
    nets = Nets({name: module.eval() for name, module in family.build().items()})
    assert family.upscale(nets, images(2, 3, *size)).shape == (2, 3, scale * size[0], scale * size[1])


def test_the_last_convolution_is_that_behind_the_shuffle() -> None:
    torch.manual_seed(0)
    ours = PixelShuffleConv2d(3, 2).double()
    plain = nn.Conv2d(3, 2, 9, padding=4).double()
    plain.load_state_dict(ours.state_dict())
    blocks = images(2, 12, 6, 5).double()
    results = ours(blocks), plain(nn.functional.pixel_shuffle(blocks, 2))
    assert torch.allclose(*results, atol=1e-12)
    weights = (ours.weight, plain.weight)
    gradients = [torch.autograd.grad(y.square().sum(), each) for y, each in zip(results, weights, strict=True)]
    assert torch.allclose(gradients[0][0], gradients[1][0], atol=1e-12)


def test_over_bicubic_it_begins_as_bicubic_to_the_bit() -> None:
    small = images(2, 3, 5, 7)
    assert torch.equal(make(**BICUBIC).build()["generator"](small), imresize(small, scale=4))


def test_in_use_an_image_depends_on_no_other() -> None:
    family = make()
    nets = Nets({name: module.eval() for name, module in family.build().items()})
    small = images(3, 3, 4, 6)
    whole = family.upscale(nets, small)
    assert torch.allclose(whole[:1], family.upscale(nets, small[:1]), atol=1e-6)


def test_small_images_are_those_of_files() -> None:
    """The input of the generator is the output of `degrade` with 256 levels, never the original."""
    seen: list[Tensor] = []

    class Enlarger(nn.Module):
        def forward(self, small: Tensor) -> Tensor:
            seen.append(small)
            return imresize(small, scale=4)

    family, inputs = make(), {"image": images(2, 3, 16, 24)}
    terms = family.mse_loss(Nets({"generator": Enlarger()}), inputs, context())
    assert torch.equal(seen[0], degrade(inputs["image"], 4))
    levels = (seen[0] + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-4)
    expected = (imresize(seen[0], scale=4) - inputs["image"]).square().mean()
    assert terms["mse"].item() == pytest.approx(expected.item(), rel=1e-6)


class ConstantDiscriminator(nn.Module):
    """Discriminator with the same logit for every image, which records its inputs."""

    def __init__(self, logit: float = 0.0) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(logit))
        self.seen: list[Tensor] = []

    def forward(self, image: Tensor) -> Tensor:
        self.seen.append(image)
        return self.logit.expand(len(image), 1)


def play(
    discriminator: ConstantDiscriminator, **options: Any
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Tensor]]:
    family, ctx, inputs = make(**options), context(), {"image": images(2, 3, 16, 24)}
    nets = Nets({**family.build(), "discriminator": discriminator})
    return {turn.player: dict(turn.loss(nets, inputs, ctx)) for turn in family.stages()[1].turns}, inputs


def test_an_undecided_discriminator_is_at_the_optimum() -> None:
    discriminator = ConstantDiscriminator()
    terms, inputs = play(discriminator, adversarial_weight=1e-3)
    assert list(terms) == ["generator", "discriminator"]
    assert terms["generator"]["adversarial"].item() == pytest.approx(1e-3 * math.log(2), rel=1e-6)
    for name in ("real", "fake"):
        assert terms["discriminator"][name].item() == pytest.approx(math.log(2), rel=1e-6)
    generated, real, fake = discriminator.seen
    assert torch.equal(generated, fake)
    assert torch.equal(real, inputs["image"])


def test_content_in_pixels() -> None:
    """The generator starts as bicubic upscaling, whose content loss is known."""
    inputs = images(2, 3, 16, 24)
    lacking = imresize(degrade(inputs, 4), scale=4) - inputs
    for content, expected in (("mse", lacking.square().mean()), ("l1", lacking.abs().mean())):
        terms, _ = play(ConstantDiscriminator(), content=content, content_weight=3.0, **BICUBIC)
        assert terms["generator"]["content"].item() == pytest.approx(3 * expected.item(), rel=1e-6)
    terms, _ = play(ConstantDiscriminator(), content_weight=0.0)
    assert list(terms["generator"]) == ["adversarial"]


@pytest.mark.parametrize("content", ["vgg22", "vgg54"])
def test_content_in_features(vgg: Path, content: str) -> None:
    family = make(content=content, features_file=vgg, vgg_scale=0.5, **BICUBIC)
    twice = make(content=content, features_file=vgg, vgg_scale=1.0, **BICUBIC)
    nets, inputs = Nets(family.build()), images(2, 3, 16, 24)
    assert family.content_loss(nets, inputs, inputs).item() == 0
    other = inputs.flip(0).requires_grad_()
    loss = family.content_loss(nets, other, inputs)
    assert loss.item() > 0
    assert twice.content_loss(nets, other, inputs).item() == pytest.approx(4 * loss.item(), rel=1e-6)
    (gradient,) = torch.autograd.grad(loss, other)
    assert gradient.abs().max() > 0


def test_features_belong_to_nobody_and_to_no_checkpoint(vgg: Path) -> None:
    family = make(content="vgg22", features_file=vgg)
    features = family.build()["features"]
    assert "features" not in {name for player in family.players() for name in player.modules}
    features(images(1, 3, 8, 8))
    assert not features.state_dict()
    assert not list(features.parameters())


def test_missing_features_are_told_before_the_first_stage(tmp_path: Path) -> None:
    family = make(content="vgg54", features_file=tmp_path / "vgg19-dcbb9e9d.pth")
    family.build()  # as when loading a trained model, which needs no features
    with pytest.raises(DataError, match="features_file"):
        family.players()


def test_without_adversarial_stages_nobody_judges() -> None:
    family = make(adversarial_images=0, fine_images=0, content="vgg54")
    assert list(family.build()) == ["generator"]
    assert [player.name for player in family.players()] == ["generator"]


def test_the_published_schedule() -> None:
    """10^6 steps of 16 images, then 10^5 with a discriminator, then 10^5 with a tenth of the learning rate."""
    family = SRGAN(Config(), DataSpec(channels=3, height=96, width=96))
    assert [stage.images for stage in family.stages()] == [16 * 10**6, 16 * 10**5, 16 * 10**5]
    for player, starts in zip(family.players(), ((0, 16_000_000, 17_600_000), (16_000_000, 17_600_000)), strict=True):
        assert player.optimizer.betas == (0.9, 0.999)  # type: ignore[union-attr]
        for start, rate in zip(starts, (1e-4, 1e-4, 1e-5)[-len(starts) :], strict=True):
            clock = Clock(images=start, total=19_200_000, updates=0)
            assert player.optimizer.lr * player.lr_schedule(clock) == pytest.approx(rate)


def test_what_cannot_be_reduced_or_squashed_is_refused() -> None:
    with pytest.raises(UsageError, match=r"16x24 cannot be downscaled by 8|data\.resolution"):
        SRGAN(Config(scale=8), DataSpec(channels=3, height=20, width=24)).build()
    with pytest.raises(UsageError, match=r"model\.residual"):
        make(tanh=True, residual="bicubic").build()


def test_tanh_bounds_the_images() -> None:
    network = SRResNet(3, scale=2, blocks=0, channels=4, norm="none", bicubic=False, tanh=True)
    nn.init.constant_(network.tail.weight, 100.0)
    assert network(images(1, 3, 4, 4)).abs().max() <= 1
