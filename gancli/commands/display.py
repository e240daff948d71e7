"""What `gan train` shows: a live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from gancli.engine.best import Best
from gancli.engine.evaluation import Evaluation
from gancli.engine.identity import device_name
from gancli.engine.listener import Listener
from gancli.engine.listener import Progress as RunProgress
from gancli.engine.trainer import Trainer
from gancli.recipe import Recipe
from gancli.run import Run

PLACE = ("images", "step", "stage")


class View(Listener):
    """Says what happens, line by line."""

    def __init__(self, recipe: Recipe, run: Run, console: Console) -> None:
        self.console = console
        self._recipe, self._run = recipe, run
        self._picture = ""
        self._evaluation: Evaluation | None = None

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)

    def started(self, trainer: Trainer) -> None:
        """The header: what runs, on what, and every choice that was made automatically."""
        packed = trainer.packed
        precision = "bf16" if trainer.dtype.itemsize == 2 else "fp32"
        matmul = ", oneDNN matrix products" if trainer.fast_matmul else ""
        self.say(
            f"{self._recipe.info.name} on {self._recipe.data.source}: {packed.described}, "
            f"{device_name(trainer.device)}, {precision}{matmul}"
        )
        for name, module in trainer.cast.modules.items():
            count = sum(parameter.numel() for parameter in module.parameters())
            form = ", channels last" if trainer.formats[name] is torch.channels_last else ""
            self.say(f"  {name}: {count:,} parameters{form}")
        if trainer.family.references:
            optimum = ", ".join(f"{name} {value:.4g}" for name, value in trainer.family.references.items())
            self.say(f"  at the optimum: {optimum}")
        if trainer.position.images:
            self.say(f"resumed at {trainer.position.images:,} of {trainer.total:,} images")

    def finished(self, trainer: Trainer, report: Path | None = None) -> None:
        """The last lines: where things lie, and what to type next.

        Args:
            trainer: at its end.
            report: the run's page, if it could be written.
        """
        self.say(f"trained on {trainer.position.images:,} images; the run is {self._run.path}")
        if self._picture:
            self.say(f"picture: {self._picture}")
        if report is not None:
            self.say(f"report: {report}")
        self._compare(trainer.evaluations.standing.best)
        for task in self._recipe.info.tasks:
            self.say(f"next: gan {task} {self._run.path}{'' if task == 'sample' else ' IMAGE'}")

    def _compare(self, best: Best | None) -> None:
        """What was measured last, and beside it the best, where that is an earlier checkpoint."""
        last = self._evaluation
        if last is not None and last.values:
            also = " (the best)" if best is not None and best.images == last.images else ""
            self.say(f"measured at {last.images:,} images: {_listed(last.values)}{also}")
        if best is not None and (last is None or best.images < last.images):
            kept = f"{self._run.checkpoints}/{best.images}"
            self.say(f"best at {best.images:,} images: {best.metric} {best.value:.4g}, kept as {kept}")

    def evaluated(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation

    def warned(self, sentence: str) -> None:
        self.say(f"warning: {sentence}")

    def ended_early(self, reason: str) -> None:
        self.say(reason)

    def previewed(self, path: Path, caption: str) -> None:
        self._picture = f"{path} ({caption})" if caption else str(path)

    def rolled_back(self, reason: str, images: int) -> None:
        self.say(f"{reason}: back to the checkpoint at {images:,} images")


class PlainView(View):
    """One line for every line of the metrics."""

    def logged(self, record: Mapping[str, Any]) -> None:
        values = "  ".join(f"{name} {value:.4g}" for name, value in record.items() if name not in PLACE)
        self.say(f"{record['images']:>10,}  {record['stage']}  {values}")

    def evaluated(self, evaluation: Evaluation) -> None:
        super().evaluated(evaluation)
        if evaluation.values:
            best = "  (the best so far)" if evaluation.best else ""
            self.say(f"{evaluation.images:>10,}  measured  {_listed(_numbers(evaluation))}{best}")


class LiveView(View):
    """A progress bar over a table of the latest values, each beside its theoretical optimum."""

    def __init__(self, recipe: Recipe, run: Run, console: Console) -> None:
        super().__init__(recipe, run, console)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} images"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("starting", total=recipe.train.images or 0, speed="")
        self._record: Mapping[str, Any] = {}
        self._references: Mapping[str, float] = {}
        self.live = Live(self, console=console, refresh_per_second=5, transient=True)

    def __rich__(self) -> Panel:
        rows = Table("", "mean", "at the optimum", box=None, pad_edge=False)
        for name, value in self._record.items():
            if name not in PLACE:
                reference = self._references.get(name)
                rows.add_row(name, f"{value:.4f}", "" if reference is None else f"{reference:.4f}")
        if self._evaluation is not None:
            for name, value in _numbers(self._evaluation).items():
                rows.add_row(name, f"{value:.4g}", f"at {self._evaluation.images:,} images")
        return Panel(Group(self._bar, rows), title=f"gan train {self._recipe.name}", expand=False)

    def started(self, trainer: Trainer) -> None:
        super().started(trainer)
        self._references = trainer.family.references
        self._bar.update(self._task, total=trainer.total, completed=trainer.position.images)

    def progressed(self, progress: RunProgress) -> None:
        speed = f"{progress.images_per_second:,.0f}/s" if progress.images_per_second else ""
        stage = progress.stage if progress.fade >= 1 else f"{progress.stage} (fade {progress.fade:.0%})"
        self._bar.update(self._task, description=stage, completed=progress.images, speed=speed)

    def measuring(self) -> None:
        self._bar.update(self._task, description="measuring")

    def logged(self, record: Mapping[str, Any]) -> None:
        self._record = record


def _numbers(evaluation: Evaluation) -> dict[str, float]:
    """The metrics, and the samples' diversity as a fraction of the data's."""
    diversity = {} if evaluation.diversity is None else {"diversity": evaluation.diversity}
    return {**evaluation.values, **diversity}


def _listed(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())


@contextmanager
def display(recipe: Recipe, run: Run) -> Iterator[View]:
    """The live panel where the output is a terminal, plain lines where it is not."""
    console = Console(soft_wrap=True)
    if not console.is_terminal:
        yield PlainView(recipe, run, console)
        return
    view = LiveView(recipe, run, console)
    with view.live:
        yield view


@contextmanager
def reading(what: str, doing: str = "packing") -> Iterator[Callable[[int, int], None]]:
    """A progress bar for work on a data set, which appears only if there is something to wait for."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: list[Any] = []

        def progress(done: int, total: int) -> None:
            if not tasks:
                tasks.append(bar.add_task(f"{doing} {what}", total=total))
            bar.update(tasks[0], completed=done, total=total)

        yield progress
