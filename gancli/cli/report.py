"""`gan report`."""

from __future__ import annotations

import json as jsonlib
import shlex
import sys
from pathlib import Path

from gancli.errors import GanError, UsageError
from gancli.io.files import disk_errors, write_atomically
from gancli.report.images import ImageSection
from gancli.report.page import render_report
from gancli.report.run_data import load_run_data
from gancli.runs.run import Run, run_of, runs


def report(run: Path | None, *, out: Path | None, pictures: bool, ema: bool | None, device: str, json: bool) -> Path:
    """Writes the page of a run; returns its path.

    Args:
        run: a run directory, or a checkpoint of it for pictures of that; None: the newest run.
        out: a .html file; None: `report.html` of the run.
        pictures: whether to draw with the model.
        ema: averaged weights or live ones; averaged where there are any, if None.
        device: where to draw.
        json: prints one object and nothing else.

    Raises:
        GanError: there is no run, or the page cannot be written.
    """
    path = run or _newest()
    home, sections, notes = run_of(path), list[ImageSection](), list[str]()
    target = out or home.report
    if target.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--out {target} must end in .html")
    story = load_run_data(home)
    if pictures:
        sections, notes = _drawn(path, ema=ema, device=device)
    size = _write(target, render_report(story, sections, notes))
    for sentence in (*story.faults, *notes):
        print(sentence, file=sys.stderr)
    if json:
        print(jsonlib.dumps({"report": str(target), "bytes": size}))
        return target
    print(f"wrote {target} ({size / 1e6:.1f} MB)")
    task = "eval" if not story.records else "inspect"
    print(f"next: gan {task} {shlex.quote(str(path))}")
    return target


def report_at_end(run: Run, *, device: str) -> Path | None:
    """The page of a run that has just ended, without what takes long to draw; None where it cannot be written.

    A page is no reason for a run to fail, whatever is wrong with it: that is said in a sentence.
    """
    try:
        sections, notes = _drawn_at_end(run, device)
        _write(run.report, render_report(load_run_data(run), sections, notes))
    except Exception as error:
        print(f"there is no report of {run.path}: {_reason(error)}; try again: gan report {run.path}", file=sys.stderr)
        return None
    return run.report


def _drawn_at_end(run: Run, device: str) -> tuple[list[ImageSection], list[str]]:
    """As `_drawn`, whatever goes wrong: a family may be anybody's, and memory may be short."""
    from gancli.cli.shared.report_images import drawn

    try:
        return drawn(run.path, ema=None, device=device, quick=True)
    except Exception as error:
        return [], [_undrawn(error)]


def _newest() -> Path:
    found = runs()
    if not found:
        raise UsageError("no run under runs/ yet; train one first (`gan recipes ls` lists recipes) or name a run")
    return found[0].path


def _drawn(path: Path, *, ema: bool | None, device: str) -> tuple[list[ImageSection], list[str]]:
    """What the model draws, or else the sentence that says why it does not."""
    from gancli.cli.shared.report_images import drawn
    from gancli.runtime.device import choose_device

    choose_device(device)  # a wrong one is refused
    try:
        return drawn(path, ema=ema, device=device, quick=False)
    except GanError as error:
        return [], [_undrawn(error)]


def _undrawn(error: Exception) -> str:
    return f"The model has drawn nothing for this page: {_reason(error)}."


def _reason(error: Exception) -> str:
    return f"{error}".splitlines()[0] if f"{error}" else type(error).__name__


def _write(target: Path, content: bytes) -> int:
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content)
    return len(content)
