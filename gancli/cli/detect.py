"""`gan detect`."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gancli.cli.options import Device, Ema, Force, Json
from gancli.cli.shared.input_images import (
    ImageFile,
    InputReport,
    RangeOption,
    RunAndTrainingImages,
    Unreadable,
    find_images,
    parse_range,
    plan_results,
    split_run,
)
from gancli.cli.shared.models import open_for, output_name, output_path, provenance
from gancli.errors import DataError, NumericalError, UsageError
from gancli.io.text import visible
from gancli.runs.run import run_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from gancli.cli.shared.preprocess import Preprocessing
    from gancli.figures.grids import HeatMap
    from gancli.inference.model import Model
    from gancli.io.images import Pixels
    from gancli.io.types import Bytes
    from gancli.metrics.auroc import GroundTruth

FALSE_ALARMS = 0.05
"""Default rate of false alarms among normal images."""

WHITE_QUANTILE = 0.999
"""Share of all pixels below white in heat maps, so that a single hot pixel does not darken the others."""


class Scores(NamedTuple):
    """Scores (N,) of images and, for heat maps, the nearest generated images (N, H, W, C) and the heat (N, H, W)."""

    scores: npt.NDArray[np.float64]
    nearest: Pixels | None
    heat: HeatMap | None


def detect(
    images: RunAndTrainingImages,
    threshold: Annotated[float | None, typer.Option(help="Score above which images are reported as anomalous.")] = None,
    normal: Annotated[
        Path | None, typer.Option(help="Folder of normal images, not used in training, to compute a threshold from.")
    ] = None,
    false_alarms: Annotated[
        float | None,
        typer.Option(help="Largest rate of normal images above the computed threshold (default: 0.05)."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.csv|folders",
            help="Ground truth: a table of names and labels (normal or 0, anomalous or 1), or `folders` for images in "
            "folders named normal and anomalous. Reports AUROC, average precision and the best F1.",
        ),
    ] = None,
    maps: Annotated[bool, typer.Option("--maps/--no-maps", help="Write heat maps with a common scale.")] = True,
    csv: Annotated[Path | None, typer.Option(help="Also write the table to this file.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the search, the same for every image.")] = 0,
    ema: Ema = None,
    out: Annotated[
        Path | None, typer.Option(help="Output directory for heat maps (default: in the run's out/).")
    ] = None,
    unreadable: Unreadable = "skip",
    value_range: RangeOption = None,
    force: Force = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Score how anomalous images are compared with the training images, and show where."""
    from gancli.cli.shared.detection_table import HEADERS, DetectionResult, report, to_json, write_table
    from gancli.cli.shared.preprocess import preprocessing_of
    from gancli.io.outputs import check_outputs

    _check_threshold(threshold, normal, false_alarms)
    run, paths = split_run(images)
    files = find_images(paths, example=f"gan detect {run or '[RUN]'} photo.png")
    inputs = InputReport(files, unreadable)
    if csv is not None:
        check_outputs([csv], force=force, option="--csv", headers=HEADERS)
    planned = plan_results(files, out, inputs, force=force) if maps and out else []
    path, model = open_for("gan detect", run, ("detect", "image"), ema=ema, device=device)
    ground_truth = None if labels is None else read_ground_truth(labels, files)
    folder = (out or output_path(path, output_name(["detected", f"seed{seed}" if seed else ""]))) if maps else None
    if folder and not out:
        planned = plan_results(files, folder, inputs, force=force, run=run_of(path).path)
    results = [result for _, result in planned] if folder else None
    preprocess = preprocessing_of(path, model, parse_range(value_range))
    pixels, kept = preprocess.read_all(files, inputs)
    if inputs.count:
        files = [files[index] for index in kept]
        results = None if results is None else [results[index] for index in kept]
        ground_truth = None if labels is None else read_ground_truth(labels, files)
    calibration: dict[str, Any] = {}
    normal_inputs: InputReport | None = None
    if normal is not None:
        rate = FALSE_ALARMS if false_alarms is None else false_alarms
        normal_files = find_images([normal], example="")
        normal_inputs = InputReport(normal_files, unreadable)
        calibration = _calibrate(model, preprocess, normal, normal_files, normal_inputs, rate, seed)
    scores = _score(model, pixels, files, seed=seed, maps=maps)
    if results is not None:
        _write_maps(results, files, pixels, scores, {**provenance(model), "seed": seed})
    detection = DetectionResult(
        files,
        scores.scores,
        ground_truth=ground_truth,
        threshold=calibration.get("threshold", threshold),
        calibration=calibration,
        maps=results,
    )
    if csv is not None:
        write_table(csv, detection)
    inputs.print_remarks()
    if json:
        print(to_json(detection, inputs))
    else:
        report(detection, path, paths, folder=folder, csv=csv, seed=seed)
    inputs.raise_left_out()
    if normal_inputs is not None:
        normal_inputs.raise_left_out()


def _check_threshold(threshold: float | None, normal: Path | None, false_alarms: float | None) -> None:
    if threshold is not None and not math.isfinite(threshold):
        raise UsageError(f"--threshold must be a finite number, not {threshold:g}")
    if threshold is not None and normal is not None:
        raise UsageError("--threshold and --normal exclude each other: --normal computes a threshold; leave one out")
    if false_alarms is not None and normal is None:
        raise UsageError("--false-alarms needs normal images to compute a threshold from: name a folder with --normal")
    if false_alarms is not None and not 0 < false_alarms < 1:
        raise UsageError(f"--false-alarms must be between 0 and 1, such as 0.05, not {false_alarms:g}")


def _calibrate(
    model: Model,
    preprocess: Preprocessing,
    normal: Path,
    files: Sequence[ImageFile],
    inputs: InputReport,
    rate: float,
    seed: int,
) -> dict[str, Any]:
    """Compute a threshold from normal images, and return it with its origin."""
    from gancli.metrics.auroc import allowed_exceedances, threshold_for_rate

    pixels, kept = preprocess.read_all(files, inputs)
    allowed_exceedances(len(kept), rate)  # raises an error before the search if there are too few images
    files = [files[index] for index in kept]
    scores = _score(model, pixels, files, seed=seed, maps=False).scores
    return {
        "threshold": threshold_for_rate(scores, rate),
        "normal": str(normal),
        "images": len(files),
        "false_alarms": rate,
    }


def _score(model: Model, images: Bytes, files: Sequence[ImageFile], *, seed: int, maps: bool) -> Scores:
    import numpy as np

    from gancli.cli.display.progress import progress_bar
    from gancli.cli.shared.preprocess import check_memory
    from gancli.inference.detect import detect as detect_images
    from gancli.io.images import to_pixels

    count, channels, *size = images.shape
    if maps:
        check_memory(
            count * size[0] * size[1] * (channels + 4),
            subject=f"heat maps of {count:,} images need",
            advice="use --no-maps or fewer images",
        )
    scores = np.empty(count)
    nearest = np.empty((count, *size, channels), dtype=np.uint8) if maps else None
    heat = np.empty((count, *size), dtype=np.float32) if maps else None
    done = 0
    with progress_bar("images", "scoring") as progress:
        progress(0, count)
        for detection in detect_images(model, images, seed=seed):
            rows = slice(done, done + len(detection.score))
            scores[rows] = detection.score.numpy()
            if nearest is not None and heat is not None:
                nearest[rows], heat[rows] = to_pixels(detection.nearest), detection.heat[:, 0].numpy()
            done = rows.stop
            progress(done, count)
    invalid = np.flatnonzero(~np.isfinite(scores))
    if len(invalid):
        raise NumericalError(f"the score of {files[invalid[0]].path} is not finite; train the model again")
    return Scores(scores, nearest, heat)


def _write_maps(
    results: Sequence[Path], files: Sequence[ImageFile], images: Bytes, scores: Scores, metadata: dict[str, Any]
) -> None:
    """Write each image next to the nearest generated image and the heat; all files have the same scale."""
    import numpy as np

    from gancli.cli.display.progress import progress_bar
    from gancli.figures.grids import heat_map_grid
    from gancli.io.images import write_png

    assert scores.nearest is not None
    assert scores.heat is not None
    hottest = max(float(np.quantile(scores.heat, WHITE_QUANTILE)), float(np.finfo(np.float32).tiny))
    with progress_bar("heat maps", "writing") as progress:
        for index, (result, file) in enumerate(zip(results, files, strict=True)):
            image = images[index].transpose(1, 2, 0)
            figure = heat_map_grid(image, scores.nearest[index], scores.heat[index], hottest=hottest)
            entry = {"score": float(scores.scores[index]), "hottest": hottest, "from": visible(file.path.name)}
            write_png(result, figure, metadata={**metadata, **entry})
            progress(index + 1, len(results))


FOLDERS = "folders"
"""Value of --labels for labels given by folders."""

LABELS = {"0": False, "normal": False, "1": True, "anomalous": True}
"""Labels in a table. The words are also names of folders."""


def read_ground_truth(labels: str, files: Sequence[ImageFile]) -> GroundTruth:
    """Read whether each file is anomalous, (N,).

    Args:
        labels: CSV file of names and labels, or `folders`.
        files: image files.

    Raises:
        DataError: the table cannot be read or lacks a file, or all files have the same label.
    """
    import numpy as np

    by_folder = labels == FOLDERS
    found = [_label_of_folder(file.path) for file in files] if by_folder else _labels_of_table(Path(labels), files)
    missing = [file.path for file, label in zip(files, found, strict=True) if label is None]
    if missing:
        reason = "is in no folder named normal or anomalous" if by_folder else f"has no label in {labels}"
        more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        raise DataError(f"{missing[0]} {reason}{more}; add a label or leave the image out")
    ground_truth = np.array(found, dtype=np.bool_)
    if ground_truth.all() or not ground_truth.any():
        kind = "anomalous" if ground_truth.all() else "normal"
        raise DataError(
            f"--labels marks all {len(files):,} images as {kind}, and the metrics need both kinds; add "
            "other images or leave --labels out"
        )
    return ground_truth


def _label_of_folder(path: Path) -> bool | None:
    """Return the label of the innermost folder whose name is a label."""
    parents = path.absolute().parent.parts
    return next((LABELS[part] for part in reversed(parents) if part in ("normal", "anomalous")), None)


def _labels_of_table(path: Path, files: Sequence[ImageFile]) -> list[bool | None]:
    """Look files up in a table by path, by path below the given folder, or by file name if it is unique."""
    from gancli.io.outputs import quote_formula

    table = _read_table(path)
    counts = Counter(file.path.name for file in files)

    def find(file: ImageFile) -> bool | None:
        names = [str(file.path), file.name.as_posix(), *([file.path.name] if counts[file.path.name] == 1 else [])]
        spellings = [spelling for name in names for spelling in (name, quote_formula(name))]  # as --csv writes them
        return next((table[name] for name in spellings if name in table), None)

    return [find(file) for file in files]


def _read_table(path: Path) -> dict[str, bool]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            rows = [(number, [cell.strip() for cell in row]) for number, row in enumerate(csv.reader(handle), 1) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}); --labels takes a CSV file, or {FOLDERS}") from None
    table: dict[str, bool] = {}
    for index, (number, row) in enumerate(rows):
        label = LABELS.get(row[1].lower()) if len(row) > 1 else None
        if label is None and index == 0 and len(row) > 1:
            continue  # column names
        if label is None:
            raise DataError(f"{path}:{number}: expected a name and a label ({', '.join(LABELS)}), such as a.png,1")
        if table.setdefault(row[0], label) != label:
            raise DataError(f"{path}:{number}: {row[0]} has two labels; remove one of them")
    return table
