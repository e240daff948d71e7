"""Data of a run for its report: manifest, logged values, metrics, previews. Damaged parts are omitted and listed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gancli.errors import DataError
from gancli.io.input_files import read_json_object, read_limited
from gancli.runs import eval_log
from gancli.runs.eval_log import Record
from gancli.runs.run import MANIFEST, Run

Line = Mapping[str, Any]

MAX_RECIPE_LENGTH = 60_000
"""Characters of the recipe that the report shows."""

MAX_NUMBER = 1e300
"""Numbers from this magnitude on are ignored: the ends of an axis must not overflow."""


@dataclass(frozen=True, kw_only=True)
class RunData:
    """The files of a run, finished or not.

    Args:
        run: run directory.
        manifest: content of `manifest.json`.
        recipe: resolved recipe; None for converted weights.
        lines: logged losses and discriminator outputs, each with `images`.
        timings: logged speed and memory, each with `images`.
        records: metric values.
        samples: preview images by the number of training images shown.
        images: number of training images shown.
        faults: sentences about files that cannot be read.
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
    """Read a run, which may be unfinished or damaged.

    Raises:
        DataError: the directory is not a run.
    """
    manifest = read_json_object(run.path / MANIFEST, within=run.path)  # its fields are checked where they are shown
    faults: list[str] = []
    lines = _read_lines(run.metrics, faults)
    return RunData(
        run=run,
        manifest=manifest,
        recipe=_read_recipe(run.recipe, faults),
        lines=lines,
        timings=_read_lines(run.timings, faults),
        records=_read_records(run, faults),
        samples=run.previews(),
        images=max([max(run.saved(), default=0), *(line["images"] for line in lines)]),
        faults=faults,
    )


def finite_number(value: Any) -> float | None:
    """Return a JSON value as a number that can be plotted; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MAX_NUMBER:
        return None
    return float(value)


def _read_lines(path: Path, faults: list[str]) -> list[Line]:
    """Read the valid lines of a JSON Lines file, sorted by images; add a sentence to `faults` if others are damaged."""
    if not path.exists():
        return []
    try:
        texts = read_limited(path, within=path.parent).decode("utf-8", "replace").splitlines()
    except (OSError, DataError) as error:
        faults.append(_unreadable(path, error))
        return []
    lines = [_parse_line(text) for text in texts]
    damaged = [number for number, line in enumerate(lines, 1) if line is None]
    if damaged:
        others = f" and {len(damaged) - 1:,} other lines are" if len(damaged) > 1 else " is"
        faults.append(f"{path}:{damaged[0]}{others} damaged and omitted.")
    return sorted((line for line in lines if line is not None), key=lambda line: line["images"])


def _parse_line(text: str) -> Line | None:
    try:
        line = json.loads(text)
        return line if type(line["images"]) is int and 0 <= line["images"] < MAX_NUMBER else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _read_records(run: Run, faults: list[str]) -> list[Record]:
    try:
        return eval_log.read(run)
    except DataError as error:
        faults.append(f"Metrics are omitted: {error}.")
        return []


def _read_recipe(path: Path, faults: list[str]) -> str | None:
    if not path.exists():
        return None
    try:
        text = read_limited(path, within=path.parent).decode("utf-8", "replace")
    except (OSError, DataError) as error:
        faults.append(_unreadable(path, error))
        return None
    if len(text) > MAX_RECIPE_LENGTH:
        faults.append(f"Only the first {MAX_RECIPE_LENGTH:,} characters of the recipe are shown; see {path}.")
    return text[:MAX_RECIPE_LENGTH]


def _unreadable(path: Path, error: OSError | DataError) -> str:
    return f"{error}." if isinstance(error, DataError) else f"{path} cannot be read: {error.strerror}."
