"""`gan eval --compare`: what was measured of runs and groups, side by side where it may stand so."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gancli.cli.display.table import print_line, print_table
from gancli.errors import DataError, UsageError
from gancli.evaluation.protocol import check_alike, described, shared
from gancli.evaluation.seed_statistics import Spread, protocols, spreads
from gancli.plugins.registry import named_metrics
from gancli.runs.eval_log import Record, newest, read
from gancli.runs.groups import check_same_recipe, members
from gancli.runs.run import MANIFEST, Run


def compare(
    rows: Sequence[Path], *, metrics: str | None, unused: Mapping[str, object], json: bool
) -> list[dict[str, Any]]:
    """Draws a table of what was measured before: a row a run or group, a column a metric; returns its cells.

    Args:
        rows: run directories and names of groups.
        metrics: names between commas of those that have columns; None: all that were measured.
        unused: options that only measuring would heed, by name; None where one was not given.
        json: prints one object and nothing else.

    Raises:
        UsageError: a column would hold numbers of unlike protocols, or there is nothing to compare.
        DataError: there is no such run.
    """
    _check(rows, unused)
    table: dict[str, dict[str, list[Record]]] = {}
    for path in rows:
        runs = [Run(path)] if (path / MANIFEST).is_file() else members(path)
        if not runs:
            raise DataError(f"{path} is neither a run directory nor a group of runs; `gan runs ls` lists them")
        if len(runs) > 1:
            check_same_recipe([run.path for run in runs])
        table[str(path)] = {str(run.path): _narrowed(read(run), metrics) for run in runs}
    measured = {run: records for runs in table.values() for run, records in runs.items()}
    if not any(measured.values()):
        of = f" of {metrics}" if metrics else ""
        raise UsageError(
            f"nothing{of} was measured of these runs yet; measure each first: gan eval {next(iter(table))}"
        )
    way_out = "measure them alike with `gan eval`, or narrow the columns with --metrics"
    check_alike(protocols(measured), where="in one column", way_out=way_out)
    found = {row: spreads(runs) for row, runs in table.items()}
    for row, of_runs in table.items():
        _say_what_is_missing(row, of_runs)
    cells = [{"run": row, **each.to_json()} for row, spread in found.items() for each in spread]
    if json:
        print(jsonlib.dumps({"metrics": cells}))
    else:
        _report(found)
    return cells


def _say_what_is_missing(row: str, runs: Mapping[str, Sequence[Record]]) -> None:
    """What some runs of a group have, and others have not."""
    absent: dict[str, list[str]] = {}
    for head, taken in protocols(runs).items():
        missing = ", ".join(run for run in runs if run not in taken)
        absent.setdefault(missing, []).append(head)
    for missing, heads in absent.items():
        if missing:
            print(f"left out of {row}: {', '.join(heads)}, not measured of {missing}", file=sys.stderr)


def _check(rows: Sequence[Path], unused: Mapping[str, object]) -> None:
    if not rows:
        raise UsageError("--compare needs the runs to compare: gan eval --compare RUN RUN")
    given = next((name for name, value in unused.items() if value is not None), None)
    if given is not None:
        raise UsageError(
            f"--compare measures nothing, so {given} means nothing to it; first measure with `gan eval RUN`"
        )


def _narrowed(records: Sequence[Record], metrics: str | None) -> list[Record]:
    """The newest measurement of each metric that is asked for, by its name or that of what it is a part of."""
    latest = list(newest(records).values())
    if metrics is None:
        return latest
    names = {info.name for info in named_metrics(metrics)}
    return [record for record in latest if record["protocol"].get("by", record["metric"].split("/")[0]) in names]


def _report(found: Mapping[str, Sequence[Spread]]) -> None:
    cells = {row: {each.column: each for each in spread} for row, spread in found.items()}
    heads = list(dict.fromkeys(head for columns in cells.values() for head in columns))
    print_table(
        ("run", *heads),
        [(row, *(_cell(columns.get(head)) for head in heads)) for row, columns in cells.items()],
    )
    taken = {head: [columns[head].protocol for columns in cells.values() if head in columns] for head in heads}
    for line in described({head: shared(same) for head, same in taken.items()}):
        print_line(line)


def _cell(spread: Spread | None) -> str:
    """A number, or the mean of several with their sample standard deviation."""
    if spread is None:
        return "-"
    if spread.deviation is None:
        return f"{spread.mean:.4g}"
    return f"{spread.mean:.4g} ± {spread.deviation:.2g} (n={len(spread.values)})"
