"""Evaluation log of a run: `eval.jsonl`, one line for each value with its protocol."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from gancli.errors import DataError
from gancli.io.files import disk_errors, write_atomically
from gancli.runs.run import Run

Record = dict[str, Any]
"""A measurement as JSON: `metric`, `value`, `protocol`, and optionally `observed`."""

LAST = "last"
"""Value of `chosen` in the protocol of evaluations of a run's last checkpoint."""

DURING = "during training"
"""Value of `chosen` in the protocol of evaluations during training, which tells them from those of checkpoints."""

DIVERSITY = "diversity"
"""Metric name of the collapse detector's values."""


def append(run: Run, records: Sequence[Record]) -> None:
    """Append records to the run's `eval.jsonl`, one line each.

    Raises:
        DiskError: writing failed; the file is intact.
    """
    file = run.evaluations
    with disk_errors(file):
        before = file.read_bytes() if file.exists() else b""
        write_atomically(file, before + "".join(json.dumps(record) + "\n" for record in records).encode())


def read(run: Run) -> list[Record]:
    """Return all records of the run, oldest first; an empty list if there are none.

    Raises:
        DataError: a line is not a record.
    """
    file = run.evaluations
    if not file.exists():
        return []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read ({error}); remove it and run `gan eval` again") from None
    return [_parse(line, f"{file}:{number}") for number, line in enumerate(lines, 1)]


def newest(records: Iterable[Record]) -> dict[str, Record]:
    """Return the last record of each column, in the order of the columns' first records."""
    return {column(record): record for record in records}


def column(record: Record) -> str:
    """Return the metric's name, with the checkpoint if it is not the last of its run, such as `swd (best by swd)`.

    The value of the best of many checkpoints is another statistic than that of the last one.
    """
    chosen = record["protocol"].get("chosen", LAST)
    return str(record["metric"]) if chosen == LAST else f"{record['metric']} ({chosen})"


def drop_later(run: Run, images: int) -> None:
    """Remove evaluations during training after `images` training images; those of `gan eval` stay.

    Raises:
        DiskError: writing failed; the file is intact.
    """
    file = run.evaluations
    if not file.exists():
        return
    with disk_errors(file):
        lines = file.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not _is_later(line, images)]
        if len(kept) < len(lines):
            write_atomically(file, b"".join(kept))


def _parse(line: str, place: str) -> Record:
    try:
        record: Record = json.loads(line)
        valid = isinstance(record["metric"], str) and isinstance(record["value"], float | int)
        valid = valid and isinstance(record["protocol"], dict)
    except (ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        raise DataError(f"{place}: this line is not a measurement; remove it, or run `gan eval` again")
    return record


def _is_later(line: bytes, images: int) -> bool:
    try:
        protocol = json.loads(line)["protocol"]
        return bool(protocol.get("chosen") == DURING and protocol["images"] > images)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
