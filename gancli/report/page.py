"""The report of a run as one HTML page: previews, images, metrics, losses, and the data needed to reproduce the run."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import gancli
from gancli.errors import UsageError
from gancli.evaluation.protocol import describe_differences, describe_value, protocol_lines
from gancli.family.tasks import TASKS
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import registry
from gancli.report.chart import LEFT, RIGHT, format_value, plot
from gancli.report.curves import Chart, loss_charts, metric_charts, stage_spans
from gancli.report.html import render_page
from gancli.report.images import (
    FIGURE_BYTES,
    PREVIEW_BYTES,
    FigureSection,
    ImageSection,
    figure_sections,
    preview_section,
)
from gancli.report.run_data import Line, RunData, finite_number
from gancli.runs.eval_log import Record, column, newest

if TYPE_CHECKING:
    from markupsafe import Markup

LIMIT = 5_000_000
"""Maximum size of a page in bytes."""

MAX_CHARTS = 60
"""Maximum number of loss charts, and of metric charts."""

DIRECTIONS = {"lower": "lower is better", "higher": "higher is better"}

Facts = Mapping[str, str]


def render_report(run_data: RunData, sections: Sequence[ImageSection], notes: Sequence[str] = ()) -> bytes:
    """Render the page, in fewer than `LIMIT` bytes.

    Args:
        run_data: files of the run.
        sections: images that were generated with the model.
        notes: sentences about missing content, besides the faults of `run_data`.
    """
    content = b""
    for share in (1.0, 0.5, 0.2, 0.05, 0.0):
        samples, subject = run_data.samples if share else {}, _preview_subject(run_data)[1]
        previews = preview_section(samples, subject=subject, max_bytes=int(share * PREVIEW_BYTES))
        figures = figure_sections(run_data.run, sections, max_bytes=int(share * FIGURE_BYTES)) if share else []
        content = _render(run_data, previews, figures, [*run_data.faults, *notes]).encode(errors="replace")
        if len(content) < LIMIT:
            break
    return content


def _render(run_data: RunData, previews: FigureSection, figures: Sequence[FigureSection], notes: Sequence[str]) -> str:
    command = run_data.manifest.get("command")
    losses = loss_charts(run_data)
    headings = {  # by the id of the section; sections without content are omitted
        "time": _preview_subject(run_data)[0] if previews.figures else "",
        "pictures": "Images" if figures else "",
        "measured": "Metrics" if run_data.records else "",
        "losses": "Losses and discriminator outputs" if run_data.lines else "",
        "again": "Reproduce this run",
    }
    return render_page(
        "report.html.jinja",
        script=True,
        title=f"{run_data.run.name}: gan report",
        name=run_data.run.name,
        subtitle=_subtitle(run_data),
        overview=_overview(run_data),
        headings={key: heading for key, heading in headings.items() if heading},
        notes=notes,
        previews=previews,
        image_sections=figures,
        slider_range={"low": LEFT, "high": RIGHT},
        metric_charts=_plot(run_data, metric_charts(run_data.records)[:MAX_CHARTS]),
        metrics=_metric_table(run_data.records),
        loss_charts={
            player: _plot(run_data, [chart for chart in losses[:MAX_CHARTS] if chart.player == player])
            for player in dict.fromkeys(chart.player for chart in losses[:MAX_CHARTS])
        },
        omitted_charts=f"Shows {MAX_CHARTS} of {len(losses):,} charts; metrics.jsonl contains all values."
        if len(losses) > MAX_CHARTS
        else "",
        stages=_stages(run_data.lines),
        command=command if isinstance(command, str) else "",
        environment=_environment(run_data.manifest),
        recipe=run_data.recipe,
        version=gancli.__version__,
    )


def _preview_subject(run_data: RunData) -> tuple[str, str]:
    """Describe the previews: a heading and a phrase."""
    tasks = run_data.manifest.get("tasks")
    tasks = tasks if isinstance(tasks, list) else []
    task = next((task for task in TASKS.values() if task.preview and task.name in tasks), None)
    return (
        (task.preview_heading, task.preview_caption) if task else ("Previews during training", "outputs of the model")
    )


def _plot(run_data: RunData, charts: Sequence[Chart]) -> list[Markup]:
    stages = stage_spans(run_data.lines)
    return [plot(chart, total=run_data.images, stages=stages if len(stages) > 1 else ()) for chart in charts]


def _stages(lines: Sequence[Line]) -> str:
    """List the stages, whose names seldom fit into a chart; empty if there is only one."""
    stages = stage_spans(lines)
    if len(stages) < 2:
        return ""
    ends = ", ".join(f"{name} to {last:,}" for name, _, last in stages)
    return f"Stages, with the number of training images at the end of each: {ends}."


def _subtitle(run_data: RunData) -> str:
    name = str(run_data.manifest.get("family"))
    try:
        info: FamilyInfo = registry().family(name)
    except UsageError:
        return f"A model of the family {name}, which is not installed."
    summary = f"{info.summary[:1].upper()}{info.summary[1:].rstrip('.')}."
    return f"{summary} {info.paper.rstrip('.')}." if info.paper else summary


def _overview(run_data: RunData) -> Facts:
    """Return family, data, length, speed and memory; unknown entries are omitted."""
    manifest, total = run_data.manifest, run_data.manifest.get("images")
    length = f"{run_data.images:,}"
    if isinstance(total, int) and total > run_data.images:
        length += f" of {total:,}"
    entries = {
        "family": manifest.get("family"),
        "data": _data(manifest),
        "training images": length,
        "device": manifest.get("device"),
        "time": _duration(_seconds(run_data.timings)),
        "images per second": _speed(run_data.timings),
        "peak memory": _memory(run_data.timings),
        "started": str(manifest.get("created") or "").partition("T")[0],
    }
    return {name: str(value) for name, value in entries.items() if value}


def _environment(manifest: Mapping[str, Any]) -> Facts:
    """Return the facts that decide whether another run gives the same result."""
    versions = manifest.get("versions")
    entries = {
        "started": manifest.get("created"),
        "data fingerprint": manifest.get("fingerprint"),
        "seed": manifest.get("seed"),
        "device": manifest.get("device"),
        "threads": manifest.get("threads"),
        "group": manifest.get("group"),
        **{f"version of {name}": value for name, value in (versions if isinstance(versions, dict) else {}).items()},
    }
    return {name: str(value) for name, value in entries.items() if value is not None}


def _data(manifest: Mapping[str, Any]) -> str:
    source, spec = str(manifest.get("source", "")), manifest.get("data")
    if not isinstance(spec, dict):
        return source
    if spec.get("kind") == "points":
        return f"{source}, {spec.get('channels')} coordinates" if spec.get("channels") != 1 else f"{source} on a line"
    return f"{source}, {spec.get('height')}x{spec.get('width')}"


def _numbers(timings: Sequence[Line], key: str) -> list[float]:
    return [value for line in timings if (value := finite_number(line.get(key))) is not None]


def _seconds(timings: Sequence[Line]) -> float:
    """Sum the training time; the logged clock restarts when a run is resumed."""
    seconds = [0.0, *_numbers(timings, "seconds")]
    return sum(later - before if later >= before else later for before, later in pairwise(seconds))


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "under a second" if seconds else ""
    minutes, hours = round(seconds / 60), round(seconds / 3600, 1)
    return f"{seconds:.0f} s" if seconds < 120 else f"{minutes:,} min" if minutes < 120 else f"{hours:,} h"


def _speed(timings: Sequence[Line]) -> str:
    speeds = _numbers(timings, "images_per_second")
    return f"{statistics.median(speeds):,.0f}" if speeds else ""


def _memory(timings: Sequence[Line]) -> str:
    peaks = [peak for peak in _numbers(timings, "peak_memory_bytes") if peak > 0]
    return f"{max(peaks) / 1e6:,.0f} MB" if peaks else ""


def _metric_table(records: Sequence[Record]) -> dict[str, Any]:
    """Return a row for each metric, with its newest protocol, and a description of the protocols."""
    latest = newest(records)
    protocols = {name: record["protocol"] for name, record in latest.items()}
    return {
        "rows": [_metric_row(name, record, records) for name, record in latest.items()],
        "protocols": protocol_lines(protocols) if protocols else [],
    }


def _metric_row(name: str, record: Record, records: Sequence[Record]) -> dict[str, Any]:
    better = _better(record)
    best = _best(record, records, better)
    observed = record.get("observed")
    details = observed.items() if isinstance(observed, dict) else ()
    return {
        "name": name,
        "direction": "" if better is None else DIRECTIONS[better],
        "cells": [_value(record), _images(record), *((_value(best), _images(best)) if best is not None else ("", ""))],
        "details": ", ".join(f"{key} {describe_value(value)}" for key, value in details),
    }


def _better(record: Record) -> str | None:
    """Return `lower` or `higher`.

    None if the metric's plugin is not installed, and for additional values such as `swd/16` and `swd/real`, which
    declare no direction.
    """
    if "/" in record["metric"]:
        return None
    try:
        better = registry().metric(str(record["protocol"].get("by", record["metric"]))).better
    except UsageError:
        return None
    return better if better in DIRECTIONS else None


def _best(record: Record, records: Sequence[Record], better: str | None) -> Record | None:
    """Return the best record with the same metric and protocol; None if it is unknown which direction is better."""
    if better is None:
        return None
    comparable = [
        other
        for other in records
        if column(other) == column(record)
        and not describe_differences({"": record["protocol"], "other": other["protocol"]})
    ]
    values = {
        index: value for index, other in enumerate(comparable) if (value := finite_number(other["value"])) is not None
    }
    if not values:
        return None
    return comparable[(min if better == "lower" else max)(values, key=values.__getitem__)]


def _value(record: Record) -> str:
    value = finite_number(record["value"])
    return "not finite" if value is None else format_value(value)


def _images(record: Record) -> str:
    images = finite_number(record["protocol"].get("images"))
    return "" if images is None else f"{images:,.0f}"
