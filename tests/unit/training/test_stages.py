from __future__ import annotations

import pytest

from gancli.errors import UsageError
from gancli.family.context import Stage, Turn
from gancli.family.contract import Player
from gancli.family.optim import Adam, Clock
from gancli.recipes.options import TrainConfig
from gancli.training.stages import TrainState, apply_overrides, make_plan


def nothing(*_: object) -> dict[str, object]:
    return {}


def stage(name: str, *, repeat: int = 1, **options: object) -> Stage:
    return Stage(name=name, turns=(Turn(player="d", loss=nothing, repeat=repeat),), **options)


def test_a_stage_without_a_length_runs_for_the_recipes_images() -> None:
    plan = make_plan([stage("all")], TrainConfig(images=1_000, batch_size=32))
    assert [(planned.start, planned.end, planned.images_per_step) for planned in plan.stages] == [(0, 1_000, 32)]


def test_stages_follow_each_other_in_images_or_steps_and_the_recipe_caps_them() -> None:
    stages = [stage("a", steps=10, repeat=5), stage("b", images=500, batch_size=4), stage("c", images=10_000)]
    plan = make_plan(stages, TrainConfig(images=2_000, batch_size=16))
    assert [(planned.start, planned.end) for planned in plan.stages] == [(0, 800), (800, 1_300), (1_300, 2_000)]
    assert [planned.images_per_step for planned in plan.stages] == [80, 4, 16]
    assert [plan.index_at(images) for images in (0, 799, 800, 1_299, 1_300, 1_999, 2_000)] == [0, 0, 1, 1, 2, 2, 2]
    assert make_plan(stages, TrainConfig(images=900)).images == 900


def test_a_length_must_come_from_somewhere() -> None:
    with pytest.raises(UsageError, match=r"train\.images is missing"):
        make_plan([stage("all")], TrainConfig())
    assert make_plan([stage("all", images=64)], TrainConfig()).images == 64


def test_a_stages_batch_must_split() -> None:
    with pytest.raises(UsageError, match="does not divide the batch of 6 in 'a'"):
        make_plan([stage("a", batch_size=6, images=64)], TrainConfig(batch_size=8, accumulate=4))


def test_the_recipe_directs_the_players() -> None:
    plan = make_plan([stage("all")], TrainConfig(images=1_000))
    declared = Player(name="g", modules=("g",), optimizer=Adam(lr=1), ema=0.0, clip=7.0)
    unchanged = apply_overrides(declared, TrainConfig(), plan)
    assert (unchanged.ema, unchanged.clip) == (0.0, 7.0)
    train = TrainConfig(images=1_000, ema=0.99, clip_grad=2.0, schedule="linear", decay_from=0.25, warmup=100)
    directed = apply_overrides(declared, train, plan)
    assert (directed.ema, directed.clip) == (0.99, 2.0)
    factors = [directed.lr_schedule(Clock(images=at, total=1_000, updates=0)) for at in (0, 50, 250, 625, 1_000)]
    assert factors == pytest.approx([0, 0.5, 1, 0.5, 0])
    never = Player(name="d", modules=("d",), optimizer=Adam(lr=1))
    assert apply_overrides(never, train, plan).ema is None


def test_a_turn_repeats_or_pauses_but_not_both() -> None:
    turns = (Turn(player="d", loss=nothing, repeat=2, every=3),)
    with pytest.raises(UsageError, match="sets both repeat and every"):
        make_plan([Stage(name="a", turns=turns)], TrainConfig(images=10))


def test_a_fade_is_measured_by_the_stage_also_where_the_run_ends_within_it() -> None:
    stages = [stage("a", images=100), stage("b", images=200, fade=0.5)]
    for cap in (400, 150):
        plan = make_plan(stages, TrainConfig(images=cap, batch_size=10))
        assert [plan.stages[1].fade(images) for images in (100, 150, 200, 290)] == [0.0, 0.5, 1.0, 1.0]
        assert plan.reached(TrainState(images=150, stage=1)) == (stages[1], 0.5)
    # A last step that ends after its stage still belongs to it.
    assert plan.reached(TrainState(images=105, stage=0)) == (stages[0], 1.0)


def test_stages_have_names_of_their_own() -> None:
    with pytest.raises(UsageError, match="same name"):
        make_plan([stage("a", images=8), stage("a", images=8)], TrainConfig())
