"""Results of anomaly detection as a table on the terminal, as CSV and as JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.table import Table

from gancli.cli.display.console import TerminalConsole
from gancli.cli.shared.input_images import ImageFile, InputReport
from gancli.io.outputs import write_csv
from gancli.metrics.auroc import GroundTruth, auroc, average_precision, best_f1

HEADERS = frozenset(
    ",".join(["image", "score", *(name for name in names if name)])
    for names in product(("", "anomalous"), ("", "label"), ("", "map"))
)
"""Every first line of a table that `write_table` writes."""


@dataclass(frozen=True)
class DetectionResult:
    """Anomaly scores of images.

    Args:
        files: image files.
        scores: anomaly scores (N,); higher is more anomalous.
        ground_truth: True for anomalous images, (N,), if known.
        threshold: score above which images are anomalous, if any.
        calibration: origin of a computed threshold, for JSON; empty for a given threshold.
        maps: heat map file of each image, if any.
    """

    files: Sequence[ImageFile]
    scores: npt.NDArray[np.float64]
    ground_truth: GroundTruth | None = None
    threshold: float | None = None
    calibration: Mapping[str, Any] = field(default_factory=dict)
    maps: Sequence[Path] | None = None

    @property
    def rows(self) -> Iterator[dict[str, Any]]:
        """One row per image, the most anomalous first; images of equal score keep their order."""
        for index in np.argsort(-self.scores, kind="stable").tolist():
            score = float(self.scores[index])
            row: dict[str, Any] = {"image": str(self.files[index].path), "score": score}
            if self.threshold is not None:
                row["anomalous"] = score > self.threshold
            if self.ground_truth is not None:
                row["label"] = "anomalous" if self.ground_truth[index] else "normal"
            if self.maps is not None:
                row["map"] = str(self.maps[index])
            yield row

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """AUROC, average precision and best F1 of the scores; empty without ground truth.

        Raises:
            DataError: all images have the same label.
        """
        if self.ground_truth is None:
            return []
        best = best_f1(self.scores, self.ground_truth)
        counts = {"images": len(self.files), "anomalous": int(self.ground_truth.sum())}
        return [
            {"metric": "auroc", "value": auroc(self.scores, self.ground_truth), **counts},
            {"metric": "average_precision", "value": average_precision(self.scores, self.ground_truth), **counts},
            {"metric": "best_f1", "value": best.f1, "threshold": best.threshold, **counts},
        ]


def to_json(detection: DetectionResult, inputs: InputReport) -> str:
    """Return the result as one JSON object."""
    threshold = {} if detection.threshold is None else {"threshold": detection.threshold}
    calibration = {"calibration": dict(detection.calibration)} if detection.calibration else {}
    metrics = {"metrics": detection.metrics} if detection.metrics else {}
    return json.dumps({"images": list(detection.rows), **threshold, **calibration, **metrics, **inputs.to_json()})


def write_table(path: Path, detection: DetectionResult) -> None:
    """Write the rows as CSV with column names; the column anomalous is 1 or 0.

    Raises:
        DiskError: the file cannot be written.
    """
    rows = [{**row, **({"anomalous": int(row["anomalous"])} if "anomalous" in row else {})} for row in detection.rows]
    write_csv(path, list(rows[0]), rows)


def report(
    detection: DetectionResult, run: Path, paths: Sequence[Path], *, folder: Path | None, csv: Path | None, seed: int
) -> None:
    """Print the table, a summary and the next command."""
    console = TerminalConsole()
    if not console.is_terminal:
        console.width = 10_000  # so that paths are neither cut nor wrapped for the next program
    columns = [name for name in ("score", "anomalous", "label", "image") if name in next(detection.rows)]
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in detection.rows:
        table.add_row(*(_cell(row[name]) for name in columns))
    console.print(table)
    for sentence in _summary(detection, folder, csv):
        console.print(sentence, soft_wrap=True)
    command = shlex.join(_next_command(detection, run, paths, seed))
    console.print(f"next: {command}", soft_wrap=True)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _summary(detection: DetectionResult, folder: Path | None, csv: Path | None) -> Iterator[str]:
    calibration, threshold, ground_truth = detection.calibration, detection.threshold, detection.ground_truth
    if calibration:
        yield (
            f"threshold {threshold:g}: computed from {calibration['images']:,} normal images in "
            f"{calibration['normal']}, so that at most {calibration['false_alarms']:.3g} of all normal images score "
            "above it"
        )
    if threshold is not None:
        anomalous = detection.scores > threshold
        count, total = int(anomalous.sum()), len(detection.files)
        yield f"{count:,} of {total:,} images are anomalous: their score is above {threshold:g}"
        if ground_truth is not None:
            hits, false_alarms = int((anomalous & ground_truth).sum()), int((anomalous & ~ground_truth).sum())
            yield (
                f"found {hits:,} of {int(ground_truth.sum()):,} anomalous images, with {false_alarms:,} false alarms "
                f"among {int((~ground_truth).sum()):,} normal images"
            )
    if detection.metrics:
        area, precision, best = detection.metrics
        yield (
            f"AUROC {area['value']:.4f}, average precision {precision['value']:.4f}, best F1 {best['value']:.4f} at "
            f"threshold {best['threshold']:.6g}"
        )
    if folder is not None:
        yield f"heat maps: {folder}/ (image, nearest, heat)"
    if csv is not None:
        yield f"wrote {csv}"


def _next_command(detection: DetectionResult, run: Path, paths: Sequence[Path], seed: int) -> list[str]:
    """Return the same command with the threshold that was found, or else one that evaluates the model."""
    threshold = detection.calibration.get("threshold")
    if threshold is None and detection.threshold is None and detection.metrics:
        threshold = detection.metrics[-1]["threshold"]
    if threshold is None:
        return ["gan", "eval", str(run)]
    same_seed = ["--seed", str(seed)] if seed else []
    return ["gan", "detect", str(run), *map(str, paths), "--threshold", f"{threshold:.6g}", *same_seed]
