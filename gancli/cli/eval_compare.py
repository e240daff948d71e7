"""`gan eval --compare`: earlier measurements of runs and groups side by side, if their protocols are equal."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gancli.cli.display.table import print_line, print_table
from gancli.errors import DataError, UsageError
from gancli.evaluation.protocol import check_same_protocol, common_entries, protocol_lines
from gancli.runs.eval_log import Record, newest, read
from gancli.runs.run import MANIFEST, Run

if TYPE_CHECKING:
    from gancli.evaluation.seed_statistics import SeedStatistics


def compare_runs(paths: Sequence[Path], *, metrics: str | None, unused: Mapping[str, object], json: bool) -> None:
    """Print a table of earlier measurements with one row per run or group and one column per metric.

    Args:
        paths: run directories and names of groups.
        metrics: comma-separated names of the metrics to show (default: all).
        unused: values of the options that only measuring uses, by name; None for options that were not given.
        json: print only a JSON object.

    Raises:
        UsageError: a column has different protocols, or there is nothing to compare.
        DataError: a run does not exist.
    """
    from gancli.evaluation.seed_statistics import compute_statistics, protocols_by_column
    from gancli.runs.groups import check_same_recipe, members

    _check_options(paths, unused)
    table: dict[str, dict[str, list[Record]]] = {}
    for path in paths:
        runs = [Run(path)] if (path / MANIFEST).is_file() else members(path)
        if not runs:
            raise DataError(f"{path} is neither a run directory nor a group of runs; `gan runs ls` lists them")
        if len(runs) > 1:
            check_same_recipe([run.path for run in runs])
        table[str(path)] = {str(run.path): _select(read(run), metrics) for run in runs}
    measured = {run: records for runs in table.values() for run, records in runs.items()}
    if not any(measured.values()):
        subject = f"measurement of {metrics}" if metrics else "measurement"
        raise UsageError(f"these runs have no {subject} yet; measure each first: gan eval {next(iter(table))}")
    remedy = "measure them alike with `gan eval`, or narrow the columns with --metrics"
    check_same_protocol(protocols_by_column(measured), operation="shown in one column", remedy=remedy)
    statistics = {row: compute_statistics(runs) for row, runs in table.items()}
    for row, runs_of_row in table.items():
        _print_missing(row, runs_of_row)
    if json:
        cells = [{"run": row, **spread.to_json()} for row, of_row in statistics.items() for spread in of_row]
        print(jsonlib.dumps({"metrics": cells}))
    else:
        _report(statistics)


def _check_options(paths: Sequence[Path], unused: Mapping[str, object]) -> None:
    if not paths:
        raise UsageError("--compare needs the runs to compare: gan eval --compare RUN RUN")
    given = next((name for name, value in unused.items() if value is not None), None)
    if given is not None:
        raise UsageError(f"--compare shows earlier measurements, so {given} has no effect; leave it out")


def _select(records: Sequence[Record], metrics: str | None) -> list[Record]:
    """Return the newest measurement of each metric; with `metrics`, only of these and their parts."""
    from gancli.plugins.registry import named_metrics

    latest = list(newest(records).values())
    if metrics is None:
        return latest
    names = {info.name for info in named_metrics(metrics)}
    return [record for record in latest if record["protocol"].get("by", record["metric"].split("/")[0]) in names]


def _print_missing(row: str, runs: Mapping[str, Sequence[Record]]) -> None:
    """Print the metrics that only some runs of a group have."""
    from gancli.evaluation.seed_statistics import protocols_by_column

    columns_by_missing: dict[str, list[str]] = {}
    for column, by_run in protocols_by_column(runs).items():
        missing = ", ".join(run for run in runs if run not in by_run)
        columns_by_missing.setdefault(missing, []).append(column)
    for missing, columns in columns_by_missing.items():
        if missing:
            print(f"left out of {row}: {', '.join(columns)}, not measured of {missing}", file=sys.stderr)


def _report(statistics: Mapping[str, Sequence[SeedStatistics]]) -> None:
    cells = {row: {spread.column: spread for spread in spreads_of_row} for row, spreads_of_row in statistics.items()}
    columns = list(dict.fromkeys(column for by_column in cells.values() for column in by_column))
    print_table(
        ("run", *columns),
        [(row, *(_cell(by_column.get(column)) for column in columns)) for row, by_column in cells.items()],
    )
    by_column = {column: [row[column].protocol for row in cells.values() if column in row] for column in columns}
    for line in protocol_lines({column: common_entries(same) for column, same in by_column.items()}):
        print_line(line)


def _cell(spread: SeedStatistics | None) -> str:
    """Format a number, or the mean and the sample standard deviation of several."""
    if spread is None:
        return "-"
    if spread.deviation is None:
        return f"{spread.mean:.4g}"
    return f"{spread.mean:.4g} ± {spread.deviation:.2g} (n={len(spread.values)})"
