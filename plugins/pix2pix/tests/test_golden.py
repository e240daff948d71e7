"""Networks of Isola et al. 2017, and losses in closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.family import Adam, DataSpec, Nets
from gancli.testing import context
from gancli_pix2pix.config import Config
from gancli_pix2pix.family import Pix2Pix

SMALL = {"channels": 2}


def pairs(side: int, *, source: int = 3, target: int = 3) -> DataSpec:
    return DataSpec(channels=target, height=side, width=side, channels_of={"source": source, "target": target})


def batch(data: DataSpec, size: int = 4) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {key: torch.rand(size, *data.shape_of(key), generator=generator) * 2 - 1 for key in ("source", "target")}


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("side", "generator", "discriminator"), [(256, 54_413_955, 2_768_705), (128, 41_828_995, 2_768_705)]
)
def test_parameter_counts(side: int, generator: int, discriminator: int) -> None:
    with torch.device("meta"):
        modules = Pix2Pix(Config(), pairs(side)).build()
    assert parameters(modules["generator"]) == generator
    assert parameters(modules["discriminator"]) == discriminator


def test_weights_are_drawn_as_in_the_paper() -> None:
    """Weights have a standard deviation of 0.02, scales a mean of 1, each within five standard errors; shifts are 0."""
    torch.manual_seed(0)
    for module in Pix2Pix(Config(channels=16), pairs(32)).build().values():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                weight = layer.weight
                assert abs(weight.std().item() / 0.02 - 1) < 5 / math.sqrt(2 * weight.numel())
                assert layer.bias is None or not layer.bias.any()
            elif isinstance(layer, nn.BatchNorm2d):
                assert abs(layer.weight.mean().item() - 1) < 5 * 0.02 / math.sqrt(layer.weight.numel())
                assert layer.weight.std().item() > 0
                assert not layer.bias.any()


class ConstantDiscriminator(nn.Module):
    """Discriminator with the same logits everywhere, which records its inputs."""

    def __init__(self, logit: float = 0.0) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(logit, dtype=torch.float64))
        self.seen: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen.append(inputs)
        return self.logit.expand(len(inputs), 1, 2, 2)


def play(
    options: dict[str, Any], constant: ConstantDiscriminator
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Tensor], dict[str, float]]:
    """Return the loss terms of one step, the batch, and the logged values by full name."""
    data = pairs(16, source=1)
    family, ctx, inputs = Pix2Pix(Config(**SMALL, **options), data), context(), batch(data)
    nets = Nets({**family.build(), "discriminator": constant})
    terms = {turn.player: dict(turn.loss(nets, inputs, ctx)) for turn in family.stages()[0].turns}
    return terms, inputs, {f"discriminator/{name}": value.item() for name, value in ctx.logged.items()}


def test_an_undecided_discriminator_is_at_the_optimum() -> None:
    terms, _, recorded = play({}, ConstantDiscriminator())
    assert list(terms) == ["generator", "discriminator"]
    assert terms["generator"]["adversarial"].item() == pytest.approx(math.log(2), rel=1e-6)
    for name in ("real", "fake"):  # whose sum is halved
        assert terms["discriminator"][name].item() == pytest.approx(math.log(2) / 2, rel=1e-6)
    assert recorded == pytest.approx(dict(Pix2Pix.optimum_values), rel=1e-6)


def test_a_discriminator_that_is_sure_of_itself() -> None:
    terms, _, _ = play({}, ConstantDiscriminator(-6.0))
    assert terms["generator"]["adversarial"].item() == pytest.approx(math.log1p(math.exp(6)), rel=1e-6)
    assert terms["discriminator"]["real"].item() == pytest.approx(math.log1p(math.exp(6)) / 2, rel=1e-6)
    assert terms["discriminator"]["fake"].item() == pytest.approx(math.log1p(math.exp(-6)) / 2, rel=1e-6)


def test_the_discriminator_sees_pairs_and_one_translation_serves_both_turns() -> None:
    constant = ConstantDiscriminator()
    _, inputs, _ = play({}, constant)
    generated, real, fake = constant.seen
    assert torch.equal(real, torch.cat([inputs["source"], inputs["target"]], 1))
    assert torch.equal(generated, fake)  # dropout would give another image
    assert torch.equal(fake[:, :1], inputs["source"])
    assert generated.requires_grad
    assert not fake.requires_grad


def test_the_answer_depends_on_the_source() -> None:
    data = pairs(32)
    nets = Nets(Pix2Pix(Config(channels=4), data).build())
    one, other = batch(data), batch(data)["source"].flip(0)
    first = nets.discriminator(torch.cat((one["source"], one["target"]), 1))
    assert not torch.allclose(first, nets.discriminator(torch.cat((other, one["target"]), 1)))


def test_the_distance_is_a_mean_over_pixels_with_its_weight() -> None:
    data = pairs(16)
    inputs = batch(data)
    for weight in (0.0, 1.0, 100.0):
        family = Pix2Pix(Config(**SMALL, l1_weight=weight), data)
        nets = Nets({**family.build(), "generator": nn.Identity(), "discriminator": ConstantDiscriminator()})
        terms = family.generator_loss(nets, inputs, context())
        distance = weight * (inputs["source"] - inputs["target"]).abs().mean().item()
        assert ("l1" in terms) == bool(weight)
        assert sum(terms.values()).item() == pytest.approx(distance + math.log(2), rel=1e-6)


def test_the_distance_alone_needs_no_discriminator() -> None:
    family = Pix2Pix(Config(**SMALL, adversarial=False), pairs(16))
    assert list(family.build()) == ["generator"]
    assert [player.name for player in family.players()] == ["generator"]
    assert [turn.player for turn in family.stages()[0].turns] == ["generator"]
    terms = family.generator_loss(Nets(family.build()), batch(pairs(16)), context())
    assert list(terms) == ["l1"]


def test_a_game_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no loss is left"):
        Pix2Pix(Config(adversarial=False, l1_weight=0), pairs(16)).stages()


@pytest.mark.parametrize(("dropout", "same"), [(0.5, False), (0.0, True)])
def test_translations_in_use_are_noisy_through_dropout_alone(dropout: float, same: bool) -> None:
    data = pairs(16)
    family = Pix2Pix(Config(channels=4, dropout=dropout), data)
    generator = family.build()["generator"].eval()
    nets, image = Nets({"generator": generator}), batch(data)["source"]
    one, other = (family.translate(nets, image, "target") for _ in range(2))
    assert torch.equal(one, other) is same
    assert one.abs().max() <= 1


def test_images_of_other_sizes_go_through() -> None:
    data = pairs(16)
    family = Pix2Pix(Config(**SMALL), data)
    (way,) = family.translations()
    assert (way.to, way.reads, way.truth, way.multiple) == ("target", "source", "target", 16)
    nets = Nets({"generator": family.build()["generator"].eval()})
    assert family.translate(nets, torch.zeros(1, 3, 48, 32), "target").shape == (1, 3, 48, 32)


def test_both_players_have_the_papers_optimizer() -> None:
    for player in Pix2Pix(Config(), pairs(16)).players():
        assert player.optimizer == Adam(lr=2e-4, betas=(0.5, 0.999))
