"""What was detected: as a table for a person, as CSV, and as JSON."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gancli.cli.shared.input_images import ImageFile
from gancli.io.files import disk_errors, write_atomically
from gancli.metrics.anomaly import GroundTruth, auroc, average_precision, best_f1


@dataclass(frozen=True)
class DetectionResult:
    """Scores of images, and what follows from them.

    Args:
        files: the images.
        scores: (N,), higher for more anomalous.
        truth: (N,), which are anomalous, if that is known.
        threshold: what anomalous images score above, if there is one.
        calibration: how the threshold was found, as JSON has it; empty where a person gave it.
        maps: the file of each image's heat map, if there are any.
    """

    files: Sequence[ImageFile]
    scores: npt.NDArray[np.float64]
    truth: GroundTruth | None = None
    threshold: float | None = None
    calibration: Mapping[str, Any] = field(default_factory=dict)
    maps: Sequence[Path] | None = None

    @property
    def rows(self) -> Iterator[dict[str, Any]]:
        """Every image with what is known of it, the most anomalous first; equals in the order that they came in."""
        for place in np.argsort(-self.scores, kind="stable").tolist():
            score = float(self.scores[place])
            row: dict[str, Any] = {"image": str(self.files[place].path), "score": score}
            if self.threshold is not None:
                row["anomalous"] = score > self.threshold
            if self.truth is not None:
                row["label"] = "anomalous" if self.truth[place] else "normal"
            if self.maps is not None:
                row["map"] = str(self.maps[place])
            yield row

    @cached_property
    def measures(self) -> list[dict[str, Any]]:
        """How well the scores tell anomalous images from normal ones; none where that is not known.

        Raises:
            DataError: all are of one kind.
        """
        if self.truth is None:
            return []
        best = best_f1(self.scores, self.truth)
        of = {"images": len(self.files), "anomalous": int(self.truth.sum())}
        return [
            {"metric": "auroc", "value": auroc(self.scores, self.truth), **of},
            {"metric": "average_precision", "value": average_precision(self.scores, self.truth), **of},
            {"metric": "best_f1", "value": best.f1, "threshold": best.threshold, **of},
        ]


def to_json(detection: DetectionResult) -> str:
    """One object."""
    limit = {} if detection.threshold is None else {"threshold": detection.threshold}
    calibration = {"calibration": dict(detection.calibration)} if detection.calibration else {}
    measures = {"metrics": detection.measures} if detection.measures else {}
    return json.dumps({"images": list(detection.rows), **limit, **calibration, **measures})


def write_table(path: Path, detection: DetectionResult) -> None:
    """Writes CSV with a heading; anomalous is 1 or 0.

    Raises:
        DiskError: the disk refuses.
    """
    text = io.StringIO()
    rows = [{**row, **({"anomalous": int(row["anomalous"])} if "anomalous" in row else {})} for row in detection.rows]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.getvalue().encode())


def report(
    detection: DetectionResult, run: Path, paths: Sequence[Path], *, folder: Path | None, csv: Path | None, seed: int
) -> None:
    """The table, what it comes to, and the next command."""
    console = Console()
    if not console.is_terminal:
        console.width = 10_000  # a path that is cut or folded is of no use to the next program
    shown = [name for name in ("score", "anomalous", "label", "image") if name in next(detection.rows)]
    page = Table(box=None, pad_edge=False)
    for name in shown:
        page.add_column(name, overflow="fold")
    for row in detection.rows:
        page.add_row(*(_cell(row[name]) for name in shown))
    console.print(page)
    for sentence in _sentences(detection, folder, csv):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    following = shlex.join(_following(detection, run, paths, seed))
    console.print(f"next: {following}", markup=False, highlight=False, soft_wrap=True)


def _cell(value: Any) -> Text:
    if isinstance(value, bool):
        return Text("yes" if value else "")
    return Text(f"{value:.6g}" if isinstance(value, float) else str(value))


def _sentences(detection: DetectionResult, folder: Path | None, csv: Path | None) -> Iterator[str]:
    found, limit = detection.calibration, detection.threshold
    if found:
        yield (
            f"threshold {limit:g}: of {found['images']:,} normal images in {found['normal']}, so that at most "
            f"{found['false_alarms']:.3g} of all normal images score above it"
        )
    if limit is not None:
        above = int((detection.scores > limit).sum())
        yield f"{above:,} of {len(detection.files):,} images are anomalous: their score is above {limit:g}"
    if limit is not None and detection.truth is not None:
        called, truth = detection.scores > limit, detection.truth
        yield (
            f"found {int((called & truth).sum()):,} of {int(truth.sum()):,} anomalous images, with "
            f"{int((called & ~truth).sum()):,} false alarms among {int((~truth).sum()):,} normal ones"
        )
    if detection.measures:
        area, precision, best = detection.measures
        yield (
            f"AUROC {area['value']:.4f}, average precision {precision['value']:.4f}, best F1 {best['value']:.4f} at "
            f"threshold {best['threshold']:.6g}"
        )
    if folder is not None:
        yield f"heat maps: {folder}/ (image, nearest, heat)"
    if csv is not None:
        yield f"wrote {csv}"


def _following(detection: DetectionResult, run: Path, paths: Sequence[Path], seed: int) -> list[str]:
    """The same with a threshold that was found, which need not be found again; or else the model's measures."""
    found = detection.calibration.get("threshold")
    if found is None and detection.threshold is None and detection.measures:
        found = detection.measures[-1]["threshold"]
    if found is None:
        return ["gan", "eval", str(run)]
    same = ["--seed", str(seed)] if seed else []
    return ["gan", "detect", str(run), *map(str, paths), "--threshold", f"{found:.6g}", *same]
