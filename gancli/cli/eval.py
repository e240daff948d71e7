"""`gan eval`."""

from __future__ import annotations

import json as jsonlib
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gancli.cli.display.table import print_line, print_table
from gancli.cli.shared.data_target import data_of
from gancli.cli.shared.models import check_able, check_truncation, open_able
from gancli.errors import GanError, UsageError
from gancli.evaluation.measure import judged, record_of, subject_of
from gancli.evaluation.protocol import OF_THE_CLASSES, OF_THE_RUN, Protocol, check_alike, described, on_one_line
from gancli.evaluation.reference_data import ModelData
from gancli.evaluation.seed_statistics import Spread, protocols, spreads
from gancli.inference.model import Model
from gancli.io.images import write_png
from gancli.metrics.context import Measurement, MetricContext, Options
from gancli.plugins.hookspecs import MetricInfo
from gancli.plugins.registry import named_metrics, registry
from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import complete
from gancli.runs.eval_log import LAST, Record, append, column
from gancli.runs.groups import check_same_recipe, runs_at
from gancli.runs.run import Run, run_of


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
    over_classes = check_same_recipe(paths)
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
    print_line(f"{last.model.run} at {last.model.images:,} images{_also(best)}")
    rows = [(column(record), f"{record['value']:.4g}", on_one_line(record.get("observed", {}))) for record in records]
    print_table(("metric", "value", "observed"), rows)
    _say_how({column(record): record["protocol"] for record in records})
    for picture in (picture for each in measured for picture in each.pictures):
        print_line(f"drawn: {picture}")
    print_line(f"added to {run_of(last.path).evaluations}")
    print_line(f"next: gan inspect {shlex.quote(str(last.path))}")


def _also(best: Sequence[Measured]) -> str:
    return "".join(f", its last checkpoint, and at {each.model.images:,}, its best" for each in best)


def _report_group(measured: Mapping[str, Sequence[Measured]], found: Sequence[Spread], *, over: str) -> None:
    images = [last.model.images for last, *_ in measured.values()]
    reached = f"{min(images):,}" if min(images) == max(images) else f"{min(images):,} to {max(images):,}"
    print_line(f"{len(measured)} runs at {reached} images; the spread is the sample standard deviation over {over}")
    rows = [(each.column, f"{each.mean:.4g}", f"{each.deviation:.2g}") for each in found]
    print_table(("metric", "mean", "spread"), rows)
    _say_how({each.column: each.protocol for each in found})
    print_line(f"added to eval.jsonl of {', '.join(measured)}")
    print_line(f"next: gan eval --compare {shlex.join(measured)}")


def _say_how(protocols: Mapping[str, Protocol]) -> None:
    for line in described(protocols):
        print_line(line)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be measured, and how.

    Args:
        metrics: names between commas; None: every metric that fits the model and its data.
        data: what to hold the model against, as `gan data check` takes it; None: what it was trained on.
        overrides: options of that data.
        options: what the metrics let a person choose.
        ema: averaged weights or live ones; averaged where there are any, if None.
        device: where to compute.
    """

    metrics: str | None = None
    data: str | None = None
    overrides: Sequence[str] = ()
    options: Options = field(default_factory=Options)
    ema: bool | None = None
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A model and what was measured of it.

    Args:
        path: the run or checkpoint directory.
        model: of it.
        records: in the order in which they were taken.
        pictures: that were written beside them.
    """

    path: Path
    model: Model
    records: Sequence[Record]
    pictures: Sequence[Path] = ()


def measure(run: Path | None, request: Request) -> list[Measured]:
    """Measures a model, and appends every measurement to `eval.jsonl` of its run.

    Args:
        run: a run or checkpoint directory; None: the newest run that fits.
        request: what to measure.

    Returns:
        Of a run its last checkpoint, and after it the one that was kept as the best, where that is another one.

    Raises:
        GanError: a metric that was asked for cannot be taken, or none can.
    """
    last = _measure(run, request)
    best = checkpoints.find_best(last.path / "checkpoints")
    if best is None or best.images == last.model.images:
        return [last]
    return [last, _measure(last.path / "checkpoints" / checkpoints.BEST, request)]


def _measure(run: Path | None, request: Request) -> Measured:
    check_truncation(request.options.truncation)
    named = None if request.metrics is None else named_metrics(request.metrics)
    path, model = open_able(
        run,
        lambda able: _fits(able, named),
        wanted="can be measured" + (f" by {request.metrics}" if request.metrics else ""),
        ema=request.ema,
        device=request.device,
    )
    chosen = _chosen(named, model)
    if request.options.truncation is not None and not any("sample" in info.needs for info in chosen):
        raise UsageError("--truncation is about samples, and none are drawn for these metrics; leave it out")
    data = data_of(path, model, request.data, request.overrides)
    subject = subject_of(model, data, replace(request.options, fetch=named is not None))
    checkpoint = {"chosen": _choice(path, model)}
    records: list[Record] = []
    pictures: list[Path] = []
    for found in _measurements(chosen, subject, data, all_or_none=named is not None):
        new = [record_of(measurement, model, data, request.options) for measurement in found]
        new = [{**record, "protocol": {**record["protocol"], **checkpoint}} for record in new]
        append(run_of(path), new)
        records += new
        pictures += write_pictures(run_of(path), model, found, request.options)
    return Measured(path=path, model=model, records=records, pictures=pictures)


def _fits(able: frozenset[str], named: Sequence[MetricInfo] | None) -> bool:
    if named is not None:
        return all(able.issuperset(info.needs) for info in named)
    return any(able.issuperset(info.needs) for info in registry().metrics().values())


def _choice(path: Path, model: Model) -> str:
    """Which checkpoint of its run was measured: the last, the best, or another one."""
    folder = run_of(path).checkpoints
    newest = next(iter(complete(folder)), None)
    if path.parent.name != "checkpoints" or (newest is not None and path.name == newest.name):
        return LAST
    best = checkpoints.find_best(folder)
    return f"best by {best.metric}" if best and best.images == model.images else f"at {model.images} images"


def _chosen(named: Sequence[MetricInfo] | None, model: Model) -> list[MetricInfo]:
    """Those that were named, or all that fit."""
    for info in named or []:
        check_able(model, info.needs, f"the metric {info.name!r}")
    if named is not None:
        return list(named)
    fitting = [info for info in registry().metrics().values() if model.abilities.issuperset(info.needs)]
    if not fitting:
        raise UsageError(f"no metric fits {model.run}; `gan plugins ls` lists the metrics")
    return fitting


def _measurements(
    chosen: Sequence[MetricInfo], subject: MetricContext, data: ModelData, *, all_or_none: bool
) -> Iterator[list[Measurement]]:
    """One metric after the other. Those that nobody asked for by name may fail, as long as one does not."""
    faults: list[tuple[str, GanError]] = []
    for info in chosen:
        try:
            yield judged(info, subject, data)
        except GanError as error:
            if all_or_none:
                raise
            faults.append((info.name, error))
    if faults and len(faults) == len(chosen):
        raise type(faults[0][1])("; ".join(f"{name}: {fault}" for name, fault in faults))
    for name, fault in faults:
        print(f"left out: {name}: {fault}", file=sys.stderr)


def write_pictures(run: Run, model: Model, measurements: Sequence[Measurement], options: Options) -> list[Path]:
    """Writes the pictures among the measurements to `out/` of the run, each by the name of its metric.

    Raises:
        DiskError: the disk refuses.
    """
    written = []
    for measurement in measurements:
        if measurement.picture is not None:
            path = run.path / "out" / f"{measurement.metric.replace('/', '-')}.png"
            made_by = {"run": model.run, "images": model.images, "checkpoint": model.digest, "ema": model.ema}
            metadata = {**made_by, "metric": measurement.metric, "seed": options.seed}
            write_png(path, measurement.picture, metadata=metadata)
            written.append(path)
    return written
