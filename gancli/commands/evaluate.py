"""`gan eval`."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gancli.commands.able import check_able, open_able
from gancli.commands.model_data import ModelData, data_of
from gancli.engine.drawing import draw
from gancli.engine.model import Model, untrained
from gancli.errors import GanError, UsageError
from gancli.hookspecs import MetricInfo
from gancli.metrics.ledger import Record, append
from gancli.metrics.subject import Measurement, Options, Subject
from gancli.metrics.taking import take
from gancli.plugins import registry
from gancli.run import run_of


def evaluate(
    run: Path | None,
    *,
    metrics: str | None,
    data: str | None,
    overrides: Sequence[str],
    options: Options,
    ema: bool | None,
    device: str,
    json: bool,
) -> list[Record]:
    """Measures a model, and appends every measurement to `eval.jsonl` of its run; returns them.

    Args:
        run: a run or checkpoint directory; None: the newest run that fits.
        metrics: names between commas; None: every metric that fits the model and its data.
        data: what to hold the model against, as `gan data check` takes it; None: what it was trained on.
        overrides: options of that data.
        options: what the metrics let a person choose.
        ema: averaged weights or live ones; averaged where there are any, if None.
        device: where to compute.
        json: prints one object and nothing else.

    Raises:
        GanError: a metric that was asked for cannot be taken, or none can.
    """
    named = None if metrics is None else _named(metrics)
    path, model = open_able(run, lambda able: _fits(able, named), wanted=_wanted(metrics), ema=ema, device=device)
    for info in named or []:
        check_able(model, info.needs, f"the metric {info.name!r}")
    source = data_of(path, model, data, overrides)
    subject = subject_of(model, source, options)
    records: list[Record] = []
    for found in _measured(named, model, subject):
        new = [_record(measurement, model, source, options) for measurement in found]
        append(run_of(path), new)
        records += new
    if json:
        print(jsonlib.dumps({"metrics": records}))
    else:
        _report(path, model, records)
    return records


def _named(metrics: str) -> list[MetricInfo]:
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    if not names:
        raise UsageError(f"--metrics names none; known are {', '.join(sorted(registry().metrics()))}")
    return [registry().metric(name) for name in dict.fromkeys(names)]


def _fits(able: frozenset[str], named: Sequence[MetricInfo] | None) -> bool:
    if named is not None:
        return all(able.issuperset(info.needs) for info in named)
    return any(able.issuperset(info.needs) for info in registry().metrics().values())


def _wanted(metrics: str | None) -> str:
    return "can be measured" + (f" by {metrics}" if metrics else "")


def subject_of(model: Model, data: ModelData, options: Options) -> Subject:
    """What a metric is handed: the model, its data and what the person chose."""
    return Subject(
        family=model.family,
        nets=model.nets,
        untrained=lambda: untrained(model, options.seed),
        labels=model.labels,
        device=model.device,
        draw=lambda seeds, labels: draw(model, seeds, labels),
        train=lambda: data.train,
        test=lambda: data.test,
        every_class=lambda: data.every_class,
        held_out=lambda: data.held_out,
        whole=lambda: data.whole,
        options=options,
    )


def _measured(named: Sequence[MetricInfo] | None, model: Model, subject: Subject) -> Iterator[list[Measurement]]:
    """One metric after the other. Those that nobody asked for by name may fail, as long as one does not."""
    if named is not None:
        yield from (take(info, subject) for info in named)
        return
    fitting = [info for info in registry().metrics().values() if model.abilities.issuperset(info.needs)]
    if not fitting:
        raise UsageError(f"no metric fits {model.run}; `gan plugins ls` lists the metrics")
    faults: list[tuple[str, GanError]] = []
    for info in fitting:
        try:
            yield take(info, subject)
        except GanError as error:
            faults.append((info.name, error))
    if len(faults) == len(fitting):
        raise type(faults[0][1])("; ".join(f"{name}: {fault}" for name, fault in faults))
    for name, fault in faults:
        print(f"left out: {name}: {fault}", file=sys.stderr)


def _record(measurement: Measurement, model: Model, data: ModelData, options: Options) -> Record:
    of_all = {
        "data": data.source,
        "trained_on": data.trained_on,
        "seed": options.seed,
        "run": model.run,
        "images": model.images,
        "checkpoint": model.digest,
        "ema": model.ema,
    }
    return {**measurement.to_json(), "protocol": {**measurement.protocol, **of_all}}


def _report(path: Path, model: Model, records: Sequence[Record]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    console.print(f"{model.run} at {model.images:,} images", markup=False, highlight=False)
    table = Table("metric", "value", "protocol", box=None, pad_edge=False)
    for record in records:
        table.add_row(Text(record["metric"]), f"{record['value']:.4g}", Text(_told(record["protocol"])))
    console.print(table)
    console.print(f"added to {run_of(path).evaluations}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"next: gan inspect {path}", markup=False, highlight=False, soft_wrap=True)


def _told(protocol: Mapping[str, Any]) -> str:
    """The protocol on one line, without what the lines above and below say."""
    said_elsewhere = ("run", "images", "checkpoint")
    return ", ".join(f"{name} {_short(value)}" for name, value in protocol.items() if name not in said_elsewhere)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if type(value) is int else str(value)
