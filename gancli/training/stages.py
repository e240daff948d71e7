"""The plan of a run: its stages on the clock of training images, before anything is built."""

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
    """A stage with its place on the clock of training images.

    Args:
        stage: declaration of the stage.
        batch_size: images in a batch.
        batches_per_step: batches that one step takes.
        start: images shown when the stage begins.
        end: images shown when the stage ends.
        length: images of the whole stage, even if `train.images` ends the run earlier; a fade is relative to it.
    """

    stage: Stage
    batch_size: int
    batches_per_step: int
    start: int
    end: int
    length: int

    @property
    def images_per_step(self) -> int:
        return self.batch_size * self.batches_per_step

    def fade(self, images: int) -> float:
        """Progress of the fade after `images` training images, in [0, 1]."""
        length = self.stage.fade * self.length
        return min(1.0, (images - self.start) / length) if length else 1.0


@dataclass(frozen=True)
class Plan:
    """The stages of a run, in order."""

    stages: tuple[PlannedStage, ...]

    @property
    def images(self) -> int:
        """Number of training images of the whole run."""
        return self.stages[-1].end

    def index_at(self, images: int) -> int:
        """Index of the stage that runs after `images` training images."""
        return next((index for index, stage in enumerate(self.stages) if images < stage.end), len(self.stages) - 1)

    def reached(self, state: TrainState) -> tuple[Stage, float]:
        """Stage of the last step, and the progress of its fade after that step."""
        planned = self.stages[state.stage]
        return planned.stage, planned.fade(state.images)


@dataclass
class TrainState:
    """Progress of a run.

    Args:
        images: training images shown.
        step: steps done.
        stage: index of the stage of the last step.
        rollbacks: returns to an earlier checkpoint so far.
    """

    images: int = 0
    step: int = 0
    stage: int = 0
    rollbacks: int = 0


def make_plan(stages: Sequence[Stage], train: TrainConfig) -> Plan:
    """Place stages on the clock; `train.images` is the length of a stage without one, and caps the run.

    Raises:
        UsageError: a length is missing, a batch does not divide into `train.accumulate` micro-batches, two stages have
            one name, or a turn sets both `repeat` and `every`.
    """
    planned: list[PlannedStage] = []
    clock = 0
    if len({stage.name for stage in stages}) < len(stages):
        raise UsageError("two stages of this family have the same name; give each its own name")
    for stage in stages:
        batch_size = stage.batch_size or train.batch_size
        if batch_size % train.accumulate:
            raise UsageError(
                f"train.accumulate={train.accumulate} does not divide the batch of {batch_size} in {stage.name!r}"
            )
        for turn in stage.turns:
            if turn.repeat > 1 and turn.every > 1:
                raise UsageError(f"the turn of {turn.player!r} in {stage.name!r} sets both repeat and every; set one")
        batches_per_step = 1 + sum(turn.repeat - 1 for turn in stage.turns)
        length = _length(stage, batch_size * batches_per_step, train, clock)
        end = clock + length if train.images is None else min(clock + length, train.images)
        if end > clock:
            planned.append(
                PlannedStage(
                    stage=stage,
                    batch_size=batch_size,
                    batches_per_step=batches_per_step,
                    start=clock,
                    end=end,
                    length=length,
                )
            )
        clock = end
    return Plan(tuple(planned))


def check_micro_batches(plan: Plan, train: TrainConfig, min_batch_size: int, *, family: str) -> None:
    """Check that every micro-batch has as many images as the losses of a family need.

    Raises:
        UsageError: one has fewer.
    """
    for planned in plan.stages:
        images = planned.batch_size // train.accumulate
        if images < min_batch_size:
            parts = f" in {train.accumulate} micro-batches" if train.accumulate > 1 else ""
            instead = "raise train.batch_size" + (" or lower train.accumulate" if train.accumulate > 1 else "")
            raise UsageError(
                f"a batch of {planned.batch_size}{parts} is too small for {family}, which needs {min_batch_size} "
                f"images at once for its batch statistics; {instead}"
            )


def crossed(every: int, before: int, after: int) -> bool:
    """True if the range (before, after] contains a multiple of `every`."""
    return after // every > before // every


def apply_overrides(player: Player, train: TrainConfig, plan: Plan) -> Player:
    """The player with the options of the recipe's `train:` section applied."""
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
        raise UsageError("train.images is missing: set the number of training images to show")
    return max(0, train.images - clock)
