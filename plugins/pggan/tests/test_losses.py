"""Losses of Karras et al. 2018 in closed form, and tasks at every level."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.family import Context, DataSpec, Nets, Stage
from gancli.testing import BATCH_SIZE, batch, context
from gancli_pggan.config import Config
from gancli_pggan.family import PGGAN
from gancli_pggan.plugin import gan_families

GREY = DataSpec(channels=1, height=16, width=16)
SMALL = {"latent_dim": 8, "channels_base": 32, "channels_max": 8}


def nets() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return PGGAN(Config(**SMALL), GREY).build()


class Plane(nn.Module):
    """Linear discriminator w . x + shift for images of any level, which records its inputs."""

    def __init__(self, *, length: float = 1.0, shift: float = 0.0) -> None:
        super().__init__()
        weight = torch.randn(256, 1, generator=torch.Generator().manual_seed(0))
        self.weight = nn.Parameter(length * weight / weight.norm())
        self.shift = shift
        self.seen: list[Tensor] = []

    def forward(self, image: Tensor, level: int, fade: Tensor | None) -> Tensor:
        self.seen.append(image)
        return image.flatten(1) @ self.weight + self.shift


def at(stage: str, fade: float = 1.0, *, step: int = 0) -> Context:
    """Return a context in the stage with the given name."""
    stages: dict[str, Stage] = {each.name: each for each in PGGAN(Config(**SMALL), GREY).stages()}
    ctx = context()
    ctx.stage, ctx.fade, ctx.step = stages[stage], torch.tensor(fade), step
    return ctx


def terms_of(plane: Plane, ctx: Context | None = None, **options: object) -> dict[str, Tensor]:
    family = PGGAN(Config(**SMALL | options), GREY)
    playing = Nets({**nets(), "discriminator": plane})
    return dict(family.discriminator_loss(playing, batch(gan_families(), GREY), ctx or context()))


@pytest.mark.parametrize(("gamma", "length"), [(1.0, 1.0), (1.0, 3.0), (750.0, 1.0), (750.0, 750.0)])
def test_the_penalty_of_a_linear_discriminator(gamma: float, length: float) -> None:
    """The penalty is 10 (|w| - gamma)^2 / gamma^2: 9.97 for a unit vector and a gamma of 750."""
    penalty = terms_of(Plane(length=length), gamma=gamma)["penalty"].item()
    assert penalty == pytest.approx(10 * (length - gamma) ** 2 / gamma**2, rel=1e-4, abs=1e-9)


def test_a_lazy_penalty_weighs_as_much_more_as_it_is_rarer() -> None:
    full = terms_of(Plane(length=3))["penalty"]
    for step in range(9):
        terms = terms_of(Plane(length=3), at("16x16", step=step), penalty_every=4)
        assert ("penalty" in terms) is (step % 4 == 0)
        if "penalty" in terms:
            assert terms["penalty"].item() == pytest.approx(4 * full.item(), rel=1e-5)


def test_drift_is_the_mean_square_of_real_scores() -> None:
    plane = Plane(shift=3.0)
    scores = plane(batch(gan_families(), GREY)["image"], 2, None)
    drift = terms_of(plane)["drift"].item()
    assert drift == pytest.approx(1e-3 * scores.square().mean().item(), rel=1e-5)
    assert terms_of(plane, drift=0.5)["drift"].item() == pytest.approx(500 * drift, rel=1e-5)


def test_adversarial_terms_are_what_wasserstein_asks_for() -> None:
    """The discriminator minimises E D(fake) - E D(real), the generator -E D(fake)."""
    plane, family = Plane(), PGGAN(Config(**SMALL), GREY)
    adversarial = terms_of(plane)["adversarial"].item()
    real, fake, _ = plane.seen
    scores = [(images.flatten(1) @ plane.weight).mean().item() for images in (real, fake)]
    assert adversarial == pytest.approx(scores[1] - scores[0], rel=1e-4, abs=1e-6)
    terms = family.generator_loss(Nets({**nets(), "discriminator": plane}), batch(gan_families(), GREY), context())
    inputs = (plane.seen[-1].flatten(1) @ plane.weight).mean().item()
    assert {name: term.item() for name, term in terms.items()} == {"adversarial": pytest.approx(-inputs, rel=1e-4)}


def test_least_squares_without_penalty_and_drift() -> None:
    """The terms are (D(x) - 1)^2 / 2, D(G(z))^2 / 2 and (D(G(z)) - 1)^2 / 2: for D = 3 they are 2, 4.5 and 2."""
    constant, family = Plane(length=0.0, shift=3.0), PGGAN(Config(**SMALL, loss="lsgan"), GREY)
    terms = terms_of(constant, loss="lsgan")
    assert {name: term.item() for name, term in terms.items()} == {"real": 2.0, "fake": 4.5}
    playing = Nets({**nets(), "discriminator": constant})
    terms = dict(family.generator_loss(playing, batch(gan_families(), GREY), context()))
    assert {name: term.item() for name, term in terms.items()} == {"adversarial": 2.0}


@pytest.mark.parametrize("fade", [0.0, 0.25, 1.0])
def test_real_images_fade_as_generated_ones_do(fade: float) -> None:
    plane, image = Plane(), batch(gan_families(), GREY)["image"]
    terms_of(plane, at("16x16 fade", fade))
    coarse = image.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5)).repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = (1 - fade) * coarse + fade * image
    assert torch.allclose(plane.seen[0], expected, atol=1e-6)
    if fade == 1.0:
        assert torch.equal(plane.seen[0], image)


def test_each_image_is_mixed_by_a_number_of_its_own() -> None:
    plane = Plane()
    terms_of(plane)
    real, fake, mixed = plane.seen
    apart = (fake - real).abs() > 0.1  # where both are almost equal, the quotient is undefined
    quotients = (mixed - real) / (fake - real)
    shares = torch.stack([quotients[row][apart[row]].mean() for row in range(BATCH_SIZE)])
    for row in range(BATCH_SIZE):
        assert torch.allclose(quotients[row][apart[row]], shares[row], atol=1e-4)
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert shares.std() > 0


@pytest.mark.parametrize(("stage", "fade"), [("4x4", 1.0), ("8x8 fade", 0.3), ("16x16 fade", 1.0), ("16x16", 1.0)])
def test_tasks_work_where_the_networks_stand(stage: str, fade: float) -> None:
    """Samples have the size of the level; the discriminator averages larger images over squares."""
    ctx, modules, family = at(stage, fade), nets(), PGGAN(Config(**SMALL), GREY)
    standing = Nets(modules, stage=ctx.stage, fade=fade)
    z, image = torch.randn(4, 8), batch(gan_families(), GREY, size=4)["image"]
    level = [4, 8, 16].index(ctx.stage.resolution[0])
    share = torch.tensor(fade) if "fade" in stage else None
    assert torch.equal(family.sample(standing, z), modules["generator"](z, level, share).clamp(-1, 1))
    small = F.avg_pool2d(image, 16 // ctx.stage.resolution[0])
    expected = modules["discriminator"](small, level, share).squeeze(1)
    assert torch.equal(family.discriminate(standing, image), expected)
    assert torch.equal(family.discriminate(standing, small), expected)
