"""What was measured of a run: `eval.jsonl`, a line for each number with its protocol."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gancli.run import Run, disk_errors, write_atomically

Record = dict[str, Any]
"""A measurement as JSON: `metric`, `value` and `protocol`."""


def append(run: Run, records: Sequence[Record]) -> None:
    """One line for each, at the end of the run's `eval.jsonl`.

    Raises:
        DiskError: the disk refuses; what was there is intact.
    """
    file = run.evaluations
    with disk_errors(file):
        before = file.read_bytes() if file.exists() else b""
        write_atomically(file, before + "".join(json.dumps(record) + "\n" for record in records).encode())
