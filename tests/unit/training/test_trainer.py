"""The training loop, observed by a family that records its calls."""

from __future__ import annotations

import json
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
from gancli.errors import DataError
from gancli.family.context import Batch, Context, Losses, Nets, Stage, Turn
from gancli.family.contract import Family, Player
from gancli.family.optim import Adam
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import registry
from gancli.recipes.options import FamilyConfig, SourceConfig, TrainConfig
from gancli.recipes.recipe import Recipe
from gancli.runs import checkpoint as checkpoints
from gancli.runs.run import Run
from gancli.training.setup import build_training
from gancli.training.trainer import Trainer

DATA = DataSpec(channels=1, height=8, width=8)


class Toy(Family[FamilyConfig]):
    """Two linear networks; `diary` records every call of a loss."""

    diary: ClassVar[list[tuple]] = []
    turns: ClassVar[Sequence[tuple]] = [("d", 1, 1), ("g", 1, 1)]
    stage_options: ClassVar[Sequence[dict]] = [{"name": "all"}]

    def build(self) -> dict[str, nn.Module]:
        return {"g": nn.Linear(4, 4), "d": nn.Linear(4, 1), "judge": nn.Linear(4, 1)}

    def players(self) -> Sequence[Player]:
        return [Player(name=name, modules=(name,), optimizer=Adam(lr=0.01), ema=0.0) for name in ("g", "d")]

    def stages(self) -> Sequence[Stage]:
        turns = tuple(
            Turn(player=player, loss=getattr(self, f"{player}_loss"), repeat=repeat, every=every)
            for player, repeat, every in self.turns
        )
        return [Stage(**{"turns": turns, **options}) for options in self.stage_options]

    def d_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        self._note("d", batch, ctx)
        features = batch["image"].flatten(1)[:, :4]
        ctx.save(seen=features + 0 * nets.g(features))
        return {"adversarial": (nets.d(features) - 1).square().mean() + nets.judge(features).mean() * 0}

    def g_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        self._note("g", batch, ctx)
        noise = ctx.randn(len(batch["image"]), 4)
        return {"adversarial": nets.d(nets.g(noise)).square().mean(), "content": 0.1 * nets.g(noise).square().mean()}

    def _note(self, player: str, batch: Batch, ctx: Context) -> None:
        stage = ctx.stage.name if ctx.stage else ""
        size = tuple(batch["image"].shape)
        self.diary.append(
            (player, ctx.step, stage, float(ctx.fade), size, float(batch["image"].sum()), ctx.saved.get("seen"))
        )


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Toy]]:
    """Make `Toy` importable as a family, and restore attributes that a test sets on it."""
    module = types.ModuleType("toy_family_of_test")
    module.Toy = Toy  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_family_of_test", module)
    monkeypatch.setattr(registry(), "owner", lambda name: types.SimpleNamespace(package="toy", version="1"))
    monkeypatch.setattr(Toy, "diary", [])
    monkeypatch.setattr(Toy, "turns", Toy.turns)
    monkeypatch.setattr(Toy, "stage_options", Toy.stage_options)
    return Toy


def make(folder: Path, *, count: int = 43, **train: object) -> Trainer:
    info = FamilyInfo(
        name="toy", summary="", paper="", tasks=(), batch=("image",), family="toy_family_of_test:Toy", config=""
    )
    options = {"images": 64, "batch_size": 8, "log_every": 16} | train
    recipe = Recipe(
        name="toy",
        info=info,
        model=FamilyConfig(),
        data=SourceConfig(source="x"),
        train=TrainConfig(**options),
        heading=[],
    )
    run = Run(folder)
    run.begin({}, "")
    return Trainer(build_training(recipe, run, synthetic(DATA, count=count)))


def end_of(trainer: Trainer) -> checkpoints.Checkpoint:
    return checkpoints.newest_valid(trainer.run.checkpoints)[0]


def same(first: checkpoints.Checkpoint, second: checkpoints.Checkpoint) -> bool:
    for end in (first, second):
        end.state["files"].pop("timings", None)  # the one file that holds clock time
    return first.state == second.state and all(
        torch.equal(tensor, second.tensors[file][name])
        for file, tensors in first.tensors.items()
        for name, tensor in tensors.items()
    )


def test_turns_repeat_on_fresh_batches_and_the_next_turn_shares_the_last(tmp_path: Path, toy: type[Toy]) -> None:
    toy.turns = [("d", 3, 1), ("g", 1, 1)]
    trainer = make(tmp_path, images=48)
    trainer.train()
    assert [(player, step) for player, step, *_ in toy.diary] == [(p, s) for s in (0, 1) for p in ("d", "d", "d", "g")]
    sums = [note[5] for note in toy.diary]
    assert len(set(sums[:3])) == 3
    assert sums[3] == sums[2]
    assert trainer.state.images == 48
    assert trainer.loader.position == 48


def test_a_turn_can_pause(tmp_path: Path, toy: type[Toy]) -> None:
    toy.turns = [("d", 1, 1), ("g", 1, 3)]
    make(tmp_path, images=56).train()
    assert [step for player, step, *_ in toy.diary if player == "g"] == [0, 3, 6]


def test_what_a_turn_keeps_reaches_the_next_cut_from_the_graph(tmp_path: Path, toy: type[Toy]) -> None:
    make(tmp_path, images=16).train()
    seen = [note[6] for note in toy.diary if note[0] == "g"]
    assert all(isinstance(tensor, Tensor) and not tensor.requires_grad for tensor in seen)
    assert [note[6] for note in toy.diary if note[0] == "d"] == [None, None]


def test_stages_bring_their_length_batch_resolution_and_fade(tmp_path: Path, toy: type[Toy]) -> None:
    toy.turns = [("d", 1, 1), ("g", 1, 1)]
    toy.stage_options = [
        {"name": "4x4", "images": 16, "resolution": (4, 4)},
        {"name": "fade", "images": 32, "fade": 0.5},
        {"name": "8x8", "steps": 2, "batch_size": 4},
    ]
    make(tmp_path, images=None).train()
    assert [(note[2], note[3], note[4][0], note[4][2]) for note in toy.diary if note[0] == "d"] == [
        ("4x4", 1, 8, 4),
        ("4x4", 1, 8, 4),
        ("fade", 0, 8, 8),
        ("fade", 0.5, 8, 8),
        ("fade", 1, 8, 8),
        ("fade", 1, 8, 8),
        ("8x8", 1, 4, 8),
        ("8x8", 1, 4, 8),
    ]


def test_a_resolution_that_does_not_divide_is_refused_before_training(tmp_path: Path, toy: type[Toy]) -> None:
    toy.stage_options = [{"name": "8x8", "images": 16}, {"name": "3x8", "images": 16, "resolution": (3, 8)}]
    with pytest.raises(DataError, match=r"8x8 cannot be reduced to 3x8 .*; set data\.resolution"):
        make(tmp_path, images=None)


def test_optimizers_are_reset_once_where_a_stage_begins(tmp_path: Path, toy: type[Toy]) -> None:
    """Optimizers are reset also if the previous stage ends between two steps, and not again after a resume."""
    toy.stage_options = [{"name": "a", "images": 20}, {"name": "b", "images": 40, "reset_optimizers": True}]
    trainer = make(tmp_path, images=None)
    trainer.train()
    steps = {float(state["step"]) for state in trainer.players.states["g"].optimizer.state.values()}
    assert trainer.state.step == 8
    assert steps == {5}


@pytest.mark.parametrize("stop_after", range(1, 10))
def test_r2_stages_and_fades_resume_exactly(tmp_path: Path, toy: type[Toy], stop_after: int) -> None:
    toy.turns = [("d", 2, 1), ("g", 1, 1)]
    toy.stage_options = [
        {"name": "a", "images": 40, "resolution": (4, 4)},
        {"name": "b", "images": 72, "fade": 0.7, "reset_optimizers": True},
        {"name": "c", "steps": 3, "batch_size": 4},
    ]
    options = {"images": None, "ema": 0.9, "schedule": "linear", "accumulate": 2}
    whole = make(tmp_path / "whole", **options)
    whole.train()
    part = make(tmp_path / "part", **options)
    part.train(Stop(part, stop_after))
    rest = make(tmp_path / "part", **options)
    rest.resume()
    assert rest.state.step == stop_after
    rest.train()
    assert same(end_of(whole), end_of(rest))
    assert whole.run.metrics.read_bytes() == rest.run.metrics.read_bytes()


class Stop:
    """Requests a stop after a number of steps."""

    def __init__(self, trainer: Trainer, steps: int) -> None:
        self.trainer, self.steps = trainer, steps

    @property
    def requested(self) -> bool:
        return self.trainer.state.step >= self.steps


def test_micro_batches_add_up_to_the_batch(tmp_path: Path, toy: type[Toy]) -> None:
    toy.turns = [("d", 1, 1)]
    whole, parts = make(tmp_path / "whole"), make(tmp_path / "parts", accumulate=4)
    for trainer in (whole, parts):
        trainer.train()
    first, second = (trainer.players.modules["d"].state_dict() for trainer in (whole, parts))
    assert all(torch.allclose(first[name], second[name], rtol=1e-5, atol=1e-7) for name in first)
    assert len(toy.diary) == 8 + 4 * 8


def test_a_network_without_an_owner_never_changes(tmp_path: Path) -> None:
    trainer = make(tmp_path)
    before = trainer.players.modules["judge"].weight.clone()
    trainer.train()
    assert torch.equal(trainer.players.modules["judge"].weight, before)
    assert not trainer.players.modules["judge"].training


def test_the_log_holds_means_and_no_clock(tmp_path: Path) -> None:
    trainer = make(tmp_path, images=40)
    trainer.train()
    lines = [json.loads(line) for line in trainer.run.metrics.read_text().splitlines()]
    assert [(line["images"], line["step"], line["stage"]) for line in lines] == [
        (16, 2, "all"),
        (32, 4, "all"),
        (40, 5, "all"),
    ]
    assert set(lines[0]) == {"images", "step", "stage", "d/adversarial", "g/adversarial", "g/content"}
    timings = [json.loads(line) for line in trainer.run.timings.read_text().splitlines()]
    assert [line["images"] for line in timings] == [16, 32, 40]
    assert all(line["peak_memory_bytes"] > 10_000_000 for line in timings)


def test_starting_over_does_not_log_twice(tmp_path: Path) -> None:
    """A run that was killed before its first checkpoint starts again in the same directory."""
    for _ in range(2):
        trainer = make(tmp_path, images=16)
        trainer.train()
    assert len(trainer.run.metrics.read_text().splitlines()) == 1


def test_r4_data_order_does_not_depend_on_the_batch_size(tmp_path: Path, toy: type[Toy]) -> None:
    """Runs with different batch sizes see the same images in the same order."""
    toy.turns = [("d", 1, 1)]
    make(tmp_path / "a", images=48, batch_size=4).train()
    small = [note[5] for note in toy.diary]
    toy.diary.clear()
    make(tmp_path / "b", images=48, batch_size=8).train()
    large = [note[5] for note in toy.diary]
    assert [a + b for a, b in zip(small[::2], small[1::2], strict=True)] == pytest.approx(large, abs=1e-3)
