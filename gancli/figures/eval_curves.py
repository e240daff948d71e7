"""Metric curves of a run that evaluated metrics during training: `eval.png`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gancli.figures.plots import (
    BLACK,
    BLUE,
    VERMILION,
    Numbers,
    add_legend,
    new_figure,
    subplot_cells,
    to_pixels,
)
from gancli.io.images import Pixels, write_png
from gancli.runs.checkpoint import BestCheckpoint
from gancli.runs.eval_log import DIVERSITY, DURING, Record, read
from gancli.runs.run import Run

NAME = "eval.png"


@dataclass(frozen=True, kw_only=True)
class MetricCurve:
    """A metric during training.

    Args:
        title: shown above the panel.
        images: (M,), training images shown.
        values: (M,), values of the metric.
        level: reference value, plotted as a horizontal line; None for none.
        level_name: label of the reference value.
        best: training images of the best checkpoint; None to mark none.
    """

    title: str
    images: Numbers
    values: Numbers
    level: float | None = None
    level_name: str = ""
    best: int | None = None


def plot(run: Run, *, best: BestCheckpoint | None, floor: float) -> None:
    """Write `eval.png` with one panel per metric, and one for the diversity; write nothing if there are no values.

    Args:
        run: run directory.
        best: best checkpoint, marked in the panel of the metric that selected it.
        floor: diversity below which the collapse detector reports a collapse.

    Raises:
        DataError: a line of `eval.jsonl` is invalid.
        UsageError: matplotlib is not installed.
        DiskError: the file cannot be written.
    """
    records = [record for record in read(run) if record["protocol"].get("chosen") == DURING]
    if not records:
        return
    curves = [_curve(metric, records, best, floor) for metric in dict.fromkeys(_metric(record) for record in records)]
    metadata: dict[str, Any] = {"run": run.name, "images": max(record["protocol"]["images"] for record in records)}
    write_png(run.path / NAME, plot_curves(curves), metadata=metadata)


def plot_curves(curves: Sequence[MetricCurve]) -> Pixels:
    """Plot panels side by side, each with one curve over the training images shown."""
    with new_figure(len(curves), width=3.6, height=2.8) as figure:
        for cell, curve in zip(subplot_cells(figure, len(curves)), curves, strict=True):
            axes = figure.add_subplot(cell)
            axes.set_title(curve.title)
            axes.plot(curve.images, curve.values, color=BLUE, marker="o", markersize=3, linewidth=1.5)
            if curve.level is not None:
                axes.axhline(curve.level, color=BLACK, linestyle=":", linewidth=1.5, label=curve.level_name)
            if curve.best is not None:
                axes.axvline(curve.best, color=VERMILION, linestyle="--", linewidth=1, label="best checkpoint")
            axes.set_xlabel("images shown")
            axes.ticklabel_format(axis="x", style="sci", scilimits=(0, 3))
        if any(axes.get_legend_handles_labels()[0] for axes in figure.axes):
            add_legend(figure)
        return to_pixels(figure)


def _curve(metric: str, records: Sequence[Record], best: BestCheckpoint | None, floor: float) -> MetricCurve:
    """Return the curve of the metric's first value, with the value for real images if there is one."""
    own = [record for record in records if _metric(record) == metric]
    name = next((record["metric"] for record in own if record["metric"] == metric), own[0]["metric"])
    values = [record for record in own if record["metric"] == name]
    real = [record["value"] for record in own if record["metric"] == f"{name}/real"]
    level, level_name = (real[-1], "real images") if real else (None, "")
    if metric == DIVERSITY:
        level, level_name = floor, "collapse threshold"
    return MetricCurve(
        title=name,
        images=np.array([record["protocol"]["images"] for record in values], dtype=np.float64),
        values=np.array([record["value"] for record in values], dtype=np.float64),
        level=level,
        level_name=level_name,
        best=best.images if best is not None and best.metric == metric else None,
    )


def _metric(record: Record) -> str:
    return str(record["protocol"].get("by", record["metric"]))
