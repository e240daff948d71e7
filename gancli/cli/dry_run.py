"""`gan train --dry-run`: what would happen, and what it would take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from gancli.training.forecast import StageForecast
    from gancli.training.stages import PlannedStage
    from gancli.training.trainer import Trainer


COLUMNS = ("stage", "resolution", "batch", "images", "steps", "parameters", "time", "peak memory")

GUESS = "~"
"""Before a number that was not measured."""


def forecast_run(recipe: Recipe, device_name: str, out: Path | None) -> Run:
    """Prints every stage of the run with its time and memory; returns the run, which stays unwritten.

    Raises:
        GanError: what training would raise before its first step.
    """
    from rich.console import Console

    from gancli.cli.display.live import reading
    from gancli.data.dataset import open_dataset
    from gancli.runtime.device import choose_device
    from gancli.training.forecast import forecast
    from gancli.training.trainer import Trainer

    run = Run(out or Path("runs") / recipe.name)
    device = choose_device(device_name)
    with reading(recipe.data.source) as progress:
        packed = open_dataset(recipe.data, progress=progress)
    with reading(recipe.data.source, "reducing") as progress:
        trainer = Trainer(recipe, run, packed, device=device, progress=progress)
    with reading("stages", "measuring") as progress:
        stages = forecast(trainer, progress=progress)
    _show(Console(soft_wrap=True), trainer, stages)
    return run


def _show(console: Console, trainer: Trainer, stages: list[StageForecast]) -> None:
    from rich.measure import Measurement

    recipe, packed = trainer.recipe, trainer.packed
    console.print(f"[bold]{recipe.info.name}[/] on {recipe.data.source}: {packed.described}, seed {recipe.train.seed}")
    table = _table(stages, trainer)
    # A row stays one line where the terminal is narrow.
    needed = Measurement.get(console, console.options.update(max_width=1_000), table).maximum
    console.width = max(needed, console.width)
    console.print(table)
    for name, module in trainer.cast.modules.items():
        console.print(f"{name}: {sum(parameter.numel() for parameter in module.parameters()):,} parameters")
    for turns in dict.fromkeys(_turns(stage.planned) for stage in stages):
        console.print(f"turns: {turns}", markup=False, highlight=False)
    whose = "the device's" if trainer.device.type == "cuda" else "the whole process'"
    console.print(f"measured on {trainer.device} just now; the memory is {whose}", highlight=False)
    if not all(stage.measured for stage in stages):
        console.print(f"{GUESS} too dear to be measured: extrapolated from the dearest stage that was", highlight=False)


def _table(stages: list[StageForecast], trainer: Trainer) -> Table:
    from rich.table import Table

    spec = trainer.packed.spec
    table = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in ("stage", "resolution") else "right", no_wrap=True)
    for stage in stages:
        table.add_row(*_row(stage, spec.height, spec.width))
    guess = "" if all(stage.measured for stage in stages) else GUESS
    steps, seconds = sum(stage.steps for stage in stages), sum(stage.seconds for stage in stages)
    peak = max(stage.peak_memory for stage in stages)
    table.add_row(
        "total", "", "", f"{trainer.total:,}", f"{steps:,}", "", guess + duration(seconds), guess + _size(peak)
    )
    return table


def _row(stage: StageForecast, height: int, width: int) -> tuple[str, ...]:
    planned = stage.planned
    height, width = planned.stage.resolution or (height, width)
    guess = "" if stage.measured else GUESS
    return (
        planned.stage.name,
        f"{height}x{width}",
        str(planned.batch_size),
        f"{planned.end - planned.start:,}",
        f"{stage.steps:,}",
        f"{stage.parameters:,}",
        guess + duration(stage.seconds),
        guess + _size(stage.peak_memory),
    )


def _turns(planned: PlannedStage) -> str:
    """A stage's turns in their order: `discriminator x5, generator x1`."""
    return ", ".join(
        f"{turn.player} x{turn.repeat}" + (f" every {turn.every} steps" if turn.every > 1 else "")
        for turn in planned.stage.turns
    )


def duration(seconds: float) -> str:
    """In the unit that suits it: `0.03 s`, `8.2 s`, `14.9 min`, `2.5 h`, `3.1 d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.1g} s"


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
