"""The loop: batches, turns, updates, and what is written down between steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gancli.data import source
from gancli.data.loader import Loader, split
from gancli.data.resolutions import build_levels
from gancli.errors import DataError, NumericalError
from gancli.family.context import Context, Nets, Turn
from gancli.family.contract import Family
from gancli.family.optim import Clock
from gancli.io.types import Progress
from gancli.plugins.registry import import_class
from gancli.recipes.recipe import Recipe
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import Checkpoint
from gancli.runs.manifest import check_family, checkpoint_manifest
from gancli.runs.run import Run
from gancli.runtime import memory, random
from gancli.runtime.device import (
    autocast,
    choose_memory_format,
    choose_precision,
    keep_freed_memory,
    make_deterministic,
    use_fast_matmul,
)
from gancli.training.callbacks import Callback
from gancli.training.callbacks import Progress as TrainingProgress
from gancli.training.logging import Averages, JsonLines, ThroughputMeter
from gancli.training.players import Players
from gancli.training.preview import Previews
from gancli.training.signals import GracefulStop
from gancli.training.stages import PlannedStage, TrainState, apply_overrides, crossed, make_plan
from gancli.training.validation import Validator, conclude, evaluate

MAX_ROLLBACKS = 3
"""How often a run goes back to a checkpoint after a value that is not finite, before it gives up."""

REPORT_SECONDS = 0.2
"""How often the listener hears of progress."""


class Trainer:
    """One run of one recipe.

    Args:
        recipe: validated.
        run: where to write; its directory exists.
        packed: the training data.
        device: where to compute.
        listener: who watches.
        progress: told while the data are brought to the stages' resolutions.

    Raises:
        UsageError: what this run would draw needs a package that is not installed.
    """

    def __init__(
        self,
        recipe: Recipe,
        run: Run,
        packed: source.PackedDataset,
        *,
        device: torch.device,
        listener: Callback | None = None,
        progress: Progress | None = None,
    ) -> None:
        train = recipe.train
        if train.deterministic:
            make_deterministic()
        self.fast_matmul = device.type == "cpu" and use_fast_matmul()
        if device.type == "cpu":
            keep_freed_memory()
        self.recipe, self.run, self.packed, self.device = recipe, run, packed, device
        self.listener = listener or Callback()
        random.seed_everything(train.seed)
        self.family: Family[Any] = import_class(recipe.info.family)(recipe.model, packed.spec)
        self.plan = make_plan(self.family.stages(), train)
        modules = {name: module.to(device) for name, module in self.family.build().items()}
        self.formats = {
            name: choose_memory_format(train.memory_format, module, device) for name, module in modules.items()
        }
        for name, module in modules.items():
            module.to(memory_format=self.formats[name])
        players = [apply_overrides(player, train, self.plan) for player in self.family.players()]
        self.cast = Players(modules, players, compile=train.compile)
        self.dtype = choose_precision(train.precision, device, modules.values())
        levels = build_levels(packed, {planned.stage.resolution for planned in self.plan.stages}, progress)
        self.loader = Loader(
            packed, keys=recipe.info.batch, seed=train.seed, device=device, flip=recipe.data.flip, levels=levels
        )
        self.position = TrainState()
        self.generator = random.make_generator(device, train.seed)
        self.averages = Averages()
        self.metrics, self.timings = JsonLines(run.metrics), JsonLines(run.timings)
        self.previews = Previews(self.family, recipe, run, device, packed)
        ema = any(actor.averaged for actor in self.cast.actors.values())
        self.evaluations = Validator(self.family, recipe, run, packed, levels, device=device, total=self.total, ema=ema)
        self._fade = torch.ones((), device=device)
        self._speed = ThroughputMeter(device)
        self._saved_at: int | None = None

    @property
    def total(self) -> int:
        """Training images of the whole run."""
        return self.plan.images

    def resume(self) -> list[str]:
        """Goes to where the newest sound checkpoint of the run was taken; returns what is wrong with newer ones.

        Raises:
            DataError: there is none, or it is not of this recipe's family.
        """
        checkpoint, faults = checkpoints.newest_sound(self.run.checkpoints)
        self._go_to(checkpoint)
        return faults

    def go_back(self, checkpoint: Checkpoint, reason: str) -> None:
        """Goes to an earlier checkpoint, and draws other noise and other images from there."""
        rollbacks = self.position.rollbacks + 1
        self._go_to(checkpoint)
        self.position.rollbacks = rollbacks
        self.generator.manual_seed(self.recipe.train.seed + rollbacks)
        self.loader.position += self.packed.count // 2 + rollbacks
        self._speed.start(self.position.images)
        self.listener.rolled_back(reason, self.position.images)

    def train(self, stop: GracefulStop | None = None) -> bool:
        """Trains to the end, or until asked to stop; either way the last state is saved. Returns whether it ended.

        Raises:
            NumericalError: a value was not finite, and going back to the last checkpoint did not help.
            Collapse: the samples lost their diversity, and the recipe wants the run to end there.
            DiskError: the disk refuses; what was saved before is intact.
        """
        if self.position.images == 0:
            self.metrics.cut(0)
            self.timings.cut(0)
            self.evaluations.restore({}, 0)
            self._preview()
        self._speed.start(self.position.images)
        while self.position.images < self.total and not self.evaluations.over:
            if stop is not None and stop.requested:
                self.save()
                return False
            before = self.position.images
            try:
                self.step()
            except NumericalError as error:
                self._roll_back(error)
            else:
                self._write_down(before)
        self._log()
        self.save()
        conclude(self)
        return True

    def nets(self) -> Nets:
        """The networks as tasks use them, averaged where there is an average, and where they stand."""
        stage, fade = self.plan.reached(self.position)
        return Nets(self.cast.averaged(), stage=stage, fade=fade)

    def save(self) -> None:
        """Writes a checkpoint of this position, unless there is one."""
        if self._saved_at == self.position.images:
            return
        content, spare = snapshot(self), self.evaluations.spare()
        path = checkpoints.save(self.run.checkpoints, content, keep=self.recipe.train.keep, spare=spare)
        self._saved_at = self.position.images
        self.listener.saved(path)

    def step(self) -> None:
        """One step of the stage at `position`: every turn that is due. Nothing is written.

        Raises:
            NumericalError: a loss or a gradient is not finite; the turns before it have been taken.
        """
        index = self.plan.at(self.position.images)
        planned = self.plan.stages[index]
        if index != self.position.stage:
            self.position.stage = index
            if planned.stage.reset_optimizers:
                for actor in self.cast.actors.values():
                    actor.forget_moments()
        self._fade.fill_(planned.fade(self.position.images))
        contexts = [
            Context(
                device=self.device,
                generator=self.generator,
                step=self.position.step,
                stage=planned.stage,
                fade=self._fade,
            )
            for _ in range(self.recipe.train.accumulate)
        ]
        batch = self._draw(planned)
        for turn in planned.stage.turns:
            if self.position.step % turn.every == 0:
                for repetition in range(turn.repeat):
                    if repetition:
                        batch = self._draw(planned)
                    self._take(turn, batch, contexts)
        self.position.step += 1
        self.position.images += planned.images_per_step

    def _take(self, turn: Turn, batch: list[dict[str, Tensor]], contexts: list[Context]) -> None:
        actor = self.cast.turn(turn.player)
        for part, context in zip(batch, contexts, strict=True):
            with autocast(self.device, self.dtype):
                terms = turn.loss(self.cast.nets, part, context)
            total = sum(terms.values(), torch.zeros((), device=self.device))
            if not torch.isfinite(total):
                bad = next((name for name, term in terms.items() if not torch.isfinite(term)), "the sum of its terms")
                raise NumericalError(f"{turn.player}/{bad} is not finite")
            (total / len(batch)).backward()  # type: ignore[no-untyped-call]
            for name, value in (*terms.items(), *context.logged.items()):
                self.averages.add(f"{turn.player}/{name}", value)
            context.logged.clear()
        actor.update(Clock(images=self.position.images, total=self.total, updates=actor.updates))

    def _draw(self, planned: PlannedStage) -> list[dict[str, Tensor]]:
        """One batch, split into its micro-batches."""
        return split(self.loader.draw(planned.batch_size, planned.stage.resolution), self.recipe.train.accumulate)

    def _write_down(self, before: int) -> None:
        now = self.position.images
        train = self.recipe.train
        if crossed(train.log_every, before, now):
            self._log()
        ended = self.plan.at(before) != self.plan.at(now) or now >= self.total
        if crossed(train.preview_every, before, now) or ended:
            self._preview()
        if self.evaluations.due(before, now, steps=self.position.step):
            evaluate(self)
        if crossed(train.checkpoint_every, before, now):
            self.save()
        if self._speed.due(REPORT_SECONDS):
            self.listener.progressed(self._progress())

    def _log(self) -> None:
        means = self.averages.take()
        if not means:
            return
        stage, _ = self.plan.reached(self.position)
        place = {"images": self.position.images, "step": self.position.step, "stage": stage.name}
        speed = {"images": self.position.images, **self._speed.record(self.position.images)}
        self.metrics.append({**place, **means})
        self.timings.append(speed)
        self.listener.logged({**place, **means})
        self.listener.timed(speed)

    def _preview(self) -> None:
        preview = self.previews.draw(self.nets(), self.position.images)
        if preview is not None:
            self.listener.previewed(preview.path, preview.caption)

    def _progress(self) -> TrainingProgress:
        planned = self.plan.stages[self.plan.at(self.position.images)]
        return TrainingProgress(
            stage=planned.stage.name,
            fade=planned.fade(self.position.images),
            images=self.position.images,
            total=self.total,
            images_per_second=self._speed.lap(self.position.images),
            memory=memory.peak(self.device),
        )

    def _go_to(self, checkpoint: Checkpoint) -> None:
        restore(self, checkpoint)
        self._saved_at = self.position.images

    def _roll_back(self, error: NumericalError) -> None:
        """Goes back to the newest checkpoint, if that may still help."""
        reason = f"{error} at step {self.position.step:,} ({self.position.images:,} images)"
        if self.position.rollbacks >= MAX_ROLLBACKS or not checkpoints.complete(self.run.checkpoints):
            saved = (
                f"the checkpoint at {self._saved_at:,} images is intact" if self._saved_at else "nothing was saved yet"
            )
            raise NumericalError(f"{reason}; {saved}; lower the learning rate or set train.clip_grad") from None
        self.go_back(checkpoints.newest_sound(self.run.checkpoints)[0], reason)


def snapshot(trainer: Trainer) -> Checkpoint:
    """Where the trainer stands, on the CPU."""
    state = {
        "position": vars(trainer.position),
        "loader": trainer.loader.position,
        "players": {name: actor.counts() for name, actor in trainer.cast.actors.items()},
        "random": random.capture(trainer.generator),
        "averages": trainer.averages.state(),
        "evaluation": trainer.evaluations.standing.to_json(),
        "files": {"metrics": trainer.metrics.size, "timings": trainer.timings.size},
    }
    stage, fade = trainer.plan.reached(trainer.position)
    manifest = checkpoint_manifest(
        trainer.recipe,
        trainer.packed,
        images=trainer.position.images,
        step=trainer.position.step,
        stage=stage.name,
        fade=fade,
    )
    return Checkpoint(manifest=manifest, tensors=trainer.cast.tensors(), state=state)


def restore(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Puts a trainer where a snapshot was taken, and cuts what the run has written since.

    Raises:
        DataError: it is of another family, or does not fit the networks.
        DiskError: the disk refuses.
    """
    check_family(checkpoint.manifest, trainer.recipe)
    try:
        trainer.cast.restore(checkpoint.tensors)
    except (KeyError, RuntimeError) as error:
        raise DataError(
            f"the checkpoint at {checkpoint.images} images does not fit the networks of this recipe: "
            f"{' '.join(str(error).split())}"
        ) from None
    state = checkpoint.state
    trainer.position = TrainState(**state["position"])
    trainer.loader.position = state["loader"]
    for name, actor in trainer.cast.actors.items():
        actor.restore_counts(state["players"][name])
    random.restore(state["random"], trainer.generator)
    trainer.averages.restore(state["averages"], trainer.device)
    trainer.evaluations.restore(state.get("evaluation", {}), trainer.position.images)
    trainer.metrics.cut(state["files"]["metrics"])
    trainer.timings.cut(state["files"]["timings"])
