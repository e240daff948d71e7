"""The evaluation log of a run: written, read, and checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from gancli.errors import DataError
from gancli.runs.eval_log import append, newest, read
from gancli.runs.run import Run


def record(metric: str, value: float, **protocol: object) -> dict[str, object]:
    return {"metric": metric, "value": value, "protocol": protocol}


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert read(run) == []
    first, second = record("swd", 1.5, samples=10), record("modes", 8, observed=None)
    append(run, [first])
    append(run, [second])
    assert read(run) == [first, second]


def test_the_newest_of_each_column_counts_and_the_best_has_columns_of_its_own() -> None:
    old, new, other = record("swd", 3.0), record("swd", 2.0, chosen="last"), record("modes", 8)
    best = record("swd", 1.0, chosen="best by swd")
    assert newest([old, other, best, new]) == {"swd": new, "modes": other, "swd (best by swd)": best}


@pytest.mark.parametrize(
    "line", ["{", "[]", '"swd"', '{"metric": "swd", "value": 1.0}', '{"metric": "swd", "value": "1"}']
)
def test_a_line_that_is_no_measurement_is_named(tmp_path: Path, line: str) -> None:
    run = Run(tmp_path)
    append(run, [record("swd", 1.0)])
    with run.evaluations.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=r"eval\.jsonl:2: this line is not a measurement"):
        read(run)
