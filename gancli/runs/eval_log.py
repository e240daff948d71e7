"""Evaluation log of a run: `eval.jsonl`, one line for each value with its protocol."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from gancli.errors import DataError
from gancli.io.files import disk_errors, write_atomically
from gancli.io.input_files import read_limited
from gancli.runs.documents import Evaluation, parse_document
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
        before = read_limited(file, within=run.path) if file.exists() else b""
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
        lines = read_limited(file, within=run.path).decode().splitlines()
    except (OSError, ValueError, DataError) as error:
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
        lines = read_limited(file, within=run.path).splitlines(keepends=True)
        kept = [line for line in lines if not _is_later(line, images)]
        if len(kept) < len(lines):
            write_atomically(file, b"".join(kept))


def _parse(line: str, place: str) -> Record:
    try:
        return parse_document(line, Evaluation, name=place)
    except DataError as error:
        problem = str(error).removeprefix(f"{place} is damaged: ")
        raise DataError(
            f"{place}: this line is not a measurement ({problem}); remove it, or run `gan eval` again"
        ) from None


def _is_later(line: bytes, images: int) -> bool:
    try:
        protocol = json.loads(line)["protocol"]
        return bool(protocol.get("chosen") == DURING and protocol["images"] > images)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
