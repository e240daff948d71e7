"""What `gan eval` does with one model: it takes metrics, and writes them into the run's `eval.jsonl`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gancli.commands.able import check_able, open_able
from gancli.commands.metric_names import named_metrics
from gancli.commands.metric_pictures import write_pictures
from gancli.commands.model_data import data_of
from gancli.commands.sampler import check_truncation
from gancli.engine import best as best_checkpoint
from gancli.engine.checkpoint import complete
from gancli.engine.judging import judged, record_of, subject_of
from gancli.engine.model import Model
from gancli.engine.model_data import ModelData
from gancli.errors import GanError, UsageError
from gancli.hookspecs import MetricInfo
from gancli.metrics.ledger import LAST, Record, append
from gancli.metrics.subject import Measurement, Options, Subject
from gancli.plugins import registry
from gancli.run import run_of


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
    best = best_checkpoint.find(last.path / "checkpoints")
    if best is None or best.images == last.model.images:
        return [last]
    return [last, _measure(last.path / "checkpoints" / best_checkpoint.NAME, request)]


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
    best = best_checkpoint.find(folder)
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
    chosen: Sequence[MetricInfo], subject: Subject, data: ModelData, *, all_or_none: bool
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
