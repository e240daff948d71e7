"""How long a run is, and what each of its stages is made of, before anything is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gancli.errors import UsageError
from gancli.family.context import Stage
from gancli.family.contract import Player
from gancli.family.optim import Constant, Linear, Schedule, Warmup
from gancli.recipes.options import TrainConfig


@dataclass(frozen=True, kw_only=True)
class PlannedStage:
    """A stage with its place on the run's clock of images.

    Args:
        stage: its declaration.
        batch_size: in images.
        draws: batches that one step takes.
        start: images shown when it begins.
        end: images shown when the next one may begin.
        length: its images, also where `train.images` ends the run before them: what a fade is measured by.
    """

    stage: Stage
    batch_size: int
    draws: int
    start: int
    end: int
    length: int

    @property
    def images_per_step(self) -> int:
        return self.batch_size * self.draws

    def fade(self, images: int) -> float:
        """How far the stage has faded where so many images were shown, in [0, 1]."""
        length = self.stage.fade * self.length
        return min(1.0, (images - self.start) / length) if length else 1.0


@dataclass(frozen=True)
class Plan:
    """All stages of a run."""

    stages: tuple[PlannedStage, ...]

    @property
    def images(self) -> int:
        """Training images of the whole run."""
        return self.stages[-1].end

    def at(self, images: int) -> int:
        """The index of the stage that runs after so many images."""
        return next((index for index, stage in enumerate(self.stages) if images < stage.end), len(self.stages) - 1)

    def reached(self, position: TrainState) -> tuple[Stage, float]:
        """Where networks stand: the stage of their last step, and how far it had faded by that step's end."""
        planned = self.stages[position.stage]
        return planned.stage, planned.fade(position.images)


@dataclass
class TrainState:
    """Where a run stands: training images shown, steps done, stage of the last step, rollbacks so far."""

    images: int = 0
    step: int = 0
    stage: int = 0
    rollbacks: int = 0


def make_plan(stages: Sequence[Stage], train: TrainConfig) -> Plan:
    """Places a family's stages on the clock; `train.images` fills a stage without a length and caps the run.

    Raises:
        UsageError: a length is missing, a batch does not split into the micro-batches asked for, or a turn both repeats
            and pauses, so that no step would be like another.
    """
    planned: list[PlannedStage] = []
    clock = 0
    if len({stage.name for stage in stages}) < len(stages):
        raise UsageError("two stages of this family have the same name; name each of them differently")
    for stage in stages:
        batch_size = stage.batch_size or train.batch_size
        if batch_size % train.accumulate:
            raise UsageError(
                f"train.accumulate={train.accumulate} does not divide the batch of {batch_size} in {stage.name!r}"
            )
        for turn in stage.turns:
            if turn.repeat > 1 and turn.every > 1:
                raise UsageError(f"the turn of {turn.player!r} in {stage.name!r} sets both repeat and every; set one")
        draws = 1 + sum(turn.repeat - 1 for turn in stage.turns)
        length = _length(stage, batch_size * draws, train, clock)
        end = clock + length if train.images is None else min(clock + length, train.images)
        if end > clock:
            planned.append(
                PlannedStage(stage=stage, batch_size=batch_size, draws=draws, start=clock, end=end, length=length)
            )
        clock = end
    return Plan(tuple(planned))


def crossed(every: int, before: int, after: int) -> bool:
    """Whether a multiple of `every` images was reached or passed on the way."""
    return after // every > before // every


def apply_overrides(player: Player, train: TrainConfig, plan: Plan) -> Player:
    """The player as the recipe's `train:` section wants it."""
    schedule: Schedule = player.lr_schedule
    if train.schedule == "linear":
        schedule = Linear(start=round(train.decay_from * plan.images))
    elif train.schedule == "constant":
        schedule = Constant()
    if train.warmup:
        schedule = Warmup(images=train.warmup, then=schedule)
    return replace(
        player,
        lr_schedule=schedule,
        clip=player.clip if train.clip_grad is None else train.clip_grad,
        ema=player.ema if train.ema is None or player.ema is None else train.ema,
    )


def _length(stage: Stage, images_per_step: int, train: TrainConfig, clock: int) -> int:
    if stage.images is not None:
        return stage.images
    if stage.steps is not None:
        return stage.steps * images_per_step
    if train.images is None:
        raise UsageError("train.images is missing: say how many training images to show in all")
    return max(0, train.images - clock)
