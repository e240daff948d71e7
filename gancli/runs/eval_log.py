"""What was measured of a run: `eval.jsonl`, a line for each number with its protocol."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from gancli.errors import DataError
from gancli.io.files import disk_errors, write_atomically
from gancli.runs.run import Run

Record = dict[str, Any]
"""A measurement as JSON: `metric`, `value`, `protocol`, and `observed` where there is any."""

LAST = "last"
"""What the protocol says under `chosen` where the run's last checkpoint was measured."""


def append(run: Run, records: Sequence[Record]) -> None:
    """One line for each, at the end of the run's `eval.jsonl`.

    Raises:
        DiskError: the disk refuses; what was there is intact.
    """
    file = run.evaluations
    with disk_errors(file):
        before = file.read_bytes() if file.exists() else b""
        write_atomically(file, before + "".join(json.dumps(record) + "\n" for record in records).encode())


def read(run: Run) -> list[Record]:
    """Every measurement of the run, the oldest first; none where nothing was measured.

    Raises:
        DataError: a line is no measurement.
    """
    file = run.evaluations
    if not file.exists():
        return []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read ({error}); remove it and measure again") from None
    return [_record(line, f"{file}:{number}") for number, line in enumerate(lines, 1)]


def newest(records: Iterable[Record]) -> dict[str, Record]:
    """By column the last of its measurements, in the order in which the columns were first measured."""
    return {column(record): record for record in records}


def column(record: Record) -> str:
    """The metric, and of another checkpoint than the last of its run also which, such as `swd (best by swd)`.

    A number of the best of many checkpoints is another statistic than one of the last.
    """
    chosen = record["protocol"].get("chosen", LAST)
    return str(record["metric"]) if chosen == LAST else f"{record['metric']} ({chosen})"


def _record(line: str, place: str) -> Record:
    try:
        record = json.loads(line)
        sound = isinstance(record["metric"], str) and isinstance(record["value"], float | int)
        sound = sound and isinstance(record["protocol"], dict)
    except (ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise DataError(f"{place}: this line is no measurement; remove it, or measure again with `gan eval`")
    found: Record = record
    return found


DURING = "during training"
"""What the protocol of these measurements says under `chosen`, which keeps them apart from those of checkpoints."""

DIVERSITY = "diversity"
"""What the guard's findings are called, where they are written down."""
