"""`gan eval`."""

from __future__ import annotations

import json as jsonlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gancli.commands.groups import runs_at
from gancli.commands.measuring import Measured, Request, measure
from gancli.commands.number_table import print_table, say
from gancli.commands.one_recipe import check_one_recipe
from gancli.metrics.ledger import Record, column
from gancli.metrics.protocol import OF_THE_CLASSES, OF_THE_RUN, Protocol, check_alike, described, on_one_line
from gancli.metrics.spread import Spread, protocols, spreads
from gancli.run import run_of


def evaluate(runs: Sequence[Path], request: Request, *, json: bool) -> list[Record]:
    """Measures a model, or the runs of a group with their mean and spread; appends to `eval.jsonl` of each run.

    Args:
        runs: run or checkpoint directories, of which several are a group; or the name of one; none: the newest run that
            fits. Those of a group differ in their seeds, or in the classes that they were shown.
        request: what to measure.
        json: prints one object and nothing else.

    Returns:
        What was measured; of a group the means.

    Raises:
        GanError: a metric that was asked for cannot be taken, or none can, or the runs do not belong together.
    """
    paths = runs_at(runs)
    if len(paths) > 1:
        return _evaluate_group(paths, request, json=json)
    measured = measure(paths[0] if paths else None, request)
    records = [record for each in measured for record in each.records]
    if json:
        print(jsonlib.dumps({"metrics": records}))
    else:
        _report(measured, records)
    return records


def _evaluate_group(paths: Sequence[Path], request: Request, *, json: bool) -> list[Record]:
    over_classes = check_one_recipe(paths)
    measured = {str(path): measure(path, request) for path in paths}
    for name, (last, *_) in measured.items():
        total = run_of(last.path).manifest()["images"]
        if last.model.images < total:
            print(f"not at its end: {name}, at {last.model.images:,} of {total:,} images", file=sys.stderr)
    records = {name: [record for each in found for record in each.records] for name, found in measured.items()}
    free = (*OF_THE_RUN, *OF_THE_CLASSES) if over_classes else OF_THE_RUN
    check_alike(protocols(records), where="under one mean", way_out="measure these runs one by one", free=free)
    found = spreads(records)
    if json:
        print(jsonlib.dumps({"metrics": [each.to_json() for each in found]}))
    else:
        _report_group(measured, found, over="classes" if over_classes else "seeds")
    return [each.to_json() for each in found]


def _report(measured: Sequence[Measured], records: Sequence[Record]) -> None:
    last, *best = measured
    say(f"{last.model.run} at {last.model.images:,} images{_also(best)}")
    rows = [(column(record), f"{record['value']:.4g}", on_one_line(record.get("observed", {}))) for record in records]
    print_table(("metric", "value", "observed"), rows)
    _say_how({column(record): record["protocol"] for record in records})
    for picture in (picture for each in measured for picture in each.pictures):
        say(f"drawn: {picture}")
    say(f"added to {run_of(last.path).evaluations}")
    say(f"next: gan inspect {shlex.quote(str(last.path))}")


def _also(best: Sequence[Measured]) -> str:
    return "".join(f", its last checkpoint, and at {each.model.images:,}, its best" for each in best)


def _report_group(measured: Mapping[str, Sequence[Measured]], found: Sequence[Spread], *, over: str) -> None:
    images = [last.model.images for last, *_ in measured.values()]
    reached = f"{min(images):,}" if min(images) == max(images) else f"{min(images):,} to {max(images):,}"
    say(f"{len(measured)} runs at {reached} images; the spread is the sample standard deviation over {over}")
    rows = [(each.column, f"{each.mean:.4g}", f"{each.deviation:.2g}") for each in found]
    print_table(("metric", "mean", "spread"), rows)
    _say_how({each.column: each.protocol for each in found})
    say(f"added to eval.jsonl of {', '.join(measured)}")
    say(f"next: gan eval --compare {shlex.join(measured)}")


def _say_how(protocols: Mapping[str, Protocol]) -> None:
    for line in described(protocols):
        say(line)
