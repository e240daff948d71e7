"""The training loop: batches, turns, optimizer steps, and the files that are written between steps."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from gancli.data import cache
from gancli.data.loader import split
from gancli.errors import Collapse, DataError, NumericalError, UsageError
from gancli.family.context import Context, Nets, Turn
from gancli.family.optim import Clock
from gancli.figures import eval_curves
from gancli.io.text import visible
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import Checkpoint
from gancli.runs.documents import Position, known_fields
from gancli.runs.manifest import check_family, checkpoint_manifest
from gancli.runtime import memory, random
from gancli.runtime.device import autocast, eval_mode
from gancli.runtime.random import fork_all_rng
from gancli.training.callbacks import Callback, CallbackList, Progress
from gancli.training.logging import Averages, JsonLines, ThroughputMeter
from gancli.training.preview import thin
from gancli.training.setup import TrainingSetup
from gancli.training.signals import GracefulStop, InterruptedMeasurementError
from gancli.training.stages import PlannedStage, TrainState, crossed

MAX_ROLLBACKS = 3
"""Number of times that a run returns to a checkpoint after a non-finite value before it fails."""

REPORT_SECONDS = 0.2
"""Seconds between two calls of `Callback.on_progress`."""


class Trainer:
    """State and loop of one training run.

    Args:
        setup: the parts of the run, from `build_training`.
        callbacks: called as training goes on.

    Attributes:
        state: images shown, steps done, stage, rollbacks.
    """

    def __init__(self, setup: TrainingSetup, callbacks: Sequence[Callback] = ()) -> None:
        self.setup = setup
        self.callbacks = CallbackList(callbacks)
        self.recipe, self.run, self.device = setup.recipe, setup.run, setup.device
        self.family, self.plan, self.players = setup.family, setup.plan, setup.players
        self.loader, self.generator, self.validator = setup.loader, setup.generator, setup.validator
        self.state = TrainState()
        self.averages = Averages()
        self.metrics, self.timings = JsonLines(self.run.metrics), JsonLines(self.run.timings)
        self._fade = torch.ones((), device=self.device)
        self._throughput = ThroughputMeter(self.device)
        self._saved_at: int | None = None
        self._evaluation_is_pending = False

    @property
    def total(self) -> int:
        """Number of training images of the whole run."""
        return self.plan.images

    def train(self, stop: GracefulStop | None = None) -> bool:
        """Train to the end or until a stop is requested, and save the last state. Return True if the run has ended.

        Raises:
            NumericalError: a value was not finite, also after returning to the last checkpoint.
            Collapse: the samples lost their diversity and `eval.guard` ends the run.
            DiskError: writing failed; earlier checkpoints are intact.
        """
        if self.state.images == 0:
            self.metrics.cut(0)
            self.timings.cut(0)
            self.validator.restore({}, 0)
            self._preview()
        self._throughput.start(self.state.images)
        while stop is None or not stop.requested:
            try:
                if self._ended(stop):
                    self._plot_evaluations()
                    return True
            except InterruptedMeasurementError:
                break
            except Collapse:  # the validator's decision, which the state already contains
                raise
            except NumericalError as error:
                self._recover(error)
        try:
            self.save()
        except NumericalError as error:
            raise self._not_finite(error) from None
        return False

    def _ended(self, stop: GracefulStop | None) -> bool:
        """Take a step, or save at the end of the run and return True.

        Raises:
            InterruptedMeasurementError: a stop was requested during an evaluation, which a resumed run repeats.
            NumericalError: a value is not finite.
        """
        before = self.state.images
        if self._evaluation_is_pending:
            self._evaluate(stop)
        elif before >= self.total or self.validator.out_of_patience:
            self._log()
            self.save()
            return True
        else:
            self.step()
            self._after_step(before, stop)
        return False

    def step(self) -> None:
        """Take one step of the current stage: every turn that is due. Nothing is written.

        Raises:
            NumericalError: a loss or a gradient is not finite; earlier turns of the step have been taken.
        """
        index = self.plan.index_at(self.state.images)
        planned = self.plan.stages[index]
        if index != self.state.stage:
            self.state.stage = index
            if planned.stage.reset_optimizers:
                for player in self.players.states.values():
                    player.reset_optimizer()
        self._fade.fill_(planned.fade(self.state.images))
        contexts = [
            Context(
                device=self.device,
                generator=self.generator,
                step=self.state.step,
                stage=planned.stage,
                fade=self._fade,
            )
            for _ in range(self.recipe.train.accumulate)
        ]
        batch = self._next_batch(planned)
        for turn in planned.stage.turns:
            if self.state.step % turn.every == 0:
                for repetition in range(turn.repeat):
                    if repetition:
                        batch = self._next_batch(planned)
                    self._take_turn(turn, batch, contexts)
        self.state.step += 1
        self.state.images += planned.images_per_step

    def nets(self) -> Nets:
        """The networks that tasks use (the average of a player that keeps one), with stage and fade."""
        stage, fade = self.plan.reached(self.state)
        return Nets(self.players.averaged(), stage=stage, fade=fade)

    def save(self) -> None:
        """Write a checkpoint of the current state, unless one exists. Logs are synced before their bytes are counted.

        Raises:
            NumericalError: weights, averages or moments of the optimizers are not finite; nothing was written.
            DataError: the images that it was trained on were damaged; nothing was written.
            DiskError: writing failed; earlier checkpoints are intact.
        """
        if self._saved_at == self.state.images:
            return
        self.players.check_finite()
        cache.check_verified()
        self.metrics.sync()
        self.timings.sync()
        path = checkpoints.save(
            self.run.checkpoints,
            self.state_dict(),
            keep=self.recipe.train.keep,
            spare=self.validator.checkpoints_to_keep(),
        )
        self._saved_at = self.state.images
        self.callbacks.on_save(path)

    def resume(self) -> list[str]:
        """Load the newest valid checkpoint of the run. Return the faults of newer ones.

        Raises:
            DataError: there is none, or it belongs to another family.
        """
        faults: list[str] = []
        for path in checkpoints.complete(self.run.checkpoints):
            try:
                self.load_state_dict(checkpoints.load(path))
            except DataError as error:
                faults.append(str(error))
            else:
                return faults
        raise checkpoints.none_valid(self.run.checkpoints, faults)

    def go_back(self, checkpoint: Checkpoint, reason: str) -> None:
        """Load an earlier checkpoint and continue from there with other noise and other images."""
        rollbacks = self.state.rollbacks + 1
        self.load_state_dict(checkpoint)
        self.state.rollbacks = rollbacks
        self.generator.manual_seed(self.recipe.train.seed + rollbacks)
        self.loader.position += self.setup.dataset.count // 2 + rollbacks
        self._throughput.start(self.state.images)
        self.callbacks.on_rollback(reason, self.state.images)

    def state_dict(self) -> Checkpoint:
        """The complete state of the run, on the CPU."""
        stage, fade = self.plan.reached(self.state)
        return Checkpoint(
            manifest=checkpoint_manifest(
                self.recipe,
                self.setup.dataset,
                images=self.state.images,
                step=self.state.step,
                stage=stage.name,
                fade=fade,
            ),
            tensors=self.players.tensors(),
            state={
                "position": vars(self.state),
                "loader": self.loader.position,
                "players": {name: player.counters() for name, player in self.players.states.items()},
                "random": random.capture(self.generator),
                "averages": self.averages.state(),
                "evaluation": self.validator.state.to_json(),
                "evaluation_is_pending": self._evaluation_is_pending,
                "files": {"metrics": self.metrics.size, "timings": self.timings.size},
            },
        )

    def load_state_dict(self, checkpoint: Checkpoint) -> None:
        """Restore `state_dict`, and cut log files of the run back to it.

        Raises:
            DataError: the checkpoint belongs to another family or does not fit the networks; another one must be
                loaded before training goes on, but no file has changed.
            DiskError: writing failed.
        """
        check_family(checkpoint.manifest, self.recipe)
        if not checkpoint.state:
            raise DataError(
                f"the checkpoint at {checkpoint.images:,} images holds only networks, so it cannot be trained on; "
                "start a new run"
            )
        checkpoint = checkpoint.rename_networks(self.family.renamed)
        state = checkpoint.state
        try:
            self.players.restore(checkpoint.tensors)
            self.state = TrainState(**known_fields(state["position"], Position))
            self.loader.position = state["loader"]
            for name, player in self.players.states.items():
                player.restore_counters(state["players"][name])
            random.restore(state["random"], self.generator)
            self.averages.restore(state["averages"], self.device)
            self.players.check_finite()
        except NumericalError as error:
            raise DataError(f"the checkpoint at {checkpoint.images} images is damaged: {error}") from None
        except (KeyError, IndexError, AttributeError, TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise DataError(
                f"the checkpoint at {checkpoint.images} images does not fit the networks of this recipe: "
                f"{visible(' '.join(str(error).split()))[:500]}"
            ) from None
        if self.state.stage >= len(self.plan.stages):
            raise DataError(
                f"the checkpoint at {checkpoint.images} images is of stage {self.state.stage + 1}, but this recipe "
                f"has only {len(self.plan.stages)}"
            )
        self._evaluation_is_pending = state.get("evaluation_is_pending", False)
        # A pending evaluation may have been written already, without the state that counts it.
        self.validator.restore(state.get("evaluation", {}), self.state.images - self._evaluation_is_pending)
        for log, size in ((self.metrics, state["files"]["metrics"]), (self.timings, state["files"]["timings"])):
            if missing := log.restore(size):
                self.callbacks.on_warning(missing)
        self._saved_at = self.state.images

    def _take_turn(self, turn: Turn, batch: list[dict[str, Tensor]], contexts: list[Context]) -> None:
        player = self.players.begin_turn(turn.player)
        for part, context in zip(batch, contexts, strict=True):
            with autocast(self.device, self.setup.dtype):
                losses = turn.loss(self.players.nets, part, context)
            total = sum(losses.values(), torch.zeros((), device=self.device))
            if not torch.isfinite(total):
                bad = next((name for name, term in losses.items() if not torch.isfinite(term)), "the sum of its terms")
                raise NumericalError(f"{turn.player}/{bad} is not finite")
            (total / len(batch)).backward()  # type: ignore[no-untyped-call]
            for name, value in (*losses.items(), *context.logged.items()):
                self.averages.add(f"{turn.player}/{name}", value)
            context.logged.clear()
        player.update(Clock(images=self.state.images, total=self.total, updates=player.updates))

    def _next_batch(self, planned: PlannedStage) -> list[dict[str, Tensor]]:
        """The next batch, split into micro-batches."""
        return split(self.loader.next_batch(planned.batch_size, planned.stage.resolution), self.recipe.train.accumulate)

    def _after_step(self, before: int, stop: GracefulStop | None) -> None:
        """Log, preview, evaluate, save and report where these are due."""
        now, train = self.state.images, self.recipe.train
        if crossed(train.log_every, before, now):
            self._log()
        stage_ended = self.plan.index_at(before) != self.plan.index_at(now) or now >= self.total
        if crossed(train.preview_every, before, now) or stage_ended:
            self._preview()
        if self.validator.due(before, now, steps=self.state.step):
            self._evaluation_is_pending = True
            self._evaluate(stop)
        if crossed(train.checkpoint_every, before, now):
            self.save()
        if self._throughput.due(REPORT_SECONDS):
            self.callbacks.on_progress(self._progress())

    def _log(self) -> None:
        means = self.averages.take()
        if not means:
            return
        stage, _ = self.plan.reached(self.state)
        record = {"images": self.state.images, "step": self.state.step, "stage": stage.name, **means}
        timing = {"images": self.state.images, **self._throughput.record(self.state.images)}
        self.metrics.append(record)
        self.timings.append(timing)
        self.callbacks.on_log(record)
        self.callbacks.on_timing(timing)

    def _preview(self) -> None:
        preview = self.setup.previews.draw(self.nets(), self.state.images)
        if preview is None:
            return
        every, ends = self.recipe.train.preview_every, [planned.end for planned in self.plan.stages]
        thin(self.run, self.state.images, every=every, stage_ends=ends)
        self.callbacks.on_preview(preview.path, preview.caption)

    def _evaluate(self, stop: GracefulStop | None) -> None:
        """Measure the networks, and carry out the validator's decision.

        Raises:
            InterruptedMeasurementError: a stop was requested; the evaluation is still pending.
            Collapse: the samples have collapsed and `eval.guard` ends the run; its last state is saved.
            DiskError: writing failed.
        """
        nets = self.nets()
        live = nets.holding(self.players.modules)
        self.callbacks.on_evaluation_start()
        with fork_all_rng(self.generator), eval_mode(nets.modules), eval_mode(live.modules):
            evaluation = self.validator.measure(
                nets,
                live,
                images=self.state.images,
                steps=self.state.step,
                interrupting=stop.interrupting() if stop else nullcontext(),
            )
        self._evaluation_is_pending = False
        self.callbacks.on_evaluation(evaluation)
        for name, fault in evaluation.faults.items():
            self.callbacks.on_warning(f"metric {name} failed and is left out from here on: {fault}")
        if evaluation.best:
            self.save()
            checkpoints.write_best(self.run.checkpoints, self.validator.state.best)
        decision = self.validator.decide(evaluation)
        if decision.warning:
            self.callbacks.on_warning(decision.warning)
        if decision.roll_back_to:
            self.go_back(decision.roll_back_to, decision.reason)
            self.validator.state.findings.rolled_back = True
            # A resumed run would otherwise continue from a checkpoint of the collapsed generator.
            checkpoints.discard_later(self.run.checkpoints, decision.roll_back_to.images)
        elif decision.fail:
            self.save()
            raise Collapse(decision.reason)
        elif decision.stop:
            self.callbacks.on_early_stop(decision.reason)

    def _plot_evaluations(self) -> None:
        """Plot the metrics over training, if matplotlib is installed; the report has curves of its own."""
        try:
            eval_curves.plot(self.run, best=self.validator.state.best, floor=self.recipe.eval.floor)
        except (DataError, UsageError) as error:  # a foreign line in eval.jsonl, or no matplotlib
            self.callbacks.on_warning(f"{eval_curves.NAME} cannot be plotted: {error}")

    def _progress(self) -> Progress:
        planned = self.plan.stages[self.plan.index_at(self.state.images)]
        return Progress(
            stage=planned.stage.name,
            fade=planned.fade(self.state.images),
            images=self.state.images,
            total=self.total,
            images_per_second=self._throughput.lap(self.state.images),
            memory=memory.peak(self.device),
        )

    def _recover(self, error: NumericalError) -> None:
        """Return to the newest checkpoint, unless that was tried `MAX_ROLLBACKS` times."""
        if self.state.rollbacks >= MAX_ROLLBACKS or not checkpoints.complete(self.run.checkpoints):
            raise self._not_finite(error) from None
        self.go_back(checkpoints.newest_valid(self.run.checkpoints)[0], self._place(error))

    def _not_finite(self, error: NumericalError) -> NumericalError:
        """Return the error that ends the run, with its last checkpoint, which is finite because saving checks it."""
        saved = f"the checkpoint at {self._saved_at:,} images is intact" if self._saved_at else "nothing was saved yet"
        return NumericalError(f"{self._place(error)}; {saved}; lower the learning rate or set train.clip_grad")

    def _place(self, error: NumericalError) -> str:
        return f"{error} at step {self.state.step:,} ({self.state.images:,} images)"
