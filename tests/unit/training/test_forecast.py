"""The forecast of a dry run: exact counts, estimates for all stages, and no side effects."""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from gancli.data.sources.synthetic import synthetic
from gancli.data.spec import DataSpec
from gancli.family.context import Batch, Context, Losses, Nets, Stage, Turn
from gancli.family.contract import Family, Player
from gancli.family.optim import SGD, Adam
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import registry
from gancli.recipes.options import FamilyConfig, SourceConfig, TrainConfig
from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run
from gancli.training import forecast as forecasts
from gancli.training.forecast import (
    OPERATIONS_PER_BYTE,
    STEPS,
    WARM_UP,
    cost_of_batches,
    count_costs,
    find_period,
    forecast,
)
from gancli.training.setup import build_training
from gancli.training.trainer import Trainer

DATA = DataSpec(channels=1, height=8, width=8)
SMALL = (4 * 16 + 16) + (16 * 1 + 1)  # a generator's level 4 -> 16, a discriminator's level 16 -> 1
LARGE = (4 * 64 + 64) + (64 * 1 + 1)


class Growing(Family[FamilyConfig]):
    """A linear generator and a linear discriminator for each of two resolutions."""

    peeks: ClassVar[bool] = False
    penalty_every: ClassVar[int] = 0
    every: ClassVar[int] = 1
    taken: ClassVar[list[tuple[str, int, tuple[int, ...]]]] = []

    def build(self) -> dict[str, nn.Module]:
        return {
            "g": nn.ModuleList([nn.Linear(4, 16), nn.Linear(4, 64)]),
            "d": nn.ModuleList([nn.Linear(16, 1), nn.Linear(64, 1)]),
            "judge": nn.Linear(4, 4),
        }

    def players(self) -> Sequence[Player]:
        return [
            Player(name="g", modules=("g",), optimizer=SGD(lr=0.1)),
            Player(name="d", modules=("d",), optimizer=Adam(lr=0.1), ema=0.9),
        ]

    def stages(self) -> Sequence[Stage]:
        turns = (Turn(player="d", loss=self.d_loss, repeat=2), Turn(player="g", loss=self.g_loss, every=self.every))
        return [
            Stage(name="4x4", turns=turns, images=120, resolution=(4, 4)),
            Stage(name="8x8", turns=turns, images=80, batch_size=4),
        ]

    def d_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        real, fake = self._answers(nets, batch, ctx)
        self.taken.append(("d", ctx.step, tuple(batch["image"].shape)))
        terms = {"adversarial": fake.mean() - real.mean()}
        if self.penalty_every and ctx.step % self.penalty_every == 0:
            terms["drift"] = real.square().mean()
        return terms

    def g_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        _, fake = self._answers(nets, batch, ctx)
        self.taken.append(("g", ctx.step, tuple(batch["image"].shape)))
        if self.peeks and fake.mean() > 0:
            return {"adversarial": -2 * fake.mean()}
        return {"adversarial": -fake.mean()}

    def _answers(self, nets: Nets, batch: Batch, ctx: Context) -> tuple[Tensor, Tensor]:
        level = 0 if ctx.stage is not None and ctx.stage.name == "4x4" else 1
        images = batch["image"].flatten(1)
        return nets.d[level](images), nets.d[level](nets.g[level](ctx.randn(len(images), 4)))


@pytest.fixture(autouse=True)
def growing(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Growing]]:
    """Make `Growing` importable as a family, and restore attributes that a test sets on it."""
    module = types.ModuleType("growing_family_of_test")
    module.Growing = Growing  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "growing_family_of_test", module)
    monkeypatch.setattr(registry(), "owner", lambda name: types.SimpleNamespace(package="growing", version="1"))
    for name in ("peeks", "penalty_every", "every"):
        monkeypatch.setattr(Growing, name, getattr(Growing, name))
    monkeypatch.setattr(Growing, "taken", [])
    return Growing


def make(folder: Path, **train: object) -> Trainer:
    info = FamilyInfo(
        name="growing",
        summary="",
        paper="",
        tasks=(),
        batch=("image",),
        family="growing_family_of_test:Growing",
        config="",
    )
    recipe = Recipe(
        name="growing",
        info=info,
        model=FamilyConfig(),
        data=SourceConfig(source="x"),
        train=TrainConfig(**{"batch_size": 8, **train}),
        heading=[],
    )
    return Trainer(build_training(recipe, Run(folder / "run"), synthetic(DATA)))


def test_every_stage_is_measured(tmp_path: Path) -> None:
    small, large = forecast(make(tmp_path))
    assert (small.planned.stage.name, large.planned.stage.name) == ("4x4", "8x8")
    assert (small.parameters, large.parameters) == (SMALL, LARGE)
    assert (small.steps, large.steps) == (120 // 16 + 1, 80 // 8)
    assert small.measured
    assert large.measured
    assert min(small.seconds, large.seconds) > 0
    assert min(small.peak_memory, large.peak_memory) > 10_000_000  # no Python with torch is smaller


def test_nothing_is_written(tmp_path: Path) -> None:
    forecast(make(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_learned(tmp_path: Path) -> None:
    trainer = make(tmp_path)
    before = {name: tensor.clone() for name, tensor in trainer.players.modules["d"].state_dict().items()}
    forecast(trainer)
    assert all(torch.equal(tensor, before[name]) for name, tensor in trainer.players.modules["d"].state_dict().items())


@pytest.mark.parametrize("every", [1, 7])
def test_whole_periods_are_measured_on_the_stage_s_own_batches(
    tmp_path: Path, growing: type[Growing], monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    growing.every = every
    monkeypatch.setattr(forecasts, "find_period", lambda *_: 1)  # which would ask for losses too
    forecast(make(tmp_path))
    first = every * math.ceil(WARM_UP / every)
    steps = first + every * math.ceil(STEPS / every)
    for shape in [(8, 1, 4, 4), (4, 1, 8, 8)]:
        for player, expected in [("d", 2 * steps), ("g", steps // every)]:
            taken = [step for who, step, size in growing.taken if (who, size) == (player, shape)]
            assert len(taken) == expected
            assert max(taken) < steps


def test_without_a_budget_only_the_first_stage_is_measured(
    tmp_path: Path, growing: type[Growing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecasts, "find_period", lambda *_: 1)
    small, large = forecast(make(tmp_path), budget=0.0)
    assert [small.measured, large.measured] == [True, False]
    assert (small.parameters, large.parameters) == (SMALL, LARGE)  # of the second, counted
    assert len({step for _, step, size in growing.taken if size == (8, 1, 4, 4)}) == 1
    assert large.seconds > 0
    assert large.peak_memory > 10_000_000


def test_extrapolation_is_by_the_arithmetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make(tmp_path)
    times = iter([2.0])
    monkeypatch.setattr(forecasts._Probe, "_step", lambda self, planned: next(times))
    small, large = forecast(trainer, budget=0.0)
    costs = count_costs(trainer.family, trainer.recipe, trainer.plan.stages, torch.float32)
    assert costs is not None
    assert small.seconds == pytest.approx(2.0 * small.steps)
    assert large.seconds == pytest.approx(2.0 * costs[1].work / costs[0].work * large.steps)
    assert large.peak_memory - small.peak_memory == costs[1].saved - costs[0].saved + 12 * (LARGE - SMALL)


def test_what_backward_holds_is_counted_once(tmp_path: Path) -> None:
    """Counted by hand for the first stage: D's turn saves real and generated images, 8x16 numbers each; G's turn saves
    latent vectors, 8x4, and the 16 weights of D that the gradient passes through.
    """
    trainer = make(tmp_path)
    costs = count_costs(trainer.family, trainer.recipe, trainer.plan.stages, torch.float32)
    assert costs is not None
    of_d = 2 * 8 * 16
    of_g = 8 * 4 + 16
    assert costs[0].saved == 4 * max(of_d, of_g)


def test_the_first_steps_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make(tmp_path, images=160)
    times = iter([5.0, 3.0, 2.0] + [1.0] * STEPS)
    monkeypatch.setattr(forecasts._Probe, "_step", lambda self, planned: next(times, 1.0))
    small, _ = forecast(trainer, budget=1e9)
    assert small.seconds == pytest.approx(5 + 3 + 2 + (small.steps - 3))


def test_work_is_that_of_the_matrix_products_and_of_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted by hand for the first stage: two operations for each image and weight of a product."""

    def work() -> float:
        trainer = make(tmp_path)
        costs = count_costs(trainer.family, trainer.recipe, trainer.plan.stages, torch.float32)
        assert costs is not None
        return costs[0].work

    generate, judge = 2 * 8 * 4 * 16, 2 * 8 * 16 * 1
    of_d = generate + 2 * judge + 2 * judge  # fakes, two answers, and back to the weights of both
    of_g = judge + generate + judge + judge + generate  # an answer in vain, one to fakes, back to them and to weights
    with_bytes = work()
    monkeypatch.setattr("gancli.training.forecast.OPERATIONS_PER_BYTE", 0)
    assert work() == 2 * of_d + of_g
    assert with_bytes - work() > OPERATIONS_PER_BYTE * 4 * 8 * 16 * 4  # the images made, their gradient, in four turns


def test_repetitions_pauses_and_micro_batches_are_weighed(tmp_path: Path, growing: type[Growing]) -> None:
    def work(**train: object) -> float:
        trainer = make(tmp_path, **train)
        costs = count_costs(trainer.family, trainer.recipe, trainer.plan.stages, torch.float32)
        assert costs is not None
        return costs[0].work

    whole = work()
    growing.every = 4
    seldom = work()
    growing.every = 1_000_000
    never = work()
    assert (whole - never) == pytest.approx(4 * (seldom - never), rel=1e-3)
    growing.every = 1
    assert work(accumulate=2) == 2 * work(batch_size=4)


@pytest.mark.parametrize(("penalty_every", "period"), [(0, 1), (1, 1), (2, 2), (5, 5), (16, 16), (17, 1)])
def test_the_period_of_a_lazy_penalty_is_found(
    tmp_path: Path, growing: type[Growing], penalty_every: int, period: int
) -> None:
    growing.penalty_every = penalty_every
    trainer = make(tmp_path)
    assert find_period(trainer.family, trainer.recipe, trainer.plan.stages[0]) == period


def test_a_lazy_penalty_counts_by_its_share(tmp_path: Path, growing: type[Growing]) -> None:
    def work(penalty_every: int, period: int) -> float:
        growing.penalty_every = penalty_every
        trainer = make(tmp_path)
        costs = count_costs(trainer.family, trainer.recipe, trainer.plan.stages, torch.float32, period=period)
        assert costs is not None
        return costs[0].work

    never, always, seldom = work(0, 1), work(1, 1), work(5, 5)
    assert always > never
    assert seldom == pytest.approx(never + (always - never) / 5)


def test_a_lazy_penalty_is_measured_by_its_share(
    tmp_path: Path, growing: type[Growing], monkeypatch: pytest.MonkeyPatch
) -> None:
    growing.penalty_every = 5
    trainer = make(tmp_path)
    monkeypatch.setattr(forecasts, "STEPS", 7)  # which is no whole period
    taken = [0]

    def step(self: object, planned: object) -> float:
        taken[0] += 1
        return 11.0 if taken[0] % 5 == 1 else 1.0

    monkeypatch.setattr(forecasts._Probe, "_step", step)
    small, _ = forecast(trainer, budget=1e9)
    assert small.seconds == pytest.approx(15 + 3 * (small.steps - 5))


def test_a_loss_that_looks_at_values_is_extrapolated_by_the_size_of_its_batches(
    tmp_path: Path, growing: type[Growing]
) -> None:
    growing.peeks = True
    trainer = make(tmp_path)
    assert count_costs(trainer.family, trainer.recipe, trainer.plan.stages, torch.float32) is None
    sizes = [cost_of_batches(trainer.family, planned) for planned in trainer.plan.stages]
    assert [(size.work, size.saved) for size in sizes] == [(2 * 8 * 16, 8 * 16), (2 * 4 * 64, 4 * 64)]
    small, large = forecast(trainer, budget=0.0)
    assert large.seconds / large.steps == pytest.approx(2 * small.seconds / small.steps)
    assert large.parameters == SMALL  # nothing better is known


def test_progress(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    forecast(make(tmp_path), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
