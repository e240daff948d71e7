"""`gan runs`: list and remove runs."""

from __future__ import annotations

import json as jsonlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from gancli.cli.options import Json
from gancli.errors import DataError
from gancli.runs.run import Run, runs

runs_app = typer.Typer(name="runs", help="Runs under runs/: list, remove.", no_args_is_help=True)


@runs_app.command()
def ls(json: Json = False) -> None:
    """List runs, most recently used first."""
    rows = [_row(run) for run in runs()]
    if json:
        print(jsonlib.dumps(rows))
        return

    from rich.table import Table

    from gancli.cli.display.console import TerminalConsole

    console = TerminalConsole()
    if not rows:
        console.print("no runs under runs/ yet; start one with: gan train gan")
        return
    table = Table("run", "family", "data", "images", "size", "created", box=None, pad_edge=False)
    for row in rows:
        images = f"{row['images']:,} of {row['total']:,}" if row["fault"] is None else f"damaged: {row['fault']}"
        table.add_row(row["run"], row["family"], row["data"], images, _megabytes(row["bytes"]), row["created"])
    console.print(table)
    usable = next((row["run"] for row in rows if row["images"] and row["fault"] is None), None)
    if usable is not None:
        console.print(f"next: gan sample {usable}")


@runs_app.command()
def rm(
    names: Annotated[list[str], typer.Argument(help="Names or directories of runs.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Remove runs with all their checkpoints and images. Nothing else is ever removed."""
    from gancli.runs.directories import find_removable, remove_run

    found = [find_removable(name) for name in names]  # all of them, before anything is removed
    for run in dict.fromkeys(found):
        shown = os.path.relpath(run.path)
        if not yes and not typer.confirm(f"permanently remove {shown} ({_megabytes(_bytes(run.path))})?"):
            continue
        with run.lock():
            remove_run(run)
        print(f"removed {shown}")


def _row(run: Run) -> dict[str, Any]:
    row = {"run": str(run.path), "images": max(run.saved(), default=0), "bytes": _bytes(run.path)}
    try:
        manifest = run.manifest()
    except DataError as error:
        return {**row, "family": "", "data": "", "total": 0, "created": "", "fault": str(error)}
    return {
        **row,
        "family": manifest["family"],
        "data": manifest["source"],
        "total": manifest["images"],
        "created": manifest["created"],
        "fault": None,
    }


def _bytes(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):  # follows no links
        for name in names:
            with suppress(OSError):  # removed since it was listed, by training
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
