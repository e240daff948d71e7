"""Networks of Zhu et al. 2017, and losses in closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.family import Adam, DataSpec, Linear, Nets
from gancli.family.optim import Clock
from gancli.nn.image_buffer import ImagePool
from gancli.testing import context
from gancli_cyclegan.config import Config
from gancli_cyclegan.family import CycleGAN

SMALL = {"channels": 2, "blocks": 1}


def domains(side: int, *, a: int = 3, b: int = 3) -> DataSpec:
    return DataSpec(channels=b, height=side, width=side, channels_of={"a": a, "b": b})


def batch(data: DataSpec, size: int = 4) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {key: torch.rand(size, *data.shape_of(key), generator=generator) * 2 - 1 for key in ("a", "b")}


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("options", "side", "generator", "discriminator"),
    [
        ({}, 256, 11_378_179, 2_764_737),
        ({}, 128, 7_837_699, 2_764_737),
        ({"norm_affine": True}, 256, 11_388_675, 2_766_529),
    ],
)
def test_parameter_counts(options: dict[str, Any], side: int, generator: int, discriminator: int) -> None:
    with torch.device("meta"):
        modules = CycleGAN(Config(**options), domains(side)).build()
    for key, other in (("a", "b"), ("b", "a")):
        assert parameters(modules[f"generator_{other}{key}"]) == generator
        assert parameters(modules[f"discriminator_{key}"]) == discriminator
        assert parameters(modules[f"pool_{key}"]) == 0
        assert modules[f"pool_{key}"].capacity == 50


def test_weights_are_drawn_as_in_the_paper() -> None:
    torch.manual_seed(0)
    for module in CycleGAN(Config(channels=16, norm_affine=True), domains(32)).build().values():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                weight = layer.weight
                assert abs(weight.std().item() / 0.02 - 1) < 5 / math.sqrt(2 * weight.numel())
                assert layer.bias is not None
                assert not layer.bias.any()
            elif isinstance(layer, nn.InstanceNorm2d):
                assert abs(layer.weight.mean().item() - 1) < 5 * 0.02 / math.sqrt(layer.weight.numel())
                assert layer.weight.std().item() > 0


def test_each_generator_takes_the_channels_of_the_other_domain() -> None:
    data = domains(16, a=1, b=3)
    family = CycleGAN(Config(**SMALL), data)
    nets, inputs = Nets(family.build()), batch(data)
    to_b, to_a = family.translations()
    assert (to_b.to, to_b.reads, to_a.to, to_a.reads) == ("b", "a", "a", "b")
    assert to_b.truth is to_a.truth is None
    assert family.translate(nets, inputs["a"], "b").shape == inputs["b"].shape
    assert family.translate(nets, inputs["b"], "a").shape == inputs["a"].shape


def test_images_of_other_sizes_go_through() -> None:
    family = CycleGAN(Config(**SMALL), domains(16))
    assert family.translations()[0].multiple == 4
    assert family.translate(Nets(family.build()), torch.zeros(1, 3, 44, 20), "b").shape == (1, 3, 44, 20)


class ConstantDiscriminator(nn.Module):
    """Discriminator with the same output everywhere, which records its inputs."""

    def __init__(self, output: float = 0.5) -> None:
        super().__init__()
        self.output = nn.Parameter(torch.tensor(output, dtype=torch.float64))
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        return self.output.expand(len(images), 1, 2, 2)


class Shift(nn.Module):
    """A generator that adds a number."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))

    def forward(self, image: Tensor) -> Tensor:
        return image + self.by


def staged(
    options: dict[str, Any], *, output: float = 0.5, to_a: float = 0.0, to_b: float = 0.0
) -> tuple[CycleGAN, Nets]:
    family = CycleGAN(Config(**options), domains(16))
    pools = {f"pool_{key}": ImagePool(family.config.pool_size, (3, 16, 16)) for key in ("a", "b")}
    discriminators = {f"discriminator_{key}": ConstantDiscriminator(output) for key in ("a", "b")}
    return family, Nets({"generator_ba": Shift(to_a), "generator_ab": Shift(to_b), **discriminators, **pools})


def test_undecided_discriminators_are_at_the_optimum() -> None:
    family, nets = staged({})
    ctx, inputs = context(), batch(domains(16))
    generator, discriminator = family.generator_loss(nets, inputs, ctx), family.discriminator_loss(nets, inputs, ctx)
    for key in ("a", "b"):
        assert generator[f"adversarial_{key}"].item() == pytest.approx(0.25, rel=1e-6)
        assert discriminator[f"real_{key}"].item() == pytest.approx(0.125, rel=1e-6)
        assert discriminator[f"fake_{key}"].item() == pytest.approx(0.125, rel=1e-6)
    recorded = {f"discriminator/{name}": value.item() for name, value in ctx.logged.items()}
    assert recorded == pytest.approx(dict(CycleGAN.optimum_values), rel=1e-6)


def test_least_squares_with_the_authors_halves() -> None:
    family, nets = staged({}, output=3.0)
    ctx, inputs = context(), batch(domains(16))
    assert family.generator_loss(nets, inputs, ctx)["adversarial_a"].item() == pytest.approx((3 - 1) ** 2)
    terms = family.discriminator_loss(nets, inputs, ctx)
    assert terms["real_b"].item() == pytest.approx((3 - 1) ** 2 / 2)
    assert terms["fake_b"].item() == pytest.approx(3**2 / 2)


def test_cross_entropy_instead() -> None:
    family, nets = staged({"loss": "non_saturating"}, output=0.0)
    ctx, inputs = context(), batch(domains(16))
    assert family.generator_loss(nets, inputs, ctx)["adversarial_a"].item() == pytest.approx(math.log(2), rel=1e-6)
    terms = family.discriminator_loss(nets, inputs, ctx)
    assert terms["real_a"].item() == terms["fake_a"].item() == pytest.approx(math.log(2) / 2, rel=1e-6)
    assert ctx.logged["D_a(x)"].item() == pytest.approx(0.5)


def test_identities_come_back_as_they_were() -> None:
    family, nets = staged({"identity_weight": 0.5})
    terms = family.generator_loss(nets, batch(domains(16)), context())
    for name in ("cycle_a", "cycle_b", "identity_a", "identity_b"):
        assert terms[name].item() == 0


def test_cycle_and_identity_have_their_weights() -> None:
    """One generator adds 0.3, the other 0.1, so a cycle adds 0.4 and the identity loss sees one of the two."""
    family, nets = staged({"identity_weight": 0.5}, to_a=0.1, to_b=0.3)
    terms = family.generator_loss(nets, batch(domains(16)), context())
    expected = {"cycle_a": 10 * 0.4, "cycle_b": 10 * 0.4, "identity_a": 5 * 0.1, "identity_b": 5 * 0.3}
    assert {name: terms[name].item() for name in expected} == pytest.approx(expected, rel=1e-5)


def test_terms_without_a_weight_are_left_out() -> None:
    family, nets = staged({"cycle_weight": 0})
    assert list(family.generator_loss(nets, batch(domains(16)), context())) == ["adversarial_a", "adversarial_b"]


@pytest.mark.parametrize("term", ["cycle_a", "cycle_b"])
def test_a_round_trip_teaches_both_generators(term: str) -> None:
    family, nets = staged({}, to_a=0.1, to_b=0.3)
    family.generator_loss(nets, batch(domains(16)), context())[term].backward()
    for name in ("generator_ba", "generator_ab"):
        gradient = nets.modules[name].get_parameter("by").grad
        assert gradient is not None
        assert gradient.item() == pytest.approx(10.0, rel=1e-5)


def test_the_discriminators_see_the_pool_and_the_generators_do_not() -> None:
    """With a pool of one image from an earlier step, about half of the discriminator's images are older ones."""
    family, nets = staged({"pool_size": 1}, to_b=0.5)
    ctx, inputs = context(), batch(domains(16), size=40)
    family.generator_loss(nets, inputs, ctx)
    family.discriminator_loss(nets, inputs, ctx)
    fooled, real, fake = nets.modules["discriminator_b"].seen
    assert torch.equal(fooled, inputs["a"] + 0.5)
    assert torch.equal(real, inputs["b"])
    assert not torch.equal(fake, fooled)
    assert not fake.requires_grad
    generated = {tuple(image.flatten().tolist()) for image in fooled}
    assert all(tuple(image.flatten().tolist()) in generated for image in fake)


def test_answers_are_30_by_30_at_256() -> None:
    with torch.device("meta"):
        nets = Nets(CycleGAN(Config(), domains(256)).build())
        assert nets.discriminator_a(torch.empty(1, 3, 256, 256)).shape == (1, 1, 30, 30)


def test_the_rates_are_the_papers() -> None:
    """Constant for 100 epochs, then linear to zero over 100 epochs; the authors' PyTorch code, which changes the rate
    once per epoch, ends at 0.0099.
    """
    for player in CycleGAN(Config(), domains(16)).players():
        assert player.optimizer == Adam(lr=2e-4, betas=(0.5, 0.999))
    decay, total = Linear(start=100_000), 200_000
    factors = [decay(Clock(images=epoch * 1_000, total=total, updates=0)) for epoch in (0, 99, 100, 150, 200)]
    assert factors == pytest.approx([1, 1, 1, 0.5, 0])


@pytest.mark.parametrize("side", [18, 30])
def test_a_size_that_does_not_fit_is_answered_by_one_that_does(side: int) -> None:
    with pytest.raises(UsageError, match=f"images of {side}x{side} do not fit") as caught:
        CycleGAN(Config(**SMALL), domains(side)).build()
    words = str(caught.value).split()
    fitting = int(words[words.index("to") + 1].rstrip(","))
    assert CycleGAN(Config(**SMALL), domains(fitting)).build()


def test_identity_needs_domains_of_as_many_channels() -> None:
    with pytest.raises(UsageError, match="same number of channels"):
        CycleGAN(Config(**SMALL, identity_weight=0.5), domains(16, a=1, b=3)).build()
