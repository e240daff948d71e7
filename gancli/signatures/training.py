"""The commands that train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gancli.cli.options import Device, Set


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a bundled recipe.")],
    overrides: Set = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="S,S,...",
            help="Train a group: a run for each seed, runs/<recipe>-seed<S>. `gan eval runs/<recipe>` then says the "
            "mean and the spread.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on exactly where the newest run stopped.")] = False,
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="The run's directory; runs/<recipe> if left out.")] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(metavar="TRACKER", help="Report to this tracker too, such as tensorboard."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure what each stage would take, print it, and write nothing.")
    ] = False,
) -> None:
    """Train the networks of a recipe."""
    if seeds is not None:
        from gancli.cli import train as groups

        groups.train_group(
            recipe,
            overrides or [],
            seeds=seeds,
            resume=resume,
            device=device,
            out=out,
            dry_run=dry_run,
            track=track or [],
        )
        return

    from gancli.cli import train as body

    body.train(recipe, overrides or [], resume=resume, device=device, out=out, dry_run=dry_run, track=track or [])


def demo(device: Device = "auto") -> None:
    """Train a small GAN on handwritten digits in about a minute, and draw from it."""
    from gancli.cli import demo as body

    body.demo(device=device)
