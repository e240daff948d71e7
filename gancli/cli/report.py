"""`gan report`: write a run as one HTML page."""

from __future__ import annotations

import json as jsonlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gancli.cli.options import Device, Ema, Force, Json
from gancli.errors import GanError, UsageError
from gancli.io.files import disk_errors, write_atomically
from gancli.runs.run import Run, run_of, runs

if TYPE_CHECKING:
    from gancli.report.images import ImageSection


def report(
    run: Annotated[Path | None, typer.Argument(help="Run directory (default: the newest run).")] = None,
    out: Annotated[Path | None, typer.Option(help="HTML file (default: report.html in the run directory).")] = None,
    force: Force = False,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures/--no-pictures", help="Generate images with the model, or show only the images of training."
        ),
    ] = True,
    ema: Ema = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Write a run as one HTML page: images, curves, measurements, and the commands to reproduce it."""
    from gancli.io.outputs import check_outputs
    from gancli.report.page import render_report
    from gancli.report.run_data import load_run_data
    from gancli.runtime.device import choose_device

    path = run or _newest()
    home = run_of(path)
    target = out or home.report
    if target.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--out {target} must end in .html")
    check_outputs([target], force=force, own=out is None)
    run_data = load_run_data(home)
    sections: list[ImageSection] = []
    notes: list[str] = []
    if pictures:
        choose_device(device)  # an invalid device is an error, not a note on the page
        sections, notes = _model_sections(path, ema=ema, device=device, expected=GanError)
    content = render_report(run_data, sections, notes)
    _write(target, content)
    for sentence in (*run_data.faults, *notes):
        print(sentence, file=sys.stderr)
    if json:
        print(jsonlib.dumps({"report": str(target), "bytes": len(content)}))
        return
    print(f"wrote {target} ({len(content) / 1e6:.1f} MB)")
    command = "inspect" if run_data.records else "eval"
    print(f"next: gan {command} {shlex.quote(str(path))}")


def report_at_end(run: Run, *, device: str) -> Path | None:
    """Write the page of a run that has just ended, without slow images. Return its path, or None if it failed.

    An error in the report never makes the run fail: it is printed as one sentence.
    """
    from gancli.report.page import render_report
    from gancli.report.run_data import load_run_data

    try:
        sections, notes = _model_sections(run.path, ema=None, device=device, quick=True, expected=Exception)
        _write(run.report, render_report(load_run_data(run), sections, notes))
    except Exception as error:
        print(
            f"no report of {run.path} was written: {_reason(error)}; try again: gan report {run.path}", file=sys.stderr
        )
        return None
    return run.report


def _newest() -> Path:
    newest = runs()
    if not newest:
        raise UsageError(
            "there is no run under runs/ yet; train one first (`gan recipes ls` lists recipes) or name a run directory"
        )
    return newest[0].path


def _model_sections(
    path: Path, *, ema: bool | None, device: str, quick: bool = False, expected: type[Exception]
) -> tuple[list[ImageSection], list[str]]:
    """Return sections with images of the model, and notes; only a note if an `expected` error occurs."""
    from gancli.cli.shared.report_images import model_sections

    try:
        return model_sections(path, ema=ema, device=device, quick=quick)
    except expected as error:
        return [], [f"The model has generated no images for this page: {_reason(error)}."]


def _reason(error: Exception) -> str:
    return f"{error}".splitlines()[0] if f"{error}" else type(error).__name__


def _write(target: Path, content: bytes) -> None:
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content)
