"""`gan runs`."""

from __future__ import annotations

import json as jsonlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gancli.errors import DataError, UsageError
from gancli.io.files import disk_errors
from gancli.plugins.registry import unknown
from gancli.runs.run import MANIFEST, RUNS, Run, runs


def ls(*, json: bool) -> None:
    """Prints the runs under `runs/`, the most recently worked on first."""
    rows = [_row(run) for run in runs()]
    if json:
        print(jsonlib.dumps(rows))
        return

    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not rows:
        console.print("no runs under runs/ yet; start one with: gan train gan", markup=False)
        return
    table = Table("run", "family", "data", "images", "size", "begun", box=None, pad_edge=False)
    for row in rows:
        done = f"{row['images']:,} of {row['total']:,}" if row["fault"] is None else f"damaged: {row['fault']}"
        size = f"{row['bytes'] / 1e6:,.1f} MB"
        table.add_row(row["run"], row["family"], row["data"], done, size, row["created"])
    console.print(table)
    usable = next((row["run"] for row in rows if row["images"] and row["fault"] is None), None)
    if usable is not None:
        console.print(f"next: gan sample {usable}", markup=False)


def rm(names: Sequence[str], *, yes: bool) -> None:
    """Removes runs after asking; other directories than runs are refused."""
    import typer

    found = [_find(name) for name in names]
    for run in found:
        size = f"{_bytes(run.path) / 1e6:,.1f} MB"
        if not yes and not typer.confirm(f"remove {run.path} ({size}) for good?"):
            continue
        with run.lock(), disk_errors(run.path):
            # First what makes it a run, so that an interrupted removal leaves no run with half its files.
            (run.path / MANIFEST).unlink()
            shutil.rmtree(run.path)
        print(f"removed {run.path}")


def _find(name: str) -> Run:
    for path in (RUNS / name, Path(name)):
        if (path / MANIFEST).is_file():
            return Run(path)
    raise UsageError(unknown("run", name, [run.name for run in runs()]) + "; `gan runs ls` lists them")


def _row(run: Run) -> dict[str, Any]:
    saved = [int(path.name) for path in run.checkpoints.glob("[0-9]*") if path.name.isdigit()]
    row = {"run": str(run.path), "images": max(saved, default=0), "bytes": _bytes(run.path)}
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
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
