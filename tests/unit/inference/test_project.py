"""GAN inversion of a linear generator, whose solution is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gancli.data.spec import DataSpec
from gancli.errors import NumericalError
from gancli.family.context import Context, Nets
from gancli.family.contract import Family
from gancli.inference.model import Model
from gancli.inference.project import invert
from gancli.inference.sample import generate, latents
from gancli.recipes.options import FamilyConfig

LATENT, SIDE = 3, 4


class Linear(Family[FamilyConfig]):
    """Images are a matrix times z plus the label's index; batch norm statistics must not change."""

    def build(self) -> dict[str, nn.Module]:
        torch.manual_seed(0)
        return {"generator": nn.Sequential(nn.Linear(LATENT, SIDE * SIDE), nn.BatchNorm1d(SIDE * SIDE))}

    def latent(self, n: int, ctx: Context) -> Tensor:
        return ctx.randn(n, LATENT)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        level = 0 if label is None else label[:, None]
        images: Tensor = (nets.generator(z) + level).view(-1, 1, SIDE, SIDE)
        return images


def model(*labels: str) -> Model:
    family = Linear(FamilyConfig(), DataSpec(channels=1, height=SIDE, width=SIDE, labels=labels))
    nets = Nets({name: module.requires_grad_(False).eval() for name, module in family.build().items()})
    options: dict[str, Any] = {"images": 0, "digest": "0", "ema": False, "skipped_checkpoints": ()}
    return Model(
        family=family,
        nets=nets,
        abilities=frozenset({"sample"}),
        labels=labels,
        run="toy",
        device=torch.device("cpu"),
        **options,
    )


def test_what_the_model_made_is_found_again() -> None:
    toy = model()
    z = torch.tensor([[0.3, -1.2, 0.8]])
    inversion = invert(toy, generate(toy, z, None), seeds=range(2), labels=[], steps=300)
    assert inversion.z == pytest.approx(z, abs=1e-3)
    assert inversion.error < 1e-7
    assert torch.equal(generate(toy, inversion.z, None), inversion.image)


def test_what_it_cannot_make_comes_as_near_as_least_squares() -> None:
    toy = model()
    target = torch.randn(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    zero = generate(toy, torch.zeros(1, LATENT), None)
    matrix = torch.cat([generate(toy, row[None], None) - zero for row in torch.eye(LATENT)]).flatten(1).T
    best = torch.linalg.lstsq(matrix, (target - zero).flatten()[:, None]).solution.T
    inversion = invert(toy, target, seeds=[5], labels=[], steps=400)
    assert inversion.error == pytest.approx(float((generate(toy, best, None) - target).square().mean()), rel=1e-4)
    assert inversion.error == pytest.approx(float((inversion.image - target).square().mean()))


def test_no_step_takes_the_best_seed_as_it_is() -> None:
    toy = model()
    z = latents(toy, range(20))
    target = generate(toy, z[13:14] + 1e-3, None)
    inversion = invert(toy, target, seeds=range(20), labels=[], steps=0)
    assert inversion.seed == 13
    assert torch.equal(inversion.z, z[13:14])


def test_more_seeds_or_steps_are_never_worse() -> None:
    toy = model()
    target = torch.randn(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    few = [invert(toy, target, seeds=[seed], labels=[], steps=5).error for seed in range(3)]
    assert invert(toy, target, seeds=range(3), labels=[], steps=5).error == pytest.approx(min(few))
    assert invert(toy, target, seeds=[0], labels=[], steps=0).error >= few[0]


def test_the_label_is_found_too() -> None:
    toy = model("a", "b", "c")
    z = torch.zeros(1, LATENT)
    target = generate(toy, z, torch.tensor([2]))
    calls = []
    inversion = invert(toy, target, seeds=[0], labels=[0, 1, 2], steps=100, progress=lambda *each: calls.append(each))
    assert inversion.label == 2
    assert calls == [(step, 100) for step in range(1, 101)]
    assert invert(toy, target, seeds=[0], labels=[1], steps=100).error > inversion.error


def test_the_model_stays_as_it_is() -> None:
    toy = model()
    generator = toy.nets.generator
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    state = torch.get_rng_state()
    invert(toy, torch.zeros(1, 1, SIDE, SIDE), seeds=range(20), labels=[], steps=3)
    after = generator.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in generator.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_model_that_draws_no_numbers() -> None:
    toy = model()
    toy.nets.modules["generator"][0].bias.fill_(torch.nan)
    with pytest.raises(NumericalError, match="not finite"):
        invert(toy, torch.zeros(1, 1, SIDE, SIDE), seeds=[0], labels=[], steps=1)
