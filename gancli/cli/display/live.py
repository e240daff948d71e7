"""What `gan train` shows: a live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from rich.console import Console
from rich.live import Live
from rich.progress import Progress as Bar

from gancli.cli.display.panel import Thumbnail, TrainingPanel, can_draw, numbers
from gancli.recipes.recipe import Recipe
from gancli.runs.checkpoint import BestCheckpoint
from gancli.runs.manifest import device_name
from gancli.runs.run import Run
from gancli.training.callbacks import PLACE, Callback, Progress
from gancli.training.trainer import Trainer
from gancli.training.validation import Evaluation

REFRESHES = 2
"""How often the panel is drawn in a second."""


class View(Callback):
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
        if trainer.family.optimum_values:
            optimum = ", ".join(f"{name} {value:.4g}" for name, value in trainer.family.optimum_values.items())
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

    def _compare(self, best: BestCheckpoint | None) -> None:
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
            self.say(f"{evaluation.images:>10,}  measured  {_listed(numbers(evaluation))}{best}")


class LiveView(View):
    """A panel below the lines, as long as a `with` lasts."""

    def __init__(self, recipe: Recipe, run: Run, console: Console) -> None:
        super().__init__(recipe, run, console)
        self._panel = TrainingPanel(recipe.name, recipe.train.images or 0)
        self._said: list[str] = []
        self._size = console.size
        self._live = self._panel_below()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        self._said.append(text)
        super().say(text)

    def started(self, trainer: Trainer) -> None:
        super().started(trainer)
        self._panel.begin(trainer.position.images, trainer.total, trainer.family.optimum_values)

    def progressed(self, progress: Progress) -> None:
        self._panel.move(progress)
        if self.console.size != self._size:
            self._begin_anew()

    def measuring(self) -> None:
        self._panel.doing = "measuring"

    def logged(self, record: Mapping[str, Any]) -> None:
        self._panel.record = record

    def evaluated(self, evaluation: Evaluation) -> None:
        super().evaluated(evaluation)
        self._panel.evaluation = evaluation

    def previewed(self, path: Path, caption: str) -> None:
        super().previewed(path, caption)
        if can_draw(self.console):
            self._panel.show(Thumbnail(path))

    def _panel_below(self) -> Live:
        return Live(self._panel, console=self.console, refresh_per_second=REFRESHES, transient=True)

    def _begin_anew(self) -> None:
        """On an empty screen: a terminal of another width has broken the lines of the panel, so that nobody knows how
        many there are to go back over.
        """
        self._size = self.console.size
        self._live.stop()
        self.console.clear()
        for text in self._said:
            super().say(text)
        self._live = self._panel_below()
        self._live.start()


def _listed(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())


@contextmanager
def display(recipe: Recipe, run: Run) -> Iterator[View]:
    """The live panel where the output is a terminal, plain lines where it is not."""
    console = Console(soft_wrap=True)
    if not console.is_terminal:
        yield PlainView(recipe, run, console)
        return
    with LiveView(recipe, run, console) as view:
        yield view


@contextmanager
def reading(what: str, doing: str = "packing") -> Iterator[Callable[[int, int], None]]:
    """A progress bar for work on a data set, which appears only if there is something to wait for."""
    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: list[Any] = []

        def progress(done: int, total: int) -> None:
            if not tasks:
                tasks.append(bar.add_task(f"{doing} {what}", total=total))
            bar.update(tasks[0], completed=done, total=total)

        yield progress
