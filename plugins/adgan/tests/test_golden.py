"""Losses and searches of Deecke et al. 2018 and Schlegl et al. 2017."""

from __future__ import annotations

import copy
import hashlib
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from gancli.family import Adam, DataSpec, Detection, Nets, RMSprop
from gancli.testing import batch, context
from gancli_adgan.config import Config
from gancli_adgan.family import ADGAN
from gancli_adgan.plugin import gan_families
from gancli_adgan.search import search_weights, with_fast_rows

GREY = DataSpec(channels=1, height=16, width=16)
COLOUR = DataSpec(channels=3, height=16, width=24)
SMALL = {"channels": 4, "latent_dim": 6, "seeds": 3}


def family(data: DataSpec = GREY, **options: object) -> ADGAN:
    return ADGAN(Config(**{**SMALL, **options}), data)


def networks(of: ADGAN) -> Nets:
    """Return networks like trained ones: with larger weights and batch statistics than at initialisation."""
    torch.manual_seed(0)
    modules = of.build()
    for module in modules.values():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, std=0.15)
            elif isinstance(layer, nn.BatchNorm2d):
                assert layer.running_mean is not None
                assert layer.running_var is not None
                layer.running_mean.normal_(std=0.1)
                layer.running_var.uniform_(0.5, 1.5)
        module.eval().requires_grad_(False)
    return Nets(modules)


def images(data: DataSpec, count: int) -> Tensor:
    return torch.rand(count, *data.shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def search(of: ADGAN, nets: Nets, image: Tensor, starts: Tensor) -> Detection:
    return of.search(nets.modules["generator"], nets.modules["critic"], image, starts)


def generated(of: ADGAN, nets: Nets, starts: Tensor) -> Tensor:
    """Return the images that a search starts from, with the same rounding."""
    if of.config.score == "anogan":
        drawn: Tensor = nets.generator(starts)
        return drawn
    blank = torch.zeros(len(starts), *of.data.shape)
    generator = nets.modules["generator"]
    assert isinstance(generator, nn.Sequential)
    return search_weights(generator, blank, starts, steps=0, latent_rate=0.25, weights_rate=5e-5)


def content(nets: Nets) -> str:
    digest = hashlib.sha256()
    for module in nets.modules.values():
        for tensor in module.state_dict().values():
            digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize(
    ("data", "generator"),
    [
        (DataSpec(channels=1, height=32, width=32), 1_705_856),
        (DataSpec(channels=3, height=32, width=32), 1_707_904),
        (DataSpec(channels=3, height=64, width=64), 4_854_656),
    ],
)
def test_parameter_counts(data: DataSpec, generator: int) -> None:
    with torch.device("meta"):
        modules = ADGAN(Config(), data).build()
    assert sum(parameter.numel() for parameter in modules["generator"].parameters()) == generator


@pytest.mark.parametrize("options", [{}, {"score": "anogan"}])
@pytest.mark.parametrize("data", [GREY, COLOUR])
def test_a_search_leaves_every_tensor_as_it_was(options: dict[str, object], data: DataSpec) -> None:
    of = family(data, **options)
    nets = networks(of)
    nets.modules["generator"].train()
    before = content(nets)
    of.detect(nets, images(data, 3), context())
    assert content(nets) == before
    assert nets.modules["generator"].training
    assert all(parameter.grad is None for module in nets.modules.values() for parameter in module.parameters())


@pytest.mark.parametrize("score", ["adgan", "anogan"])
@pytest.mark.parametrize("steps", [0, 1, 7])
def test_what_is_drawn_from_the_starts_scores_nothing_and_keeps_to_it(score: str, steps: int) -> None:
    of = family(score=score, steps=steps)
    nets, start = networks(of), torch.randn(1, 6, generator=torch.Generator().manual_seed(2))
    image = generated(of, nets, start)
    found = search(of, nets, image, start)
    assert found.score.tolist() == [0.0]
    assert not found.heat.any()
    assert torch.equal(found.nearest, image)


def test_without_steps_the_score_is_the_error_of_the_starts() -> None:
    of, starts, inputs = family(steps=0), torch.randn(3, 6), images(GREY, 2)
    nets = networks(of)
    found = search(of, nets, inputs, starts)
    errors = torch.stack([(nets.generator(starts) - image).square().mean((1, 2, 3)) for image in inputs])
    assert torch.allclose(found.score, errors.mean(1), atol=1e-6)
    nearest = torch.stack([nets.generator(starts)[row] for row in errors.argmin(1)])
    assert torch.allclose(found.nearest, nearest, atol=1e-6)
    assert torch.allclose(found.heat, (nearest - inputs).abs(), atol=1e-6)


def test_the_score_of_anogan_is_nine_parts_pixels_and_one_part_features() -> None:
    of, starts, inputs = family(score="anogan", steps=0), torch.randn(3, 6), images(GREY, 1)
    nets = networks(of)
    drawn = nets.generator(starts)
    critic = nets.modules["critic"]
    assert isinstance(critic, nn.Sequential)
    residual = (drawn - inputs).abs().mean()
    features = (critic[:-1](drawn) - critic[:-1](inputs)).abs().mean()
    score = search(of, nets, inputs, starts).score
    assert score.item() == pytest.approx(0.9 * residual.item() + 0.1 * features.item(), rel=1e-5)


@pytest.mark.parametrize("score", ["adgan", "anogan"])
def test_small_steps_never_raise_the_score(score: str) -> None:
    inputs, starts = images(GREY, 2), torch.randn(3, 6)
    options = {"score": score, "latent_rate": 1e-3, "weights_rate": 1e-5, "feature_weight": 0.0}
    scores = []
    for steps in range(5):
        of = family(**options, steps=steps)
        scores.append(search(of, networks(of), inputs, starts).score)
    assert all((later <= earlier).all() for earlier, later in pairwise(scores))
    assert (scores[-1] < scores[0]).all()


def looped(generator: nn.Module, image: Tensor, start: Tensor, *, steps: int, weights_rate: float) -> Tensor:
    """Return the error of one start, with a separate copy of the generator and a separate optimizer."""
    twin = copy.deepcopy(generator).requires_grad_()
    z = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([{"params": [z], "lr": 0.25}, {"params": twin.parameters(), "lr": weights_rate}])
    for _ in range(steps):
        optimizer.zero_grad()
        (twin(z) - image).square().mean().backward()
        optimizer.step()
    return (twin(z) - image).square().mean().detach()


@pytest.mark.parametrize("data", [GREY, COLOUR])
@pytest.mark.parametrize("weights_rate", [0.0, 5e-5, 1e-2])
def test_all_at_once_equals_a_loop(data: DataSpec, weights_rate: float) -> None:
    """Loop over images and starts; with a learning rate of 0 for the weights, only z is searched."""
    of, inputs, starts = family(data, weights_rate=weights_rate), images(data, 2), torch.randn(3, 6)
    nets = networks(of)
    found = search(of, nets, inputs, starts)
    generator = nets.modules["generator"]
    for image, score in zip(inputs, found.score, strict=True):
        errors = [looped(generator, image[None], start[None], steps=5, weights_rate=weights_rate) for start in starts]
        assert score.item() == pytest.approx(torch.stack(errors).mean().item(), rel=1e-5)


def test_each_start_has_weights_of_its_own() -> None:
    """The error of a start does not depend on other starts, even with large learning rates of the weights."""
    of, inputs, starts = family(weights_rate=1e-2), images(GREY, 1), torch.randn(4, 6)
    nets = networks(of)
    alone = [search(of, nets, inputs, start[None]).score for start in starts]
    together = search(of, nets, inputs, starts).score
    assert together.item() == pytest.approx(torch.stack(alone).mean().item(), rel=1e-5)


@pytest.mark.parametrize("score", ["adgan", "anogan"])
def test_a_score_depends_on_no_other_image_to_the_bit(score: str) -> None:
    of, inputs = family(score=score), images(GREY, 11)
    nets = networks(of)
    whole = of.detect(nets, inputs, context())
    for rows in ([0], [4, 2], [10, *range(10)]):
        for all_at_once, part in zip(whole, of.detect(nets, inputs[rows], context()), strict=True):
            assert torch.equal(all_at_once[rows], part)


def test_other_noise_starts_elsewhere() -> None:
    of, inputs = family(), images(GREY, 1)
    nets = networks(of)
    assert of.detect(nets, inputs, context(0)).score != of.detect(nets, inputs, context(1)).score


def test_products_are_the_generator() -> None:
    for data in (GREY, COLOUR):
        generator = networks(family(data)).modules["generator"]
        assert isinstance(generator, nn.Sequential)
        z = torch.randn(2, 6)
        assert torch.allclose(with_fast_rows(generator)(z), generator(z), atol=1e-6)


class Plane(nn.Module):
    """Linear critic w . x."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(GREY.height * GREY.width, 1, generator=context().generator))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.flatten(1) @ self.weight


@pytest.mark.parametrize("penalty", ["gradient", "clip"])
def test_the_game_is_wassersteins(penalty: str) -> None:
    """For a linear critic, the distance is that of the means along w, and the penalty penalty_weight (||w|| - 1)^2."""
    of, critic, ctx = family(penalty=penalty, penalty_weight=7), Plane(), context()
    nets, inputs = Nets({**of.build(), "critic": critic}), batch(gan_families(), GREY)
    terms = of.critic_loss(nets, inputs, ctx)
    distance = ctx.logged["distance"].item()
    assert terms["adversarial"].item() == pytest.approx(-distance, rel=1e-6)
    fake = of.generator_loss(nets, inputs, context())["adversarial"].item()
    real = (inputs["image"].flatten(1) @ critic.weight).mean().item()
    assert distance == pytest.approx(real + fake, rel=1e-4, abs=1e-4)
    assert ("penalty" in terms) == (penalty == "gradient")
    if "penalty" in terms:
        assert terms["penalty"].item() == pytest.approx(7 * (critic.weight.norm().item() - 1) ** 2, rel=1e-4)


def test_the_critic_normalises_over_the_batch_only_where_no_penalty_is_about_single_images() -> None:
    def norms(**options: object) -> list[nn.Module]:
        return [layer for layer in family(**options).build()["critic"].modules() if isinstance(layer, nn.BatchNorm2d)]

    assert not norms(penalty="gradient")
    assert norms(penalty="clip")


def test_players() -> None:
    generator, critic = family().players()
    assert generator.optimizer == critic.optimizer == Adam(lr=1e-4, betas=(0.5, 0.9))
    assert critic.weight_clip is None
    generator, critic = family(penalty="clip").players()
    assert generator.optimizer == critic.optimizer == RMSprop(lr=5e-5)
    assert critic.weight_clip == 0.01
    (stage,) = family().stages()
    assert [(turn.player, turn.repeat) for turn in stage.turns] == [("critic", 5), ("generator", 1)]
