"""Everything that a run has written down, read for its report; what is damaged is left out and said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gancli.errors import DataError
from gancli.runs import eval_log
from gancli.runs.eval_log import Record
from gancli.runs.run import Run

Line = Mapping[str, Any]

LONGEST = 60_000
"""Letters of a recipe; a longer one is shown as far as that."""

LARGEST = 1e300
"""Numbers from here on are left out: the ends of an axis must not overflow."""


@dataclass(frozen=True, kw_only=True)
class RunData:
    """A run, as far as it came.

    Args:
        run: where it lies.
        manifest: what it said of itself.
        recipe: its resolved recipe; None of weights from elsewhere.
        lines: the values that were logged, each with `images`.
        timings: speed and memory likewise.
        records: what was measured.
        samples: its pictures through time, by the training images shown.
        images: training images shown.
        faults: sentences on what could not be read.
    """

    run: Run
    manifest: Mapping[str, Any]
    recipe: str | None
    lines: Sequence[Line]
    timings: Sequence[Line]
    records: Sequence[Record]
    samples: Mapping[int, Path]
    images: int
    faults: Sequence[str]


def load_run_data(run: Run) -> RunData:
    """Reads a run, which may be young, damaged or from elsewhere.

    Raises:
        DataError: it is no run.
    """
    manifest, faults = run.manifest(), list[str]()
    lines = _lines(run.metrics, faults)
    return RunData(
        run=run,
        manifest=manifest,
        recipe=_recipe(run.recipe, faults),
        lines=lines,
        timings=_lines(run.timings, faults),
        records=_records(run, faults),
        samples={int(path.stem): path for path in sorted(run.samples.glob("*.png")) if path.stem.isdecimal()},
        images=max([_checkpoint(run), *(line["images"] for line in lines)]),
        faults=faults,
    )


def number(value: Any) -> float | None:
    """A value of a file as a number that can be drawn; None of anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
        return None
    return float(value)


def _lines(path: Path, faults: list[str]) -> list[Line]:
    """The sound lines of a file, in the order of their images; the first that is not becomes a sentence."""
    if not path.exists():
        return []
    try:
        texts = path.read_bytes().decode("utf-8", "replace").splitlines()
    except OSError as error:
        faults.append(f"{path} cannot be read: {error.strerror}.")
        return []
    read = [_line(text) for text in texts]
    damaged = [number for number, line in enumerate(read, 1) if line is None]
    if damaged:
        others = f" and {len(damaged) - 1:,} others are" if len(damaged) > 1 else " is"
        faults.append(f"{path}:{damaged[0]}{others} damaged and left out.")
    return sorted((line for line in read if line is not None), key=lambda line: line["images"])


def _line(text: str) -> Line | None:
    try:
        line = json.loads(text)
        return line if type(line["images"]) is int and 0 <= line["images"] < LARGEST else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _records(run: Run, faults: list[str]) -> list[Record]:
    try:
        return eval_log.read(run)
    except DataError as error:
        faults.append(f"Measurements are left out: {error}.")
        return []


def _recipe(path: Path, faults: list[str]) -> str | None:
    if not path.exists():
        return None
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        faults.append(f"{path} cannot be read: {error.strerror}.")
        return None
    if len(text) > LONGEST:
        faults.append(f"The recipe is shown as far as its first {LONGEST:,} letters; {path} has all of it.")
    return text[:LONGEST]


def _checkpoint(run: Run) -> int:
    """Training images of the newest checkpoint; 0 where there is none."""
    return max((int(path.name) for path in run.checkpoints.glob("[0-9]*") if path.name.isdecimal()), default=0)
