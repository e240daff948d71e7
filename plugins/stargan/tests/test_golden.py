"""Networks of Choi et al. 2018, and losses in closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.family import Adam, DataSpec, LabelSet, Linear, Nets
from gancli.family.optim import Clock
from gancli.nn.residual import residual_generator
from gancli.testing import context
from gancli_stargan.conditions import Conditions
from gancli_stargan.config import Config
from gancli_stargan.family import StarGAN, shuffled
from gancli_stargan.networks import Discriminator, Generator

FACES = LabelSet(name="faces", labels=("black", "blond", "brown", "male", "young"), exclusive=False)
MOODS = LabelSet(name="moods", labels=tuple(f"mood{number}" for number in range(8)), exclusive=True)
HAIR = (("black", "blond", "brown"),)


def spec(*sets: LabelSet, side: int = 16, width: int | None = None) -> DataSpec:
    labels = tuple(label for each in sets for label in each.labels)
    return DataSpec(channels=3, height=side, width=width or side, labels=labels, label_sets=sets)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("sets", "side", "generator", "discriminator"),
    [
        ((FACES,), 128, 8_430_528, 44_762_048),
        ((MOODS,), 128, 8_439_936, 44_786_624),
        ((FACES, MOODS), 128, 8_461_888, 44_827_584),
        ((FACES, MOODS), 256, 8_461_888, 45_147_072),
    ],
    ids=["celeba", "rafd", "both", "both at 256"],
)
def test_parameter_counts(sets: tuple[LabelSet, ...], side: int, generator: int, discriminator: int) -> None:
    with torch.device("meta"):
        modules = StarGAN(Config(), spec(*sets, side=side)).build()
    assert parameters(modules["generator"]) == generator
    assert parameters(modules["discriminator"]) == discriminator


def test_both_networks_together_are_the_papers_53_million() -> None:
    with torch.device("meta"):
        modules = StarGAN(Config(), spec(FACES, side=128)).build()
    assert sum(map(parameters, modules.values())) == 53_192_576


@pytest.mark.parametrize(
    ("size", "halvings", "answers"),
    [
        ((128, 128), None, (2, 2)),
        ((256, 256), None, (4, 4)),
        ((64, 64), None, (2, 2)),
        ((32, 32), None, (2, 2)),
        ((32, 48), None, (2, 3)),
        ((36, 20), None, (4, 2)),
        ((64, 64), 3, (8, 8)),
        ((16, 16), 4, (1, 1)),
    ],
)
def test_the_map_of_answers(size: tuple[int, int], halvings: int | None, answers: tuple[int, int]) -> None:
    with torch.device("meta"):
        network = Discriminator((3, *size), 5, width=4, halvings=halvings)
        source, labels = network(torch.empty(2, 3, *size))
    assert source.shape == (2, 1, *answers)
    assert labels.shape == (2, 5)


def test_discriminator_normalises_nothing_and_generator_each_image() -> None:
    modules = StarGAN(Config(channels=2, blocks=1), spec(FACES)).build()
    norms = [module for module in modules["generator"].modules() if isinstance(module, nn.InstanceNorm2d)]
    assert norms
    assert all(norm.affine and not norm.track_running_stats for norm in norms)
    kinds = {type(module) for module in modules["discriminator"].modules()}
    assert not [kind for kind in kinds if "Norm" in kind.__name__]
    slopes = {layer.negative_slope for layer in modules["discriminator"].modules() if isinstance(layer, nn.LeakyReLU)}
    assert slopes == {0.01}


def test_the_label_reaches_the_image_through_padding_with_zeros_alone() -> None:
    """With reflected borders each label only adds a constant, which instance normalisation removes."""
    torch.manual_seed(0)
    generator = Generator(3, 2, width=4, blocks=1).double()
    reflected = Generator(3, 2, width=4, blocks=1)
    reflected.layers = residual_generator(
        5, 3, blocks=1, channels=4, norm="instance_affine", bias=False, padding="reflect", kernel=4
    )
    reflected.double()
    image = torch.rand(1, 3, 16, 20, dtype=torch.float64) * 2 - 1
    one, other = torch.eye(2, dtype=torch.float64).split(1)
    # The layers after the first keep zero padding; the constants are lost before.
    assert (reflected.layers[:2](planes(image, one)) - reflected.layers[:2](planes(image, other))).abs().max() < 1e-6
    assert (generator.layers[:2](planes(image, one)) - generator.layers[:2](planes(image, other))).abs().max() > 0.01
    assert (reflected(image, one) - reflected(image, other)).abs().max() < 1e-6
    drawn = generator(image, one)
    assert (drawn - generator(image, other)).abs().max() > 1e-3
    assert drawn.shape == image.shape
    assert drawn.abs().max() <= 1


def planes(image: Tensor, condition: Tensor) -> Tensor:
    return torch.cat([image, condition[:, :, None, None].expand(-1, -1, *image.shape[2:])], dim=1)


def test_the_generator_is_shown_constant_planes() -> None:
    generator = Generator(3, 2, width=2, blocks=1)
    inputs: list[Tensor] = []
    generator.layers.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    image, condition = torch.rand(2, 3, 8, 12), torch.tensor([[1.0, 0.0], [0.25, 0.5]])
    generator(image, condition)
    assert torch.equal(inputs[0][:, :3], image)
    assert torch.equal(inputs[0][:, 3:], condition[:, :, None, None].expand(2, 2, 8, 12))


# Label classification


def test_exclusive_labels_cost_a_softmaxs_cross_entropy() -> None:
    conditions, dataset = Conditions(spec(MOODS)), torch.zeros(2, dtype=torch.long)
    attributes = torch.eye(8)[[3, 5]]
    assert conditions.cross_entropy(torch.zeros(2, 8), attributes, dataset).item() == pytest.approx(math.log(8))
    logits = torch.zeros(2, 8)
    logits[0, 3] = 2.0
    expected = (math.log(math.e**2 + 7) - 2 + math.log(8)) / 2
    assert conditions.cross_entropy(logits, attributes, dataset).item() == pytest.approx(expected, rel=1e-6)


def test_attributes_cost_the_sum_of_their_binary_cross_entropies() -> None:
    """Not their mean, which would be a fifth here."""
    conditions, dataset = Conditions(spec(FACES)), torch.zeros(2, dtype=torch.long)
    attributes = torch.tensor([[1.0, 0, 0, 1, 1], [0, 1, 0, 0, 1]])
    assert conditions.cross_entropy(torch.zeros(2, 5), attributes, dataset).item() == pytest.approx(5 * math.log(2))
    sure = 20 * (2 * attributes - 1)
    assert conditions.cross_entropy(sure, attributes, dataset).item() == pytest.approx(0, abs=1e-6)
    assert conditions.cross_entropy(-sure, attributes, dataset).item() == pytest.approx(100, rel=1e-6)


def test_only_the_labels_of_an_images_own_data_set_count() -> None:
    conditions = Conditions(spec(FACES, MOODS))
    dataset = torch.tensor([0, 1])
    attributes = torch.zeros(2, 13)
    attributes[0, 1] = attributes[1, 5] = 1
    logits = torch.zeros(2, 13, requires_grad=True)
    entropy = conditions.cross_entropy(logits, attributes, dataset)
    assert entropy.item() == pytest.approx((5 * math.log(2) + math.log(8)) / 2)
    (gradient,) = torch.autograd.grad(entropy, logits)
    assert gradient[0, :5].all()
    assert not gradient[0, 5:].any()
    assert not gradient[1, :5].any()
    assert gradient[1, 5:].all()


# Second input of the generator


def test_a_mask_says_whose_labels_they_are() -> None:
    attributes, dataset = torch.ones(2, 13), torch.tensor([0, 1])
    encoded = Conditions(spec(FACES, MOODS)).encode(attributes, dataset)
    assert encoded.tolist() == [[1.0] * 5 + [0] * 8 + [1, 0], [0.0] * 5 + [1] * 8 + [0, 1]]


def test_one_data_set_needs_no_mask() -> None:
    attributes = torch.rand(2, 5).round()
    conditions = Conditions(spec(FACES))
    assert conditions.width == 5
    assert torch.equal(conditions.encode(attributes, torch.zeros(2, dtype=torch.long)), attributes)


def condition(conditions: Conditions, name: str, logits: Tensor) -> list[list[float]]:
    (domain,) = (domain for domain in conditions.domains() if domain.name == name)
    rows: list[list[float]] = conditions.for_domain(domain, logits).tolist()
    return rows


def test_a_label_stands_alone() -> None:
    conditions = Conditions(spec(MOODS))
    assert [domain.name for domain in conditions.domains()] == list(MOODS.labels)
    assert condition(conditions, "mood2", torch.randn(3, 8)) == [[0, 0, 1, 0, 0, 0, 0, 0]] * 3


def test_an_attribute_joins_those_that_are_read() -> None:
    conditions = Conditions(spec(FACES), HAIR)
    names = [domain.name for domain in conditions.domains()]
    assert names == ["black", "blond", "brown", "male", "not-male", "young", "not-young"]
    black_haired_man = torch.tensor([[3.0, -1, -2, 4, -1]])
    assert condition(conditions, "young", black_haired_man) == [[1, 0, 0, 1, 1]]
    assert condition(conditions, "not-male", black_haired_man) == [[1, 0, 0, 0, 0]]
    assert condition(conditions, "blond", black_haired_man) == [[0, 1, 0, 1, 0]]


def test_a_group_has_one_at_most() -> None:
    """The colour with the larger logit is kept; without a colour there is none."""
    conditions = Conditions(spec(FACES), HAIR)
    logits = torch.tensor([[1.0, 2, -1, -1, -1], [-1, -1, -1, -1, -1]])
    assert condition(conditions, "young", logits) == [[0, 1, 0, 0, 1], [0, 0, 0, 0, 1]]
    free = Conditions(spec(FACES))
    assert condition(free, "young", logits)[0] == [1, 1, 0, 0, 1]
    assert "not-black" in [domain.name for domain in free.domains()]


def test_a_domain_of_one_data_set_says_nothing_of_the_other() -> None:
    conditions = Conditions(spec(FACES, MOODS), HAIR)
    logits = torch.ones(1, 13)
    assert condition(conditions, "mood0", logits) == [[0.0] * 5 + [1] + [0] * 7 + [0, 1]]
    assert condition(conditions, "not-young", logits) == [[1.0, 0, 0, 1, 0] + [0] * 8 + [1, 0]]


def test_targets_are_those_of_other_images_of_the_same_data_set() -> None:
    dataset = torch.tensor([0, 1, 0, 0, 1, 2, 0, 1])
    ctx, seen = context(), set()
    for _ in range(50):
        order = shuffled(dataset, ctx)
        assert sorted(order.tolist()) == list(range(8))
        assert torch.equal(dataset[order], dataset)
        seen.add(tuple(order.tolist()))
    assert len(seen) > 40  # of 4! * 3! = 144
    assert torch.equal(shuffled(dataset, context()), shuffled(dataset, context()))


# Losses


class AddFirstLabel(nn.Module):
    """Generator that adds a number times the first label."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        return image + self.by * condition[:, :1, None, None]


class MeanDiscriminator(nn.Module):
    """Discriminator with the scaled mean pixel as 2x2 patch outputs, and logits of 0."""

    def __init__(self, scale: float, labels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.labels = labels

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.scale * image.flatten(1).mean(1)
        return mean.view(-1, 1, 1, 1).expand(-1, 1, 2, 2), mean.new_zeros(len(image), self.labels)


def staged(*, by: float = 0.0, scale: float = 1.0, **options: Any) -> tuple[StarGAN, Nets]:
    family = StarGAN(Config(**options), spec(MOODS))
    return family, Nets({"generator": AddFirstLabel(by), "discriminator": MeanDiscriminator(scale, 8)})


def batch(label: int = 0) -> dict[str, Tensor]:
    image = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return {"image": image, "attributes": torch.eye(8)[[label] * 6], "dataset": torch.zeros(6, dtype=torch.long)}


def test_distance_and_penalty_in_closed_form() -> None:
    """Images with label 0 become 0.5 brighter. The sum of four outputs has a gradient of 4 scale / 768 per pixel."""
    family, nets = staged(by=0.5, scale=3.0)
    ctx = context()
    terms = family.discriminator_loss(nets, batch(), ctx)
    assert terms["adversarial"].item() == pytest.approx(3 * 0.5, rel=1e-5)
    assert ctx.logged["distance"].item() == pytest.approx(-3 * 0.5, rel=1e-5)
    assert terms["classification"].item() == pytest.approx(math.log(8), rel=1e-6)
    assert terms["penalty"].item() == pytest.approx(10 * (4 * 3 / math.sqrt(768) - 1) ** 2, rel=1e-4)
    assert {f"discriminator/{name}" for name in ctx.logged} == set(StarGAN.optimum_values)


def test_the_generators_terms_in_closed_form() -> None:
    """A translation and back adds 0.5 twice, and the identity loss sees 0.5 once."""
    family, nets = staged(by=0.5, scale=3.0, classification_weight=2.0, identity_weight=4.0)
    inputs = batch()
    terms = family.generator_loss(nets, inputs, context())
    assert terms["adversarial"].item() == pytest.approx(-3 * (inputs["image"].mean().item() + 0.5), rel=1e-5)
    assert terms["classification"].item() == pytest.approx(2 * math.log(8), rel=1e-6)
    assert terms["reconstruction"].item() == pytest.approx(10 * 1.0, rel=1e-5)
    assert terms["identity"].item() == pytest.approx(4 * 0.5, rel=1e-5)
    assert "identity" not in staged()[0].generator_loss(nets, inputs, context())


def test_terms_without_a_weight_are_left_out() -> None:
    family, nets = staged(classification_weight=0, reconstruction_weight=0, penalty_weight=0)
    assert list(family.discriminator_loss(nets, batch(), context())) == ["adversarial"]
    assert list(family.generator_loss(nets, batch(), context())) == ["adversarial"]


def test_the_discriminator_plays_five_times_then_the_generator() -> None:
    (stage,) = StarGAN(Config(), spec(MOODS)).stages()
    assert [(turn.player, turn.repeat) for turn in stage.turns] == [("discriminator", 5), ("generator", 1)]


def test_the_rates_are_the_papers() -> None:
    """Constant for 100,000 discriminator updates, then linear to zero over 100,000: as in the text of the paper, not as
    in the released code, which reduces the rate once per thousand updates by the amount for one update.
    """
    for player in StarGAN(Config(), spec(MOODS)).players():
        assert player.optimizer == Adam(lr=1e-4, betas=(0.5, 0.999))
    decay, total = Linear(start=1_600_000), 3_200_000
    factors = [decay(Clock(images=16 * update, total=total, updates=0)) for update in (0, 99_999, 150_000, 200_000)]
    assert factors == pytest.approx([1, 1, 0.5, 0])


# Errors


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        (spec(MOODS, side=18), {}, "images of 18x18 do not fit the generator.*set data.resolution to 16"),
        (spec(MOODS, side=4), {}, "images of 4x4 do not fit the generator.*set data.resolution to 8"),
        (spec(MOODS), {"halvings": 9}, "cannot be halved 9 times; set model.halvings=4 or fewer"),
        (spec(), {}, "needs two labels or one attribute"),
        (spec(LabelSet(labels=("x",), exclusive=True)), {}, "needs two labels or one attribute"),
        (spec(FACES), {"exclusive": (("black", "blondd"),)}, "no attribute 'blondd': did you mean 'blond'"),
        (spec(MOODS), {"exclusive": (("mood1", "mood2"),)}, "no attribute 'mood1'"),
    ],
)
def test_what_does_not_fit_is_refused(data: DataSpec, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        StarGAN(Config(channels=2, blocks=1, **options), data).build()


def test_an_attribute_is_in_one_group() -> None:
    with pytest.raises(ValidationError, match="must name 'black' once, not 2 times"):
        Config(exclusive=(("black", "blond"), ("black", "brown")))
