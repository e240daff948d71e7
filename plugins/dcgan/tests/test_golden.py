"""Guidelines of Radford et al. 2015, sizes of the published networks, and losses in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.family import Adam, DataSpec, Nets
from gancli.nn.cpu_convolution import Conv2d, ConvTranspose2d, FromImage, LatentToMap, MapToVector, ToImage
from gancli.testing import batch, context
from gancli_dcgan.config import Config
from gancli_dcgan.family import DCGAN
from gancli_dcgan.plugin import gan_families

SMALL = {"channels": 2, "latent_dim": 8}
AUTHORS = {"kernel": 5, "channels": 128}
GREY = DataSpec(channels=1, height=16, width=16)


def images(side: int, channels: int = 3) -> DataSpec:
    return DataSpec(channels=channels, height=side, width=side)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("options", "data", "generator", "discriminator"),
    [
        ({}, images(64), 3_576_704, 2_765_568),
        ({}, images(64, channels=1), 3_574_656, 2_763_520),
        ({}, images(32), 1_068_928, 663_296),
        ({}, images(128), 12_786_560, 11_164_416),
        (AUTHORS, images(64), 18_885_760, 17_232_768),
    ],
)
def test_parameter_counts(options: dict[str, object], data: DataSpec, generator: int, discriminator: int) -> None:
    with torch.device("meta"):
        modules = DCGAN(Config(**options), data).build()
    assert parameters(modules["generator"]) == generator
    assert parameters(modules["discriminator"]) == discriminator


@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize(
    "shape",
    [(1, 16, 16), (3, 32, 32), (4, 64, 64), (3, 128, 128), (1, 256, 256), (3, 16, 24), (1, 80, 48), (1, 28, 28)],
)
def test_shapes_and_ranges(shape: tuple[int, int, int], kernel: int) -> None:
    family = DCGAN(Config(**SMALL, kernel=kernel), DataSpec(channels=shape[0], height=shape[1], width=shape[2]))
    nets = Nets(family.build())
    drawn = family.sample(nets, 20 * family.latent(2, context()))
    assert drawn.shape == (2, *shape)
    assert drawn.abs().max() <= 1
    answers = family.discriminate(nets, drawn)
    assert answers.shape == (2,)
    assert ((answers > 0) & (answers < 1)).all()


@pytest.mark.parametrize("size", [(8, 8), (17, 17), (30, 30), (16, 256)])
def test_a_size_that_does_not_fit_is_answered_by_one_that_does(size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=f"images of {size[0]}x{size[1]} do not fit") as caught:
        DCGAN(Config(**SMALL), DataSpec(channels=1, height=size[0], width=size[1])).build()
    words = str(caught.value).split()
    side = int(words[words.index("data.resolution") + 2].rstrip(","))
    assert DCGAN(Config(**SMALL), images(side)).build()


def test_layers_of_the_example() -> None:
    """No batch normalisation next to the image, and no pooling, fully connected layers or biases."""
    modules = DCGAN(Config(), images(64)).build()
    up = [ConvTranspose2d, nn.BatchNorm2d, nn.ReLU]
    down = [Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    assert [type(layer) for layer in modules["generator"]] == [
        *(LatentToMap, nn.BatchNorm2d, nn.ReLU),
        *(3 * up),
        *(ToImage, nn.Tanh),
    ]
    assert [type(layer) for layer in modules["discriminator"]] == [
        *(FromImage, nn.LeakyReLU),
        *(3 * down),
        MapToVector,
    ]
    for module in modules.values():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                assert layer.bias is None
                assert layer.kernel_size == (4, 4)
            elif isinstance(layer, nn.LeakyReLU):
                assert layer.negative_slope == 0.2


def test_the_authors_networks_are_dense_at_the_base_with_statistics_for_each_unit() -> None:
    modules = DCGAN(Config(**AUTHORS), images(64)).build()
    dense, norm = modules["generator"][:2]
    assert isinstance(dense, nn.Linear)
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.num_features == 1024 * 4 * 4
    assert isinstance(modules["discriminator"][-1], nn.Linear)
    assert modules["discriminator"][-1].bias is None


@pytest.mark.parametrize("options", [{}, {"kernel": 5}])
def test_weights_are_drawn_as_in_the_paper(options: dict[str, object]) -> None:
    """Weights have a standard deviation of 0.02, and scales a mean of 1, each within five standard errors."""
    torch.manual_seed(0)
    for module in DCGAN(Config(**options), images(32)).build().values():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                weight = layer.weight
                assert abs(weight.std().item() / 0.02 - 1) < 5 / math.sqrt(2 * weight.numel())
                assert abs(weight.mean().item()) < 5 * 0.02 / math.sqrt(weight.numel())
            elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                assert abs(layer.weight.mean().item() - 1) < 5 * 0.02 / math.sqrt(layer.weight.numel())
                assert layer.weight.std().item() > 0
                assert not layer.bias.any()


def test_points_have_no_bounds() -> None:
    family = DCGAN(Config(latent_dim=2), DataSpec(channels=2, height=1, width=1, kind="points"))
    nets = Nets(family.build())
    assert family.sample(nets, 1e4 * family.latent(8, context())).abs().max() > 1
    assert not [module for net in family.build().values() for module in net.modules() if isinstance(module, nn.Tanh)]


class ConstantDiscriminator(nn.Module):
    """Discriminator with the same logit everywhere, which records its inputs."""

    def __init__(self, logit: float = 0.0) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(logit, dtype=torch.float64))
        self.seen: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen.append(inputs)
        return self.logit.expand(len(inputs), 1)


def play(config: Config, constant: ConstantDiscriminator) -> tuple[dict[str, dict[str, Tensor]], dict[str, float]]:
    """Return the loss terms of one step by player, and the logged values by full name."""
    family, ctx = DCGAN(config, GREY), context()
    nets = Nets({**family.build(), "discriminator": constant})
    inputs = batch(gan_families(), GREY)
    (stage,) = family.stages()
    terms = {turn.player: dict(turn.loss(nets, inputs, ctx)) for turn in stage.turns}
    return terms, {f"discriminator/{name}": value.item() for name, value in ctx.logged.items()}


def test_an_undecided_discriminator_is_at_the_optimum() -> None:
    terms, recorded = play(Config(**SMALL), ConstantDiscriminator())
    for name in ("real", "fake"):
        assert terms["discriminator"][name].item() == pytest.approx(math.log(2), rel=1e-6)
    assert terms["generator"]["adversarial"].item() == pytest.approx(math.log(2), rel=1e-6)
    assert recorded == pytest.approx(dict(DCGAN.optimum_values), rel=1e-6)


def test_real_and_fake_images_are_judged_in_batches_of_their_own() -> None:
    """Batch normalisation would mix their statistics."""
    constant = ConstantDiscriminator()
    play(Config(**SMALL), constant)
    real = batch(gan_families(), GREY)["image"]
    generated, real_seen, fake_seen = constant.seen
    assert torch.equal(real_seen, real)
    assert torch.equal(fake_seen, generated)
    assert not fake_seen.requires_grad


def test_either_order_judges_the_images_of_one_z() -> None:
    def seen(order: str) -> tuple[list[str], list[Tensor]]:
        torch.manual_seed(0)
        constant = ConstantDiscriminator()
        terms, _ = play(Config(**SMALL, order=order), constant)
        return list(terms), constant.seen

    first, (generated, _, judged) = seen("generator_first")
    last, (_, judged_before, generated_after) = seen("discriminator_first")
    assert first == ["generator", "discriminator"]
    assert last == ["discriminator", "generator"]
    for other in (judged, judged_before, generated_after):
        assert torch.equal(generated, other)


def test_both_players_have_the_papers_optimizer() -> None:
    for player in DCGAN(Config(), GREY).players():
        assert player.optimizer == Adam(lr=2e-4, betas=(0.5, 0.999))


def test_the_best_discriminator_is_the_share_of_the_data() -> None:
    best = DCGAN(Config(), GREY).optimal_discriminator(torch.tensor([0.3, 0.5]), torch.tensor([0.1, 0.5]))
    assert best.tolist() == pytest.approx([0.75, 0.5])
