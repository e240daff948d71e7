"""Output of `gan train`: a live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from rich.console import Console
from rich.live import Live

from gancli.cli.display.console import TerminalConsole
from gancli.cli.display.panel import Thumbnail, TrainingPanel, can_show_images, metric_values
from gancli.recipes.recipe import Recipe
from gancli.runs.checkpoint import BestCheckpoint
from gancli.runs.manifest import device_name
from gancli.runs.run import Run
from gancli.training.callbacks import PLACE, Callback, Progress
from gancli.training.trainer import Trainer
from gancli.training.validation import Evaluation

REFRESHES_PER_SECOND = 2


class View(Callback):
    """Print the events of a run, one line each."""

    def __init__(self, recipe: Recipe, run: Run, console: Console) -> None:
        self.console = console
        self._recipe, self._run = recipe, run
        self._preview = ""
        self._evaluation: Evaluation | None = None

    def print(self, text: str) -> None:
        self.console.print(text)

    def started(self, trainer: Trainer) -> None:
        """Print data, device, networks and all automatic choices."""
        dataset = trainer.setup.dataset
        precision = "bf16" if trainer.setup.dtype.itemsize == 2 else "fp32"
        matmul = ", oneDNN matrix products" if trainer.setup.fast_matmul else ""
        self.print(
            f"{self._recipe.info.name} on {self._recipe.data.source}: {dataset.described}, "
            f"{device_name(trainer.device)}, {precision}{matmul}"
        )
        for name, module in trainer.players.modules.items():
            count = sum(parameter.numel() for parameter in module.parameters())
            memory_format = ", channels last" if trainer.setup.memory_formats[name] is torch.channels_last else ""
            self.print(f"  {name}: {count:,} parameters{memory_format}")
        if trainer.family.optimum_values:
            optimum = ", ".join(f"{name} {value:.4g}" for name, value in trainer.family.optimum_values.items())
            self.print(f"  at the optimum: {optimum}")
        if trainer.state.images:
            self.print(f"resumed at {trainer.state.images:,} of {trainer.total:,} images")

    def finished(self, trainer: Trainer, report: Path | None = None) -> None:
        """Print where the results are, and the next command.

        Args:
            trainer: trainer after its last step.
            report: HTML page of the run, if it could be written.
        """
        self.print(f"trained on {trainer.state.images:,} images; the run is {self._run.path}")
        if self._preview:
            self.print(f"preview: {self._preview}")
        if report is not None:
            self.print(f"report: {report}")
        self._print_evaluations(trainer.validator.state.best)
        for task in self._recipe.info.tasks:
            self.print(f"next: gan {task} {self._run.path}{'' if task == 'sample' else ' IMAGE'}")

    def _print_evaluations(self, best: BestCheckpoint | None) -> None:
        """Print the last evaluation, and the best one if it belongs to an earlier checkpoint."""
        last = self._evaluation
        if last is not None and last.values:
            note = " (the best)" if best is not None and best.images == last.images else ""
            self.print(f"measured at {last.images:,} images: {_format(last.values)}{note}")
        if best is not None and (last is None or best.images < last.images):
            path = f"{self._run.checkpoints}/{best.images}"
            self.print(f"best at {best.images:,} images: {best.metric} {best.value:.4g}, saved as {path}")

    def on_evaluation(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation

    def on_warning(self, message: str) -> None:
        self.print(f"warning: {message}")

    def on_early_stop(self, reason: str) -> None:
        self.print(reason)

    def on_preview(self, path: Path, caption: str) -> None:
        self._preview = f"{path} ({caption})" if caption else str(path)

    def on_rollback(self, reason: str, images: int) -> None:
        self.print(f"{reason}: returned to the checkpoint at {images:,} images")


class PlainView(View):
    """One line for each record of the metrics."""

    def on_log(self, record: Mapping[str, Any]) -> None:
        values = {name: value for name, value in record.items() if name not in PLACE}
        self.print(f"{record['images']:>10,}  {record['stage']}  {_format(values)}")

    def on_evaluation(self, evaluation: Evaluation) -> None:
        super().on_evaluation(evaluation)
        if evaluation.values:
            note = "  (the best so far)" if evaluation.best else ""
            self.print(f"{evaluation.images:>10,}  measured  {_format(metric_values(evaluation))}{note}")


class LiveView(View):
    """A panel below the printed lines, shown inside a `with` block."""

    def __init__(self, recipe: Recipe, run: Run, console: Console) -> None:
        super().__init__(recipe, run, console)
        self._panel = TrainingPanel(recipe.name, recipe.train.images or 0)
        self._lines: list[str] = []
        self._size = console.size
        self._live = self._make_live()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def print(self, text: str) -> None:
        self._lines.append(text)
        super().print(text)

    def started(self, trainer: Trainer) -> None:
        super().started(trainer)
        self._panel.begin(trainer.state.images, trainer.total, trainer.family.optimum_values)

    def on_progress(self, progress: Progress) -> None:
        self._panel.update(progress)
        if self.console.size != self._size:
            self._redraw()

    def on_evaluation_start(self) -> None:
        self._panel.activity = "measuring"

    def on_log(self, record: Mapping[str, Any]) -> None:
        self._panel.record = record

    def on_evaluation(self, evaluation: Evaluation) -> None:
        super().on_evaluation(evaluation)
        self._panel.evaluation = evaluation

    def on_preview(self, path: Path, caption: str) -> None:
        super().on_preview(path, caption)
        if can_show_images(self.console):
            self._panel.thumbnail = Thumbnail(path)

    def _make_live(self) -> Live:
        return Live(self._panel, console=self.console, refresh_per_second=REFRESHES_PER_SECOND, transient=True)

    def _redraw(self) -> None:
        """Clear the screen and print everything again.

        A terminal that was resized has wrapped the lines of the panel, so the number of lines to erase is unknown.
        """
        self._size = self.console.size
        self._live.stop()
        self.console.clear()
        for text in self._lines:
            super().print(text)
        self._live = self._make_live()
        self._live.start()


@contextmanager
def display(recipe: Recipe, run: Run) -> Iterator[View]:
    """Yield a live panel if standard output is a terminal, and a view that prints plain lines otherwise."""
    console = TerminalConsole(soft_wrap=True)
    if not console.is_terminal:
        yield PlainView(recipe, run, console)
        return
    with LiveView(recipe, run, console) as view:
        yield view


def _format(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())
