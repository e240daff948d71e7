"""Networks of Shrivastava et al. 2017, and losses in closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.family import SGD, Adam, DataSpec, Nets
from gancli.nn.image_buffer import HistoryBuffer
from gancli.recipes.options import TrainConfig
from gancli.testing import context
from gancli.training.stages import make_plan
from gancli_simgan.config import Config
from gancli_simgan.family import SimGAN, cross_entropy, distance
from gancli_simgan.networks import ARCHITECTURES, REAL, REFINED

SMALL = {"architecture": "small", "channels": 4, "discriminator_channels": 2, "history_size": 0}


def domains(height: int, width: int, *, a: int = 1, b: int = 1) -> DataSpec:
    return DataSpec(channels=b, height=height, width=width, channels_of={"a": a, "b": b})


def batch(data: DataSpec, size: int = 4) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {key: torch.rand(size, *data.shape_of(key), generator=generator) * 2 - 1 for key in ("a", "b")}


def build(options: dict[str, Any], data: DataSpec) -> dict[str, nn.Module]:
    return SimGAN(Config(**options), data).build()


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("options", "size", "refiner", "discriminator"),
    [
        ({}, (35, 55), 296_129, 75_906),
        ({"architecture": "hand_pose"}, (224, 224), 741_825, 178_050),
        ({"architecture": "small"}, (8, 8), 148_417, 75_906),
    ],
)
def test_parameter_counts(options: dict[str, Any], size: tuple[int, int], refiner: int, discriminator: int) -> None:
    with torch.device("meta"):
        modules = build({**options, "history_size": 10}, domains(*size))
    assert parameters(modules["refiner"]) == refiner
    assert parameters(modules["discriminator"]) == discriminator
    assert parameters(modules["history"]) == 0
    assert modules["history"].capacity == 10


@pytest.mark.parametrize(
    ("architecture", "size", "places"),
    [("gaze", (35, 55), (9, 14)), ("hand_pose", (224, 224), (7, 7)), ("small", (8, 8), (4, 4))],
)
def test_the_discriminators_map(architecture: str, size: tuple[int, int], places: tuple[int, int]) -> None:
    with torch.device("meta"):
        network = build({"architecture": architecture, "history_size": 0}, domains(*size))["discriminator"]
        assert network(torch.empty(3, 1, *size)).shape == (3, 2, *places)


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
@pytest.mark.parametrize(("channels", "size"), [(1, (35, 55)), (3, (7, 9)), (4, (1, 2))])
def test_images_of_any_size_keep_it(architecture: str, channels: int, size: tuple[int, int]) -> None:
    options = {**SMALL, "architecture": architecture, "blocks": 1}
    nets = Nets(build(options, domains(8, 8, a=channels, b=channels)))
    images = torch.zeros(2, channels, *size)
    assert nets.refiner(images).shape == images.shape
    assert nets.discriminator(images).shape[:2] == (2, 2)


@pytest.mark.parametrize(
    ("architecture", "network", "field"),
    [
        ("gaze", "refiner", 19),
        ("gaze", "discriminator", 23),
        ("hand_pose", "refiner", 47),
        ("hand_pose", "discriminator", 71),
        ("small", "refiner", 11),
        ("small", "discriminator", 11),
    ],
)
def test_receptive_fields(architecture: str, network: str, field: int) -> None:
    """The receptive field is the extent of the gradient of one output in the middle."""
    side = 161
    options = {**SMALL, "architecture": architecture, "channels": 1, "discriminator_channels": 1, "tanh": False}
    module = build(options, domains(side, side))[network].double()
    for parameter in module.parameters():  # positive, so that no ReLU blocks a gradient and no gradients cancel
        parameter.data.abs_().add_(0.01)
    footprint = torch.zeros(side, side, dtype=torch.bool)
    for seed in range(20):  # max pooling selects other positions for each
        image = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(seed)).double().requires_grad_()
        answers = module(image)[0, 0]
        middle = answers[answers.shape[0] // 2, answers.shape[1] // 2]
        (gradient,) = torch.autograd.grad(middle, image)
        footprint |= gradient[0, 0] != 0
    rows, columns = footprint.any(1).nonzero(), footprint.any(0).nonzero()
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == field


def test_without_a_tanh_images_are_brought_into_bounds_in_use_only() -> None:
    data = domains(8, 8)
    family = SimGAN(Config(**SMALL, tanh=False), data)
    nets = Nets(family.build())
    last = [layer for layer in nets.modules["refiner"].modules() if isinstance(layer, nn.Conv2d)][-1]
    nn.init.constant_(last.bias, 7.0)
    assert nets.refiner(batch(data)["a"]).max() > 1
    assert family.translate(nets, batch(data)["a"], "refined").max() == 1
    (way,) = family.translations()
    assert (way.to, way.reads, way.truth, way.multiple) == ("refined", "a", None, 1)


class ConstantDiscriminator(nn.Module):
    """Discriminator with the same logits everywhere, which records its inputs."""

    def __init__(self, real: float, refined: float, places: tuple[int, int] = (9, 14)) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor([real, refined], dtype=torch.float64))
        self.places = places
        self.seen: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen.append(inputs)
        return self.logits.view(1, 2, 1, 1).expand(len(inputs), 2, *self.places)


class Shift(nn.Module):
    """A refiner that adds a number."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))

    def forward(self, image: Tensor) -> Tensor:
        return image + self.by


DATA = domains(35, 55)


def staged(*, real: float = 0.0, refined: float = 0.0, by: float = 0.25, **options: Any) -> tuple[SimGAN, Nets]:
    family = SimGAN(Config(**options), DATA)
    history = HistoryBuffer(family.config.history_size, DATA.shape)
    return family, Nets(
        {"refiner": Shift(by), "discriminator": ConstantDiscriminator(real, refined), "history": history}
    )


def test_an_undecided_discriminator_pays_log_2_at_each_of_126_places() -> None:
    family, nets = staged(history_size=0)
    ctx = context()
    judged, fooled = family.discriminator_loss(nets, batch(DATA), ctx), family.refiner_loss(nets, batch(DATA), ctx)
    for term in (judged["real"], judged["refined"], fooled["adversarial"]):
        assert term.item() == pytest.approx(126 * math.log(2), rel=1e-6)
    recorded = {f"discriminator/{name}": value.item() for name, value in ctx.logged.items()}
    assert recorded == pytest.approx(dict(SimGAN.optimum_values))


def test_the_paper_s_d_is_the_probability_of_being_refined() -> None:
    """For log odds of 2 for refined images, the discriminator's terms are -log D = softplus(-2) for refined images and
    -log(1 - D) = softplus(2) for real images, and the refiner's term is that of real images.
    """
    family, nets = staged(real=-0.5, refined=1.5, history_size=0)
    ctx = context()
    judged, fooled = family.discriminator_loss(nets, batch(DATA), ctx), family.refiner_loss(nets, batch(DATA), ctx)
    assert judged["refined"].item() == pytest.approx(126 * math.log1p(math.exp(-2)), rel=1e-6)
    assert judged["real"].item() == pytest.approx(126 * math.log1p(math.exp(2)), rel=1e-6)
    assert fooled["adversarial"].item() == pytest.approx(126 * math.log1p(math.exp(2)), rel=1e-6)
    assert ctx.logged["D(R(x))"].item() == pytest.approx(1 / (1 + math.exp(-2)), rel=1e-6)


def test_swapped_logits_swap_the_classes() -> None:
    logits = torch.randn(3, 2, 9, 14, generator=torch.Generator().manual_seed(0))
    assert {REAL, REFINED} == {0, 1}
    assert torch.equal(cross_entropy(logits, REAL), cross_entropy(logits.flip(1), REFINED))


def test_losses_are_sums_over_places_and_pixels_and_means_over_the_batch() -> None:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 2, 9, 14, generator=random)
    by_place = F.cross_entropy(logits, torch.ones(3, 9, 14, dtype=torch.long), reduction="none")
    assert cross_entropy(logits, 1).item() == pytest.approx(by_place.sum().item() / 3, rel=1e-5)
    twice = torch.cat((logits, logits))
    assert cross_entropy(twice, 1).item() == pytest.approx(cross_entropy(logits, 1).item(), rel=1e-6)
    assert distance(torch.full((5, 3, 8, 9), 0.5), torch.zeros(5, 3, 8, 9)).item() == pytest.approx(0.5 * 3 * 8 * 9)


@pytest.mark.parametrize("weight", [0.1, 2.0])
def test_self_regularisation_has_its_weight_and_none_in_the_warm_up(weight: float) -> None:
    family, nets = staged(by=0.25, self_regularisation_weight=weight, history_size=0)
    whole = 0.25 * 35 * 55
    refining = family.refiner_loss(nets, batch(DATA), context())
    warming = family.warm_up_loss(nets, batch(DATA), context())
    assert refining["self_regularisation"].item() == pytest.approx(weight * whole, rel=1e-5)
    assert {name: term.item() for name, term in warming.items()} == pytest.approx({"self_regularisation": whole})


def test_a_term_without_a_weight_is_left_out() -> None:
    family, nets = staged(self_regularisation_weight=0, history_size=0)
    assert list(family.refiner_loss(nets, batch(DATA), context())) == ["adversarial"]


def test_half_of_what_the_discriminator_sees_is_from_earlier_steps() -> None:
    family, nets = staged(by=0.25, history_size=100)
    refiner, constant = nets.modules["refiner"], nets.modules["discriminator"]
    assert isinstance(constant, ConstantDiscriminator)
    ctx, inputs = context(), batch(DATA, size=8)
    family.discriminator_loss(nets, inputs, ctx)
    first = constant.seen[-1]
    assert torch.equal(first, inputs["a"] + 0.25)
    refiner.get_parameter("by").data.fill_(-0.25)
    family.discriminator_loss(nets, inputs, ctx)
    later = constant.seen[-1]
    assert torch.equal(later[:4], inputs["a"][:4] - 0.25)
    earlier = {tuple(image.flatten().tolist()) for image in first[:4]}
    assert {tuple(image.flatten().tolist()) for image in later[4:]} == earlier
    assert torch.equal(constant.seen[-2], inputs["b"])


def test_the_refiner_is_judged_on_its_own_images_alone() -> None:
    family, nets = staged(by=0.25, history_size=100)
    constant = nets.modules["discriminator"]
    assert isinstance(constant, ConstantDiscriminator)
    inputs = batch(DATA)
    for _ in range(2):
        family.discriminator_loss(nets, inputs, context())
    count = nets.modules["history"].get_buffer("count").item()
    family.refiner_loss(nets, inputs, context())
    assert torch.equal(constant.seen[-1], inputs["a"] + 0.25)
    assert nets.modules["history"].get_buffer("count").item() == count


@pytest.mark.parametrize("updates", [2, 50])
def test_the_schedule_is_the_papers(updates: int) -> None:
    family = SimGAN(Config(refiner_updates=updates, history_size=0), DATA)
    plan = make_plan(family.stages(), TrainConfig(images=100_000_000, batch_size=512))
    refiner_warm_up, discriminator_warm_up, train = plan.stages
    assert refiner_warm_up.end == 1_000 * 512
    assert discriminator_warm_up.end - discriminator_warm_up.start == 200 * 512
    assert [turn.player for each in (refiner_warm_up, discriminator_warm_up, train) for turn in each.stage.turns] == [
        "refiner",
        "discriminator",
        "refiner",
        "discriminator",
    ]
    assert [turn.repeat for turn in train.stage.turns] == [updates, 1]
    assert train.batches_per_step == updates


@pytest.mark.parametrize(
    ("name", "optimizer", "clip"), [("sgd", SGD(lr=1e-3), 50), ("adam", Adam(lr=1e-3, betas=(0.5, 0.999)), None)]
)
def test_optimizers(name: str, optimizer: SGD | Adam, clip: float | None) -> None:
    for player in SimGAN(Config.model_validate({"optimizer": name}), DATA).players():
        assert player.optimizer == optimizer
        assert player.clip == clip


def test_the_distance_alone_brings_the_refiner_to_the_identity() -> None:
    """On the training images, by gradient descent with full batches and a decreasing learning rate."""
    torch.manual_seed(0)
    data = domains(6, 6)
    family = SimGAN(Config(**{**SMALL, "channels": 16, "blocks": 1}, tanh=False), data)
    nets, inputs = Nets(family.build()), batch(data, size=16)
    parameters = list(nets.modules["refiner"].parameters())
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    distances = []
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.01 * (1 - step / 200)
        (loss,) = family.warm_up_loss(nets, inputs, context()).values()
        distances.append(loss.item() / 36)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    sums = [sum(distances[start : start + 50]) for start in range(0, 200, 50)]
    assert sums == sorted(sums, reverse=True)
    assert distances[-1] < distances[0] / 10


def test_both_domains_have_as_many_channels() -> None:
    with pytest.raises(UsageError, match=r"set data\.channels"):
        build({}, domains(8, 8, a=1, b=3))
