"""What was measured while a run trained, as curves: `eval.png` in the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gancli.figures import plots
from gancli.io.images import write_png
from gancli.runs.checkpoint import BestCheckpoint
from gancli.runs.eval_log import DIVERSITY, DURING, Record, read
from gancli.runs.run import Run

NAME = "eval.png"


def plot(run: Run, *, best: BestCheckpoint | None, floor: float) -> None:
    """Draws one panel for each metric, and for the samples' diversity; nothing where nothing was measured.

    Args:
        run: whose `eval.jsonl` to read, and where to write.
        best: the best checkpoint, which is marked in the panel of the metric that decided.
        floor: below which the guard holds samples for collapsed.

    Raises:
        DataError: a line of `eval.jsonl` is no measurement.
        UsageError: what draws it is not installed.
        DiskError: the disk refuses.
    """
    records = [record for record in read(run) if record["protocol"].get("chosen") == DURING]
    if not records:
        return
    panels = [_panel(by, records, best, floor) for by in dict.fromkeys(_by(record) for record in records)]
    about: dict[str, Any] = {"run": run.name, "images": max(record["protocol"]["images"] for record in records)}
    write_png(run.path / NAME, plots.metric_curves(panels), metadata=about)


def _panel(by: str, records: Sequence[Record], best: BestCheckpoint | None, floor: float) -> plots.MetricCurve:
    """The first value of each measurement, beside that of real images where there is one."""
    own = [record for record in records if _by(record) == by]
    leading = next((record["metric"] for record in own if record["metric"] == by), own[0]["metric"])
    shown = [record for record in own if record["metric"] == leading]
    real = [record["value"] for record in own if record["metric"] == f"{leading}/real"]
    level, name = (real[-1], "of real images") if real else (None, "")
    if by == DIVERSITY:
        level, name = floor, "the guard's floor"
    return plots.MetricCurve(
        title=leading,
        images=np.array([record["protocol"]["images"] for record in shown], dtype=np.float64),
        values=np.array([record["value"] for record in shown], dtype=np.float64),
        level=level,
        level_name=name,
        best=best.images if best is not None and best.metric == by else None,
    )


def _by(record: Record) -> str:
    return str(record["protocol"].get("by", record["metric"]))
