"""Invariants of Mirza and Osindero 2014, and effects of labels."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.family import SGD, Adam, Batch, DataSpec, Nets
from gancli.testing import batch, context
from gancli_cgan.config import Config
from gancli_cgan.family import CGAN
from gancli_cgan.networks import LabelMaps
from gancli_cgan.plugin import gan_families

LABELS = ("zero", "one", "two")
GREY = DataSpec(channels=1, height=16, width=16, labels=LABELS)
PLANE = DataSpec(channels=2, height=1, width=1, labels=LABELS, kind="points")
MNIST = DataSpec(channels=1, height=28, width=28, labels=tuple("0123456789"))

SMALL = {"channels": 4, "latent_dim": 8}
KINDS: dict[str, tuple[dict[str, object], DataSpec]] = {
    "projection": ({**SMALL, "condition": "projection"}, GREY),
    "maps": ({**SMALL, "condition": "maps"}, GREY),
    "maxout": ({"architecture": "maxout", "latent_dim": 8}, GREY),
    "points": ({"latent_dim": 8, "points_widths": (16,)}, PLANE),
}


@pytest.fixture(params=KINDS)
def family(request: pytest.FixtureRequest) -> CGAN:
    options, data = KINDS[request.param]
    torch.manual_seed(0)
    return CGAN(Config(**options), data)


def eval_mode(family: CGAN) -> Nets:
    """Return networks in eval mode, in which images do not depend on each other."""
    return Nets({name: module.eval() for name, module in family.build().items()})


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_counts_of_the_paper() -> None:
    with torch.device("meta"):
        modules = CGAN(Config(architecture="maxout"), MNIST).build()
    assert parameters(modules["generator"]) == 2_413_984
    assert parameters(modules["discriminator"]) == 1_224_351


@pytest.mark.parametrize("condition", ["projection", "maps"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (4, 16, 24), (3, 128, 128)])
def test_shapes_and_ranges(shape: tuple[int, int, int], condition: str) -> None:
    data = DataSpec(channels=shape[0], height=shape[1], width=shape[2], labels=LABELS)
    family = CGAN(Config(channels=2, latent_dim=8, condition=condition), data)
    nets, label = Nets(family.build()), torch.tensor([0, 2])
    drawn = family.sample(nets, 20 * family.latent(2, context()), label)
    assert drawn.shape == (2, *shape)
    assert drawn.abs().max() <= 1
    answers = family.discriminate(nets, drawn, label)
    assert answers.shape == (2,)
    assert ((answers > 0) & (answers < 1)).all()


def test_a_label_changes_the_image_and_the_verdict(family: CGAN) -> None:
    nets, z = eval_mode(family), family.latent(1, context()).expand(3, -1)
    drawn = family.sample(nets, z, torch.arange(3))
    answers = family.discriminate(nets, drawn[:1].expand_as(drawn), torch.arange(3))
    for label in (1, 2):
        assert not torch.equal(drawn[label], drawn[0])
        assert answers[label] != answers[0]


def test_permuted_labels_permute_images(family: CGAN) -> None:
    nets, z = eval_mode(family), family.latent(1, context()).expand(3, -1)
    order = torch.tensor([2, 0, 1])
    drawn = family.sample(nets, z, torch.arange(3))
    assert torch.allclose(family.sample(nets, z, order), drawn[order], rtol=1e-5, atol=1e-6)


def test_one_hot_weights_are_the_label(family: CGAN) -> None:
    nets, z = eval_mode(family), family.latent(4, context())
    label, weights = torch.tensor([0, 2, 1, 2]), torch.eye(3)[[0, 2, 1, 2]]
    drawn = family.sample(nets, z, label)
    assert torch.equal(family.sample(nets, z, weights), drawn)
    assert torch.equal(family.discriminate(nets, drawn, weights), family.discriminate(nets, drawn, label))


def test_between_two_labels_projection_is_between_two_logits() -> None:
    options, data = KINDS["projection"]
    network = eval_mode(CGAN(Config(**options), data)).discriminator
    image = batch(gan_families(), data, size=1)["image"]
    ends = [network(image, torch.eye(3)[[label]]) for label in (0, 2)]
    middle = network(image, torch.tensor([[0.25, 0.0, 0.75]]))
    assert middle.item() == pytest.approx((0.25 * ends[0] + 0.75 * ends[1]).item(), rel=1e-5)


def test_a_label_is_a_map_of_ones_beside_the_image_which_no_noise_touches() -> None:
    inputs = LabelMaps(nn.Identity(), noise=0.5)(torch.zeros(2, 1, 4, 4), torch.eye(3)[[0, 2]])
    assert inputs.shape == (2, 4, 4, 4)
    assert inputs[:, :1].std() > 0
    assert torch.equal(inputs[:, 1:], torch.eye(3)[[0, 2], :, None, None].expand(-1, -1, 4, 4))


@pytest.mark.parametrize("call", ["sample", "discriminate"])
def test_nothing_is_done_without_a_label(call: str) -> None:
    options, data = KINDS["points"]
    family = CGAN(Config(**options), data)
    with pytest.raises(UsageError, match="needs a label"):
        getattr(family, call)(Nets(family.build()), torch.zeros(1, 8))


Place = tuple[str, Callable[[Tensor], Tensor]]
"""The name of a parameter, and how to see it, or its gradient, with a row for each label."""

PLACES: dict[str, tuple[Place, Place]] = {
    "projection": (("network.0.weight", lambda w: w[8:]), ("network.5.weight", lambda w: w[1:])),
    "maps": (("network.0.weight", lambda w: w[8:]), ("network.0.weight", lambda w: w.transpose(0, 1)[1:])),
    "maxout": (("of_label.0.weight", lambda w: w.T), ("of_label.0.linear.weight", lambda w: w.T)),
    "points": (("network.0.weight", lambda w: w.T[8:]), ("network.1.weight", lambda w: w.T[2:])),
}
"""Where the generator and the discriminator hold what belongs to single labels."""


@pytest.mark.parametrize("kind", KINDS)
def test_only_labels_of_the_batch_get_gradients(kind: str) -> None:
    options, data = KINDS[kind]
    family, ctx = CGAN(Config(**options), data), context()
    nets = Nets(family.build())
    inputs = {**batch(gan_families(), data), "label": torch.tensor([0, 2] * 4)}
    turns = ((nets.generator, family.generator_loss), (nets.discriminator, family.discriminator_loss))
    for (network, loss), (name, rows) in zip(turns, PLACES[kind], strict=True):
        total = sum(loss(nets, inputs, ctx).values(), torch.zeros(()))
        (gradient,) = torch.autograd.grad(total, network.get_parameter(name))
        assert [bool(row.any()) for row in rows(gradient)] == [True, False, True]


class Witness(nn.Module):
    """Discriminator that returns the logit 0 and records its labels."""

    def __init__(self) -> None:
        super().__init__()
        self.labels_seen: list[Tensor] = []

    def forward(self, inputs: Tensor, label: Tensor) -> Tensor:
        self.labels_seen.append(label)
        return inputs.flatten(1).sum(1, keepdim=True) * 0


def play(family: CGAN, nets: Nets, inputs: Batch) -> tuple[dict[str, float], dict[str, float]]:
    """Return the loss terms and logged values of one step by full name."""
    ctx = context()
    (stage,) = family.stages()
    terms = {
        f"{turn.player}/{name}": term.item()
        for turn in stage.turns
        for name, term in turn.loss(nets, inputs, ctx).items()
    }
    return terms, {f"discriminator/{name}": value.item() for name, value in ctx.logged.items()}


def test_an_undecided_discriminator_is_at_the_optimum_and_fakes_carry_the_labels_of_the_batch(family: CGAN) -> None:
    witness, inputs = Witness(), batch(gan_families(), family.data)
    terms, recorded = play(family, Nets({**family.build(), "discriminator": witness}), inputs)
    names = ("generator/adversarial", "discriminator/real", "discriminator/fake")
    assert terms == pytest.approx(dict.fromkeys(names, math.log(2)), rel=1e-6)
    assert recorded == pytest.approx(dict(CGAN.optimum_values), rel=1e-6)
    assert len(witness.labels_seen) == 3
    for labels_seen in witness.labels_seen:
        assert torch.equal(labels_seen.argmax(1), inputs["label"])


def test_a_discriminator_tells_pairs_apart_by_their_label_alone(family: CGAN) -> None:
    """Real and fake batches contain the same images with different labels. Without using the label, the loss is at
    least log 4. The trained network has a lower loss, and a higher one if labels are swapped.
    """
    label = torch.arange(3).repeat(4)
    image = torch.linspace(-0.9, 0.9, 3)[label].view(-1, 1, 1, 1).expand(-1, *family.data.shape).contiguous()
    nets = eval_mode(family)
    optimizer = torch.optim.Adam(nets.discriminator.parameters(), lr=0.01)

    def cost(real_label: Tensor) -> Tensor:
        weights = torch.eye(3)
        real = nets.discriminator(image, weights[real_label])
        fake = nets.discriminator(image, weights[(real_label + 1) % 3])
        return nn.functional.softplus(-real).mean() + nn.functional.softplus(fake).mean()

    for _ in range(40):
        optimizer.zero_grad()
        cost(label).backward()
        optimizer.step()
    assert cost(label) < math.log(4)
    assert cost((label + 1) % 3) > math.log(4)


def test_the_optimizers_are_adam_and_for_the_papers_networks_its_own() -> None:
    assert {player.optimizer for player in CGAN(Config(), GREY).players()} == {Adam(lr=2e-4, betas=(0.5, 0.999))}
    paper = CGAN(Config(architecture="maxout"), GREY).players()
    assert {player.optimizer for player in paper} == {SGD(lr=0.1, momentum=0.5)}
    for player in paper:  # momentum from 0.5 to 0.7, learning rate down to 1e-6
        assert 0.5 * player.momentum_schedule.last == pytest.approx(0.7)
        assert 0.1 * player.lr_schedule.floor == pytest.approx(1e-6)


def test_maxout_networks_are_for_images() -> None:
    with pytest.raises(UsageError, match="cannot generate points"):
        CGAN(Config(architecture="maxout"), PLANE).build()
