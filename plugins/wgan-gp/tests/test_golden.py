"""Losses of Gulrajani et al. 2017 and Arjovsky et al. 2017 in closed form, and sizes of the published networks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.family import Adam, DataSpec, Nets, RMSprop
from gancli.testing import BATCH_SIZE, FamilyContract, batch, context
from gancli_wgan_gp.config import Config
from gancli_wgan_gp.family import WGANGP
from gancli_wgan_gp.networks import ResidualUp
from gancli_wgan_gp.plugin import gan_families

GREY = DataSpec(channels=1, height=16, width=16)
CIFAR = DataSpec(channels=3, height=32, width=32)
MNIST = DataSpec(channels=1, height=28, width=28)
PLANE = DataSpec(channels=2, height=1, width=1, kind="points")
RESIDUAL = {"architecture": "resnet", "channels": 128}
SMALL = {"channels": 4, "latent_dim": 8}


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("options", "data", "generator", "critic"),
    [
        ({"channels": 128}, CIFAR, 5_179_907, 4_114_689),
        ({"batch_norm": False}, MNIST, 1_554_177, 1_030_145),
        (RESIDUAL, CIFAR, 1_204_483, 1_053_825),
    ],
)
def test_parameter_counts(options: dict[str, object], data: DataSpec, generator: int, critic: int) -> None:
    with torch.device("meta"):
        modules = WGANGP(Config(**options), data).build()
    assert parameters(modules["generator"]) == generator
    assert parameters(modules["critic"]) == critic


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [
        ("dcgan", (1, 28, 28)),
        ("dcgan", (3, 64, 64)),
        ("dcgan", (4, 17, 20)),
        ("resnet", (3, 16, 16)),
        ("resnet", (1, 64, 64)),
    ],
)
def test_shapes_and_ranges(architecture: str, shape: tuple[int, int, int]) -> None:
    data = DataSpec(channels=shape[0], height=shape[1], width=shape[2])
    family = WGANGP(Config(**SMALL, architecture=architecture), data)
    nets = Nets(family.build())
    drawn = family.sample(nets, 20 * family.latent(2, context()))
    assert drawn.shape == (2, *shape)
    assert drawn.abs().max() <= 1
    assert family.discriminate(nets, drawn).shape == (2,)


@pytest.mark.parametrize("options", [SMALL, {**SMALL, "architecture": "resnet"}])
def test_a_critics_score_of_an_image_depends_on_no_other_image_and_has_no_bounds(options: dict[str, object]) -> None:
    family = WGANGP(Config(**options), GREY)
    nets = Nets(family.build())
    images = batch(gan_families(), GREY)["image"]
    together = family.discriminate(nets, images)
    alone = torch.cat([family.discriminate(nets, image[None]) for image in images])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-5)
    # Biases start at 0, so the critic is homogeneous and unbounded.
    assert torch.allclose(family.discriminate(nets, 1e4 * images), 1e4 * together, rtol=1e-3)


@pytest.mark.parametrize("size", [(28, 28), (8, 8), (16, 32)])
def test_residual_networks_double_squares(size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="square images of 16, 32, 64"):
        WGANGP(Config(**RESIDUAL), DataSpec(channels=3, height=size[0], width=size[1])).build()


def check_uniform(weight: Tensor, *, gain: float) -> None:
    """Check that the largest weight is close to the bound, `gain` times Glorot's without strides; n uniform numbers
    miss it by more than 10 / n with a probability of exp(-10).
    """
    glorot = math.sqrt(6 / (weight[0, 0].numel() * (weight.shape[0] + weight.shape[1])))
    assert 1 - 10 / weight.numel() < weight.abs().max().item() / (gain * glorot) <= 1 + 1e-6


def test_strided_networks_start_as_the_authors_do() -> None:
    """Fully connected layers have Glorot's bound, sqrt(3 * 2 / (inputs + outputs)), and convolutions sqrt(3 * 4 / ...),
    where the side of the smaller map counts a quarter with a stride of two.
    """
    torch.manual_seed(0)
    modules = WGANGP(Config(channels=16), CIFAR).build()
    up = [math.sqrt(2 * (a + b) / (a / 4 + b)) for a, b in ((64, 32), (32, 16), (16, 3))]
    for name, gains in (("generator", [1.0, *up]), ("critic", [*up[::-1], 1.0])):
        weights = [weight for weight in modules[name].parameters() if weight.dim() > 1]
        for weight, gain in zip(weights, gains, strict=True):
            check_uniform(weight, gain=gain)
        assert all(not bias.any() for key, bias in modules[name].named_parameters() if key.endswith("bias"))


def test_residual_networks_start_as_the_authors_do() -> None:
    """Glorot's bound for shortcuts and the generator's last layer, sqrt(2) times as much for other convolutions."""
    torch.manual_seed(0)
    for net in WGANGP(Config(architecture="resnet", channels=32), CIFAR).build().values():
        for name, weight in net.named_parameters():
            if weight.dim() > 1:
                plain = weight.dim() == 2 or "shortcut" in name or name == f"{len(net) - 2}.weight"
                check_uniform(weight, gain=1.0 if plain else math.sqrt(2))


def test_a_block_adds_to_the_enlarged_map() -> None:
    """If the convolutions are zero, only the shortcut remains, with each pixel repeated four times."""
    block = ResidualUp(2).eval()
    for convolution in (block.conv1, block.conv2, block.shortcut):
        nn.init.zeros_(convolution.weight)
        nn.init.zeros_(convolution.bias)
    with torch.no_grad():
        block.shortcut.weight[:, :, 0, 0] = torch.eye(2)
    x = torch.randn(1, 2, 3, 3)
    assert torch.equal(block(x), x.repeat_interleave(2, 2).repeat_interleave(2, 3))


class Plane(nn.Module):
    """Linear critic w . x + shift, which records its inputs."""

    def __init__(self, *, scale: float = 1.0, shift: float = 0.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(scale * torch.randn(GREY.height * GREY.width, 1, generator=generator))
        self.shift = shift
        self.seen: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen.append(inputs)
        return inputs.flatten(1) @ self.weight + self.shift


def terms_of(critic: nn.Module, *, seed: int = 0, **options: object) -> dict[str, Tensor]:
    torch.manual_seed(0)
    family = WGANGP(Config(**SMALL, **options), GREY)
    nets = Nets({**family.build(), "critic": critic})
    return dict(family.critic_loss(nets, batch(gan_families(), GREY), context(seed)))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_penalty_of_a_linear_critic(seed: int) -> None:
    """The penalty is lambda (||w|| - 1)^2 at all points."""
    critic = Plane()
    expected = 7 * (critic.weight.norm().item() - 1) ** 2
    assert terms_of(critic, seed=seed, penalty_weight=7)["penalty"].item() == pytest.approx(expected, rel=1e-5)


def test_the_penalty_of_a_constant_critic_is_its_weight() -> None:
    assert terms_of(Plane(scale=0.0))["penalty"].item() == pytest.approx(10, rel=1e-5)


def test_a_shift_of_all_scores_changes_nothing() -> None:
    """Equal up to float32 rounding of scores of this size."""
    first, shifted = terms_of(Plane()), terms_of(Plane(shift=3.0))
    for name, term in first.items():
        assert shifted[name].item() == pytest.approx(term.item(), rel=1e-5, abs=1e-4)


def test_each_image_is_mixed_by_a_number_of_its_own() -> None:
    critic = Plane()
    terms_of(critic)
    real, fake, mixed = critic.seen
    # Where both are almost equal, the quotient is undefined.
    apart = (fake - real).abs() > 0.1
    for row in range(BATCH_SIZE):
        share = ((mixed - real) / (fake - real))[row][apart[row]]
        assert torch.allclose(share, share.mean().expand_as(share), atol=1e-4)
        assert 0 <= share.mean() <= 1
    shares = [((mixed - real) / (fake - real))[row][apart[row]].mean() for row in range(BATCH_SIZE)]
    assert torch.stack(shares).std() > 0


def test_the_penalty_reaches_the_critic_and_not_the_generator() -> None:
    family = WGANGP(Config(**SMALL), GREY)
    modules = family.build()
    penalty = family.critic_loss(Nets(modules), batch(gan_families(), GREY), context())["penalty"]
    untouched = list(modules["generator"].parameters())
    gradients = torch.autograd.grad(penalty, untouched, allow_unused=True, retain_graph=True)
    assert gradients == (None,) * len(untouched)
    weights = [weight for weight in modules["critic"].parameters() if weight.dim() > 1]
    assert all(gradient.any() for gradient in torch.autograd.grad(penalty, weights))


def test_the_distance_is_how_much_higher_real_images_score() -> None:
    family, ctx, critic = WGANGP(Config(**SMALL), GREY), context(), Plane()
    terms = family.critic_loss(Nets({**family.build(), "critic": critic}), batch(gan_families(), GREY), ctx)
    real, fake, _ = critic.seen
    expected = ((real - fake).flatten(1) @ critic.weight).mean().item()
    assert ctx.logged["distance"].item() == pytest.approx(expected, rel=1e-4)
    assert terms["adversarial"].item() == pytest.approx(-expected, rel=1e-4)


def test_dequantisation_fills_one_grey_level() -> None:
    critic = Plane()
    terms_of(critic, dequantize=True)
    added = critic.seen[0] - batch(gan_families(), GREY)["image"]
    assert added.min() >= -1e-6
    assert added.max() <= 2 / 255 + 1e-6
    assert added.std() > 0


class Clipped(FamilyContract):
    family = "wgan-gp"
    model: ClassVar = {**SMALL, "penalty": "clip", "clip": 0.02, "critic_steps": 2}


@pytest.mark.parametrize("steps", [1, 3])
def test_clipped_weights_stay_in_their_box(tmp_path: Path, steps: int) -> None:
    trainer = Clipped().trainer(tmp_path / "run", images=2 * steps * BATCH_SIZE)
    critic, generator = trainer.players.modules["critic"], trainer.players.modules["generator"]
    assert max(weight.abs().max() for weight in critic.parameters()) > 0.02
    trainer.train()
    assert max(weight.abs().max() for weight in critic.parameters()) <= torch.tensor(0.02)
    assert max(weight.abs().max() for weight in generator.parameters()) > 0.02
    assert "penalty" not in terms_of(Plane(), penalty="clip")


def test_settings_of_the_papers() -> None:
    generator, critic = WGANGP(Config(), GREY).players()
    assert generator.optimizer == critic.optimizer == Adam(lr=1e-4, betas=(0.5, 0.9))
    assert critic.weight_clip is None
    generator, critic = WGANGP(Config(penalty="clip"), GREY).players()
    assert generator.optimizer == critic.optimizer == RMSprop(lr=5e-5)
    assert critic.weight_clip == 0.01
    (stage,) = WGANGP(Config(), GREY).stages()
    assert [(turn.player, turn.repeat) for turn in stage.turns] == [("critic", 5), ("generator", 1)]


def test_points_have_no_bounds() -> None:
    family = WGANGP(Config(latent_dim=2), PLANE)
    assert family.sample(Nets(family.build()), 1e4 * family.latent(8, context())).abs().max() > 1
