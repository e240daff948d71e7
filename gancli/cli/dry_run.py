"""`gan train --dry-run`: forecast the time and memory of every stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gancli.runs.run import Run

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from gancli.recipes.recipe import Recipe
    from gancli.training.forecast import StageForecast
    from gancli.training.stages import PlannedStage
    from gancli.training.trainer import Trainer

COLUMNS = ("stage", "resolution", "batch", "images", "steps", "parameters", "time", "peak memory")

ESTIMATED = "~"
"""Prefix of numbers that were extrapolated instead of measured."""


def forecast_run(recipe: Recipe, device_name: str, out: Path | None) -> Run:
    """Print the time and memory of every stage of a run. Return the run, which is not written.

    Raises:
        GanError: any error that training would raise before its first step.
    """
    from gancli.cli.display.console import TerminalConsole
    from gancli.cli.display.progress import progress_bar
    from gancli.data.dataset import open_dataset
    from gancli.runtime.device import choose_device
    from gancli.training.forecast import forecast
    from gancli.training.setup import build_training
    from gancli.training.trainer import Trainer

    run = Run(out or Path("runs") / recipe.name)
    device = choose_device(device_name)
    with progress_bar(recipe.data.source) as progress:
        dataset = open_dataset(recipe.data, progress=progress)
    with progress_bar(recipe.data.source, "reducing") as progress:
        trainer = Trainer(build_training(recipe, run, dataset, device=device, progress=progress))
    with progress_bar("stages", "measuring") as progress:
        stages = forecast(trainer, progress=progress)
    _print_forecast(TerminalConsole(soft_wrap=True), trainer, stages)
    return run


def _print_forecast(console: Console, trainer: Trainer, stages: list[StageForecast]) -> None:
    from rich.measure import Measurement
    from rich.text import Text

    recipe, dataset = trainer.recipe, trainer.setup.dataset
    about = f" on {recipe.data.source}: {dataset.described}, seed {recipe.train.seed}"
    console.print(Text.assemble((recipe.info.name, "bold"), about))
    table = _table(stages, trainer)
    # Rows must not wrap, even in a narrow terminal.
    needed = Measurement.get(console, console.options.update(max_width=1_000), table).maximum
    console.width = max(needed, console.width)
    console.print(table)
    for name, module in trainer.players.modules.items():
        console.print(f"{name}: {sum(parameter.numel() for parameter in module.parameters()):,} parameters")
    for turns in dict.fromkeys(_describe_turns(stage.planned) for stage in stages):
        console.print(f"turns: {turns}")
    owner = "the device" if trainer.device.type == "cuda" else "the whole process"
    console.print(f"measured on {trainer.device} just now; memory is that of {owner}")
    if not all(stage.measured for stage in stages):
        note = f"{ESTIMATED} not measured, because it would take too long: extrapolated from the slowest measured stage"
        console.print(note)


def _table(stages: list[StageForecast], trainer: Trainer) -> Table:
    from rich.table import Table

    spec = trainer.setup.dataset.spec
    table = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in ("stage", "resolution") else "right", no_wrap=True)
    for stage in stages:
        table.add_row(*_row(stage, spec.height, spec.width))
    prefix = "" if all(stage.measured for stage in stages) else ESTIMATED
    steps, seconds = sum(stage.steps for stage in stages), sum(stage.seconds for stage in stages)
    memory = max(stage.peak_memory for stage in stages)
    total = (f"{trainer.total:,}", f"{steps:,}", "", prefix + format_duration(seconds), prefix + _format_size(memory))
    table.add_row("total", "", "", *total)
    return table


def _row(stage: StageForecast, height: int, width: int) -> tuple[str, ...]:
    planned = stage.planned
    height, width = planned.stage.resolution or (height, width)
    prefix = "" if stage.measured else ESTIMATED
    return (
        planned.stage.name,
        f"{height}x{width}",
        str(planned.batch_size),
        f"{planned.end - planned.start:,}",
        f"{stage.steps:,}",
        f"{stage.parameters:,}",
        prefix + format_duration(stage.seconds),
        prefix + _format_size(stage.peak_memory),
    )


def _describe_turns(planned: PlannedStage) -> str:
    """Return the turns of a stage in their order: `discriminator x5, generator x1`."""
    return ", ".join(
        f"{turn.player} x{turn.repeat}" + (f" every {turn.every} steps" if turn.every > 1 else "")
        for turn in planned.stage.turns
    )


def format_duration(seconds: float) -> str:
    """Return a duration with a suitable unit: `0.03 s`, `8.2 s`, `14.9 min`, `2.5 h`, `3.1 d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.1g} s"


def _format_size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
