"""`gan detect`."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from gancli.cli.display.live import reading
from gancli.cli.shared.detection_table import DetectionResult, report, to_json, write_table
from gancli.cli.shared.input_images import ImageFile, find_images, name_results, split_run
from gancli.cli.shared.models import about, check_able, file_name, open_able, path_for
from gancli.cli.shared.preprocess import Preprocessing, preprocessing
from gancli.errors import DataError, NumericalError, UsageError
from gancli.figures.grids import HeatMap, heat_map_grid
from gancli.inference.detect import detect as detected
from gancli.inference.model import Model
from gancli.io.images import Pixels, to_pixels, write_png
from gancli.io.types import Bytes
from gancli.metrics import anomaly
from gancli.metrics.anomaly import GroundTruth
from gancli.runtime.memory import free

FALSE_ALARMS = 0.05
"""Of normal images, where nothing is said."""

WHITE_HOT = 0.999
"""The share of all pixels that are shown less than white, so that a single one does not darken the others."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """From where on images are called anomalous.

    Args:
        threshold: what they score above; none are called so, if None.
        normal: a folder of normal images, out of whose scores a threshold is made.
        false_alarms: the share of normal images that may score above that.
    """

    threshold: float | None = None
    normal: Path | None = None
    false_alarms: float | None = None

    def check(self) -> None:
        """Refuses what contradicts itself.

        Raises:
            UsageError: it does.
        """
        threshold, normal, false_alarms = self.threshold, self.normal, self.false_alarms
        if threshold is not None and not np.isfinite(threshold):
            raise UsageError(f"--threshold must be a number, not {threshold:g}")
        if threshold is not None and normal is not None:
            raise UsageError("--threshold and --normal exclude each other: the second finds a threshold; leave one out")
        if false_alarms is not None and normal is None:
            raise UsageError("--false-alarms needs normal images to count them on: name a folder with --normal")
        if false_alarms is not None and not 0 < false_alarms < 1:
            raise UsageError(f"--false-alarms must lie between 0 and 1, such as 0.05, not {false_alarms:g}")


class Seen(NamedTuple):
    """Every image's score (N,), and for maps what could be made (N, H, W, C) and the heat (N, H, W)."""

    scores: npt.NDArray[np.float64]
    nearest: Pixels | None
    heat: HeatMap | None


def detect(
    arguments: Sequence[Path],
    *,
    limit: Limit,
    labels: str | None,
    maps: bool,
    csv: Path | None,
    seed: int,
    ema: bool | None,
    out: Path | None,
    device: str,
    json: bool,
) -> DetectionResult:
    """Scores images, the most anomalous first.

    Args:
        arguments: a run or checkpoint directory, if not the newest that can, and files and folders of images.
        limit: from where on they are called anomalous.
        labels: a CSV file that says which images are anomalous, or `folders`.
        maps, csv: whether to write heat maps, and a file for the table.
        seed: of the search.
        out: a directory for heat maps; one in the run's, if None.
        ema, device, json: as `gan sample` takes them.

    Raises:
        GanError: the run cannot, or an image cannot be read.
    """
    limit.check()
    run, paths = split_run(arguments)
    files = find_images(paths, like=f"gan detect {'[RUN]' if run is None else run} photo.png")
    path, model = open_able(run, _fits, wanted="detects anomalies in images", ema=ema, device=device)
    check_able(model, ("detect", "image"), "gan detect")
    truth = None if labels is None else read_ground_truth(labels, files)
    folder = (out or path_for(path, file_name(["detected", f"seed{seed}" if seed else ""]))) if maps else None
    results = name_results(files, folder) if folder else None
    ready = preprocessing(path, model)
    images = ready.read_all(files)
    found = _calibration(model, ready, limit, seed)
    seen = _score(model, images, files, seed=seed, maps=maps)
    if results is not None:
        _write_maps(results, files, images, seen, {**about(model, None), "seed": seed})
    given = found.get("threshold", limit.threshold)
    detection = DetectionResult(files, seen.scores, truth=truth, threshold=given, calibration=found, maps=results)
    if csv is not None:
        write_table(csv, detection)
    if json:
        print(to_json(detection))
    else:
        report(detection, path, paths, folder=folder, csv=csv, seed=seed)
    return detection


def _fits(able: frozenset[str]) -> bool:
    return able.issuperset(("detect", "image"))


def _calibration(model: Model, ready: Preprocessing, limit: Limit, seed: int) -> dict[str, Any]:
    """A threshold by normal images, and how it was found; nothing where there are none."""
    if limit.normal is None:
        return {}
    files = find_images([limit.normal], like="")
    rate = FALSE_ALARMS if limit.false_alarms is None else limit.false_alarms
    anomaly.may_exceed(len(files), rate)  # or it is said before the search
    seen = _score(model, ready.read_all(files), files, seed=seed, maps=False)
    threshold = anomaly.threshold(seen.scores, rate)
    return {"threshold": threshold, "normal": str(limit.normal), "images": len(files), "false_alarms": rate}


def _score(model: Model, images: Bytes, files: Sequence[ImageFile], *, seed: int, maps: bool) -> Seen:
    count, channels, *size = images.shape
    if maps:
        _check_memory(count * size[0] * size[1] * (channels + 4))
    scores = np.empty(count)
    nearest = np.empty((count, *size, channels), dtype=np.uint8) if maps else None
    heat = np.empty((count, *size), dtype=np.float32) if maps else None
    done = 0
    with reading("images", "scoring") as progress:
        progress(0, count)
        for found in detected(model, images, seed=seed):
            rows = slice(done, done + len(found.score))
            scores[rows] = found.score.numpy()
            if nearest is not None and heat is not None:
                nearest[rows], heat[rows] = to_pixels(found.nearest), found.heat[:, 0].numpy()
            done = rows.stop
            progress(done, count)
    wrong = np.flatnonzero(~np.isfinite(scores))
    if len(wrong):
        raise NumericalError(f"{files[wrong[0]].path} gets a score that is not finite; train the model anew")
    return Seen(scores, nearest, heat)


def _check_memory(needed: int) -> None:
    left = free(torch.device("cpu"))
    if left is not None and needed > left:
        raise DataError(
            f"heat maps of so many images take {needed / 1e9:.1f} GB of memory, and {left / 1e9:.1f} GB are free; "
            "give --no-maps or fewer images"
        )


def _write_maps(
    results: Sequence[Path], files: Sequence[ImageFile], images: Bytes, seen: Seen, made: dict[str, Any]
) -> None:
    """Each image beside what could be made and the heat, all on one scale."""
    assert seen.nearest is not None
    assert seen.heat is not None
    hottest = max(float(np.quantile(seen.heat, WHITE_HOT)), float(np.finfo(np.float32).tiny))
    with reading("heat maps", "writing") as progress:
        for place, (result, file) in enumerate(zip(results, files, strict=True)):
            image = images[place].transpose(1, 2, 0)
            picture = heat_map_grid(image, seen.nearest[place], seen.heat[place], hottest=hottest)
            told = {"score": float(seen.scores[place]), "hottest": hottest, "from": file.path.name}
            write_png(result, picture, metadata={**made, **told})
            progress(place + 1, len(results))


FOLDERS = "folders"
"""What is given instead of a table where folders say it."""

WORDS = {"0": False, "normal": False, "1": True, "anomalous": True}
"""What is written in a table, or is the name of a folder."""


def read_ground_truth(given: str, files: Sequence[ImageFile]) -> GroundTruth:
    """Whether each file is anomalous, (N,).

    Args:
        given: a CSV file of names and labels, or `folders`.
        files: any.

    Raises:
        DataError: the table cannot be read or says nothing of a file, or all files are of one kind.
    """
    said = [_by_folder(file.path) for file in files] if given == FOLDERS else _by_table(Path(given), files)
    missing = [file.path for file, label in zip(files, said, strict=True) if label is None]
    if missing:
        where = "lies in no folder named normal or anomalous" if given == FOLDERS else f"has no label in {given}"
        more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        raise DataError(f"{missing[0]} {where}{more}; give it one or leave it out")
    truth = np.array(said, dtype=np.bool_)
    if truth.all() or not truth.any():
        kind = "anomalous" if truth.all() else "normal"
        raise DataError(
            f"--labels calls all {len(files):,} images {kind}, and how well they are told apart needs both kinds; add "
            "others, or leave --labels out"
        )
    return truth


def _by_folder(path: Path) -> bool | None:
    """By the innermost folder that says it."""
    parents = path.absolute().parent.parts
    return next((WORDS[part] for part in reversed(parents) if part in ("normal", "anomalous")), None)


def _by_table(path: Path, files: Sequence[ImageFile]) -> list[bool | None]:
    """A name in the table is a path as it was given, a path below the folder that was, or a file's name alone."""
    table = _table(path)
    alone = Counter(file.path.name for file in files)

    def look(file: ImageFile) -> bool | None:
        names = [str(file.path), file.name.as_posix(), *([file.path.name] if alone[file.path.name] == 1 else [])]
        return next((table[name] for name in names if name in table), None)

    return [look(file) for file in files]


def _table(path: Path) -> dict[str, bool]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            rows = [(number, [cell.strip() for cell in row]) for number, row in enumerate(csv.reader(handle), 1) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}); --labels takes a CSV file, or {FOLDERS}") from None
    table: dict[str, bool] = {}
    for place, (number, row) in enumerate(rows):
        label = WORDS.get(row[1].lower()) if len(row) > 1 else None
        if label is None and place == 0 and len(row) > 1:
            continue  # the names of the columns
        if label is None:
            raise DataError(f"{path}:{number}: expected a name and a label out of {', '.join(WORDS)}, such as a.png,1")
        if table.setdefault(row[0], label) != label:
            raise DataError(f"{path}:{number}: {row[0]} has two labels; remove one of them")
    return table
