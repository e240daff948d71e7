"""`gan eval`: metrics of a model or of the runs of a group, with their protocols."""

from __future__ import annotations

import json as jsonlib
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gancli.cli.display.table import print_line, print_table
from gancli.cli.eval_compare import compare_runs
from gancli.cli.options import Data, Device, Ema, Json, Set, Truncation
from gancli.cli.shared.models import check_abilities, check_truncation, default_file, open_for
from gancli.errors import GanError, UsageError
from gancli.evaluation.protocol import (
    CLASS_ENTRIES,
    MODEL_ENTRIES,
    Protocol,
    check_same_protocol,
    format_protocol,
    protocol_lines,
)
from gancli.runs.eval_log import LAST, Record, append, column
from gancli.runs.run import Run, run_of

if TYPE_CHECKING:
    from gancli.evaluation.reference_data import ReferenceData
    from gancli.evaluation.seed_statistics import SeedStatistics
    from gancli.inference.model import Model
    from gancli.metrics.context import Measurement, MetricContext, Options
    from gancli.plugins.hookspecs import MetricInfo


@dataclass(frozen=True, kw_only=True)
class Request:
    """Metrics to compute, and their options.

    Args:
        options: options of the metrics.
        metrics: comma-separated names (default: every metric that supports the model and its data).
        data: reference data, as `gan data check` takes it (default: the data that the run was trained on).
        overrides: options of the reference data.
        ema: use averaged weights (default: if the run has them).
        device: device name as on the command line.
    """

    options: Options
    metrics: str | None = None
    data: str | None = None
    overrides: Sequence[str] = ()
    ema: bool | None = None
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class ModelResults:
    """Measurements of one model.

    Args:
        path: run or checkpoint directory.
        model: model that was measured.
        records: measurements in the order in which they were made.
        images: image files that metrics wrote.
    """

    path: Path
    model: Model
    records: Sequence[Record]
    images: Sequence[Path] = ()


def evaluate(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Run directory (default: the newest run that supports the metrics). Several runs of one recipe with "
            "different seeds or data.classes, or the name of a group from `gan train --seeds`, give mean and spread.",
        ),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Compute nothing; show the newest measurements of runs and groups side by side, one row each. Refuses "
            "to mix protocols.",
        ),
    ] = False,
    metrics: Annotated[
        str | None, typer.Option(help="Comma-separated metrics (default: every metric that supports the model).")
    ] = None,
    data: Data = None,
    overrides: Set = None,
    labelled: Annotated[int, typer.Option(min=2, help="Number of labelled training images for feature_svm.")] = 1_000,
    samples: Annotated[
        int | None, typer.Option(min=2, help="Number of samples (default: set by the protocol of each metric).")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Largest number of test images (default: all).")] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="Feature network: classifier (trained on the labels of the data; the default), inception, a weights "
            "file of either, or a run directory, for its discriminator. For lpips: alexnet (the default) or vgg16."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Seed of the first sample and of all random choices.")
    ] = 0,
    truncation: Truncation = None,
    ema: Ema = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Compute metrics of a trained model with their protocols, or show earlier measurements side by side."""
    if compare:
        unused: dict[str, object] = {"--data": data, "--set": overrides, "--samples": samples, "--limit": limit}
        unused |= {"--ema": ema, "--truncation": truncation, "--backbone": backbone}
        compare_runs(runs or [], metrics=metrics, unused=unused, json=json)
        return

    from gancli.metrics.context import Options
    from gancli.runs.groups import expand_groups

    options = Options(
        labelled=labelled, samples=samples, limit=limit, seed=seed, truncation=truncation, backbone=backbone
    )
    request = Request(metrics=metrics, data=data, overrides=overrides or [], options=options, ema=ema, device=device)
    paths = expand_groups(runs or [])
    if len(paths) > 1:
        _evaluate_group(paths, request, json=json)
        return
    results = measure(paths[0] if paths else None, request)
    records = [record for result in results for record in result.records]
    if json:
        print(jsonlib.dumps({"metrics": records}))
    else:
        _report(results, records)


def _evaluate_group(paths: Sequence[Path], request: Request, *, json: bool) -> None:
    from gancli.evaluation.seed_statistics import compute_statistics, protocols_by_column
    from gancli.runs.groups import check_same_recipe

    over_classes = check_same_recipe(paths)
    results = {str(path): measure(path, request) for path in paths}
    for name, (last, *_) in results.items():
        total = run_of(last.path).manifest()["images"]
        if last.model.images < total:
            print(f"{name} is not fully trained: {last.model.images:,} of {total:,} images", file=sys.stderr)
    records = {name: [record for result in group for record in result.records] for name, group in results.items()}
    ignored = (*MODEL_ENTRIES, *CLASS_ENTRIES) if over_classes else MODEL_ENTRIES
    check_same_protocol(
        protocols_by_column(records), operation="averaged", remedy="measure these runs one by one", ignored=ignored
    )
    statistics = compute_statistics(records)
    if json:
        print(jsonlib.dumps({"metrics": [spread.to_json() for spread in statistics]}))
    else:
        _report_group(results, statistics, over="classes" if over_classes else "seeds")


def _report(results: Sequence[ModelResults], records: Sequence[Record]) -> None:
    last, *best = results
    and_best = f" (last checkpoint) and {best[0].model.images:,} images (best checkpoint)" if best else ""
    print_line(f"{last.model.run} at {last.model.images:,} images{and_best}")
    rows = [
        (column(record), f"{record['value']:.4g}", format_protocol(record.get("observed", {}))) for record in records
    ]
    print_table(("metric", "value", "observed"), rows)
    _print_protocols({column(record): record["protocol"] for record in records})
    for image in (image for result in results for image in result.images):
        print_line(f"image: {image}")
    print_line(f"added to {run_of(last.path).evaluations}")
    print_line(f"next: gan inspect {shlex.quote(str(last.path))}")


def _report_group(
    results: Mapping[str, Sequence[ModelResults]], statistics: Sequence[SeedStatistics], *, over: str
) -> None:
    images = [last.model.images for last, *_ in results.values()]
    reached = f"{min(images):,}" if min(images) == max(images) else f"{min(images):,} to {max(images):,}"
    print_line(f"{len(results)} runs at {reached} images; the spread is the sample standard deviation over {over}")
    rows = [(spread.column, f"{spread.mean:.4g}", f"{spread.deviation:.2g}") for spread in statistics]
    print_table(("metric", "mean", "spread"), rows)
    _print_protocols({spread.column: spread.protocol for spread in statistics})
    print_line(f"added to eval.jsonl of {', '.join(results)}")
    print_line(f"next: gan eval --compare {shlex.join(results)}")


def _print_protocols(protocols: Mapping[str, Protocol]) -> None:
    for line in protocol_lines(protocols):
        print_line(line)


def measure(run: Path | None, request: Request) -> list[ModelResults]:
    """Measure a model and append the measurements to `eval.jsonl` of its run.

    Args:
        run: run or checkpoint directory (default: the newest run that supports the metrics).
        request: metrics and options.

    Returns:
        The results of the model; for a run, those of its last checkpoint and, if it has another, of its best one.

    Raises:
        GanError: a metric that was named fails, or all metrics fail.
    """
    from gancli.runs.checkpoint import BEST, find_best

    last = _measure(run, request)
    folder = last.path / "checkpoints"
    best = find_best(folder)
    if best is None or best.images == last.model.images:
        return [last]
    return [last, _measure(folder / BEST, request)]


def _measure(run: Path | None, request: Request) -> ModelResults:
    from gancli.cli.shared.data_target import reference_data_of
    from gancli.evaluation.measure import metric_context, to_record
    from gancli.plugins.registry import named_metrics

    check_truncation(request.options.truncation)
    named = None if request.metrics is None else named_metrics(request.metrics)
    path, model = open_for(
        "gan eval",
        run,
        fits=lambda able: _fits(able, named),
        wanted="be measured" + (f" by {request.metrics}" if request.metrics else ""),
        ema=request.ema,
        device=request.device,
    )
    metrics = _choose_metrics(named, model)
    if request.options.truncation is not None and not any("sample" in info.needs for info in metrics):
        raise UsageError("--truncation applies to generated samples, and these metrics use none; leave it out")
    data = reference_data_of(path, model, request.data, request.overrides)
    context = metric_context(model, data, replace(request.options, fetch=named is not None))
    checkpoint = {"chosen": _describe_checkpoint(path, model)}
    records: list[Record] = []
    images: list[Path] = []
    for measurements in _compute(metrics, context, data, all_or_none=named is not None):
        new = [to_record(measurement, model, data, request.options) for measurement in measurements]
        new = [{**record, "protocol": {**record["protocol"], **checkpoint}} for record in new]
        append(run_of(path), new)
        records += new
        images += _write_images(run_of(path), model, measurements, request.options)
    return ModelResults(path=path, model=model, records=records, images=images)


def _fits(able: frozenset[str], named: Sequence[MetricInfo] | None) -> bool:
    """Return whether a model with these abilities supports all metrics that were named, or else any metric."""
    from gancli.plugins.registry import registry

    if named is not None:
        return all(able.issuperset(info.needs) for info in named)
    return any(able.issuperset(info.needs) for info in registry().metrics().values())


def _describe_checkpoint(path: Path, model: Model) -> str:
    """Return which checkpoint of its run a model is: the last one, the best one, or another one."""
    from gancli.runs.checkpoint import complete, find_best

    folder = run_of(path).checkpoints
    newest = next(iter(complete(folder)), None)
    if path.parent.name != "checkpoints" or (newest is not None and path.name == newest.name):
        return LAST
    best = find_best(folder)
    return f"best by {best.metric}" if best and best.images == model.images else f"at {model.images} images"


def _choose_metrics(named: Sequence[MetricInfo] | None, model: Model) -> list[MetricInfo]:
    """Return the metrics that were named, or else all that support the model."""
    from gancli.plugins.registry import registry

    if named is not None:
        for info in named:
            check_abilities(model, info.needs, f"the metric {info.name!r}")
        return list(named)
    supported = [info for info in registry().metrics().values() if model.abilities.issuperset(info.needs)]
    if not supported:
        raise UsageError(f"no metric supports {model.run}; `gan plugins ls` lists the metrics")
    return supported


def _compute(
    metrics: Sequence[MetricInfo], context: MetricContext, data: ReferenceData, *, all_or_none: bool
) -> Iterator[list[Measurement]]:
    """Compute one metric after the other. Without `all_or_none`, metrics may fail as long as one succeeds."""
    from gancli.evaluation.measure import run_metric

    faults: list[tuple[str, GanError]] = []
    for info in metrics:
        try:
            yield run_metric(info, context, data)
        except GanError as error:
            if all_or_none:
                raise
            faults.append((info.name, error))
    if faults and len(faults) == len(metrics):
        raise type(faults[0][1])("; ".join(f"{name}: {fault}" for name, fault in faults))
    for name, fault in faults:
        print(f"left out: {name}: {fault}", file=sys.stderr)


def _write_images(run: Run, model: Model, measurements: Sequence[Measurement], options: Options) -> list[Path]:
    """Write the images among the measurements to `out/` of the run, each named after its metric.

    Raises:
        UsageError: a link or a directory is in the way.
    """
    from gancli.io.images import write_png

    written = []
    for measurement in measurements:
        if measurement.image is not None:
            path = default_file(run.path, f"{measurement.metric.replace('/', '-')}.png")
            origin = {"run": model.run, "images": model.images, "checkpoint": model.digest, "ema": model.ema}
            metadata = {**origin, "metric": measurement.metric, "seed": options.seed}
            write_png(path, measurement.image, metadata=metadata)
            written.append(path)
    return written
