"""`gan detect`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from gancli.commands.able import check_able, open_able
from gancli.commands.detection_report import Detection, report, to_json, write_table
from gancli.commands.display import reading
from gancli.commands.image_files import ImageFile, find_images, name_results, split_run
from gancli.commands.prepared import Preparation, preparation
from gancli.commands.sampler import about, file_name, path_for
from gancli.commands.truth import read_truth
from gancli.data.source import Bytes
from gancli.engine.detecting import detect as detected
from gancli.engine.heat_sheet import Heat, heat_sheet
from gancli.engine.memory import free
from gancli.engine.model import Model
from gancli.errors import DataError, NumericalError, UsageError
from gancli.metrics import calibration
from gancli.pictures import Pixels, to_pixels, write_png

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
    heat: Heat | None


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
) -> Detection:
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
    truth = None if labels is None else read_truth(labels, files)
    folder = (out or path_for(path, file_name(["detected", f"seed{seed}" if seed else ""]))) if maps else None
    results = name_results(files, folder) if folder else None
    ready = preparation(path, model)
    images = ready.read_all(files)
    found = _calibration(model, ready, limit, seed)
    seen = _score(model, images, files, seed=seed, maps=maps)
    if results is not None:
        _write_maps(results, files, images, seen, {**about(model, None), "seed": seed})
    given = found.get("threshold", limit.threshold)
    detection = Detection(files, seen.scores, truth=truth, threshold=given, calibration=found, maps=results)
    if csv is not None:
        write_table(csv, detection)
    if json:
        print(to_json(detection))
    else:
        report(detection, path, paths, folder=folder, csv=csv, seed=seed)
    return detection


def _fits(able: frozenset[str]) -> bool:
    return able.issuperset(("detect", "image"))


def _calibration(model: Model, ready: Preparation, limit: Limit, seed: int) -> dict[str, Any]:
    """A threshold by normal images, and how it was found; nothing where there are none."""
    if limit.normal is None:
        return {}
    files = find_images([limit.normal], like="")
    rate = FALSE_ALARMS if limit.false_alarms is None else limit.false_alarms
    calibration.may_exceed(len(files), rate)  # or it is said before the search
    seen = _score(model, ready.read_all(files), files, seed=seed, maps=False)
    threshold = calibration.threshold(seen.scores, rate)
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
            picture = heat_sheet(image, seen.nearest[place], seen.heat[place], hottest=hottest)
            told = {"score": float(seen.scores[place]), "hottest": hottest, "from": file.path.name}
            write_png(result, picture, metadata={**made, **told})
            progress(place + 1, len(results))
