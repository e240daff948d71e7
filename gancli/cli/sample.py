"""`gan sample`."""

from __future__ import annotations

import json as jsonlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gancli.cli.shared.models import (
    LONGEST_NAME,
    about,
    check_truncation,
    file_name,
    label_indices,
    limit,
    open_sampler,
    path_for,
    safe,
)
from gancli.errors import DataError, UsageError
from gancli.figures.toy_distribution import plot_model
from gancli.inference.model import Model
from gancli.inference.sample import sample_images
from gancli.io.captions import captioned_sheet
from gancli.io.images import Pixels, sheet, to_pixels, write_png
from gancli.plugins.registry import unknown

FORMATS = ("grid", "png")

COUNT, COUNT_OF_EACH = 64, 10
"""How many images are drawn: of one label, or of a model without any; and of each, where several are drawn."""

Drawn = Mapping[Path, tuple[Pixels, Mapping[str, Any]]]
"""Pictures by the file they go to, each with what it shows."""


@dataclass(frozen=True, kw_only=True)
class Draws:
    """What is drawn: for every label the same seeds.

    Args:
        seeds: consecutive.
        labels: indices; empty for a model without labels.
        names: of all labels of the model.
    """

    seeds: range
    labels: Sequence[int]
    names: Sequence[str]

    @property
    def every_seed(self) -> list[int]:
        """The seed of every image."""
        return list(self.seeds) * (len(self.labels) or 1)

    @property
    def every_label(self) -> list[int]:
        """The label of every image."""
        return [label for label in self.labels for _ in self.seeds]

    def listed(self) -> dict[str, list[Any]]:
        """The seed of every image, and its label by name where the model takes one."""
        labels = [self.names[label] for label in self.every_label]
        return {"seeds": self.every_seed, **({"labels": labels} if labels else {})}


def sample(
    run: Path | None,
    *,
    count: int | None,
    labels: Sequence[str],
    seed: int,
    truncation: float | None,
    form: str,
    grid: bool,
    annotate: bool,
    ema: bool | None,
    out: Path | None,
    device: str,
    json: bool,
) -> list[Path]:
    """Draws `count` images of each label, image i from seed `seed + i`. Returns the files written.

    Raises:
        GanError: the run cannot, or the label is unknown.
    """
    _check(form, grid, annotate, out)
    check_truncation(truncation)
    path, model = open_sampler(run, labels=bool(labels), ema=ema, device=device)
    if model.mixture is not None:
        _check_points(model, form, annotate)
    chosen = list(dict.fromkeys(label_indices(labels, model))) or list(range(len(model.labels)))
    count = count or (COUNT_OF_EACH if len(chosen) > 1 else COUNT)
    draws = Draws(seeds=range(seed, seed + count), labels=chosen, names=model.labels)
    drawn = sample_images(model, draws.every_seed, draws.every_label, truncation=truncation)
    parts = [f"samples-seed{seed}-n{count}", _suffix(labels), "annotated" if annotate else ""]
    target = out or path_for(path, file_name(parts, truncation=truncation) + (".png" if form == "grid" else ""))
    if form == "grid":
        picture = (
            _sheet(to_pixels(drawn), draws, annotate=annotate)
            if model.mixture is None
            else plot_model(model, drawn, seed=seed, truncation=truncation)
        )
        pictures: Drawn = {target: (picture, draws.listed())}
    else:
        pictures = _single(target, to_pixels(drawn), draws)
    for file, (picture, shows) in pictures.items():
        write_png(file, picture, metadata={**about(model, truncation), **shows})
    shown = [{"image": str(file), **shows, **limit(truncation)} for file, (_, shows) in pictures.items()]
    _tell(target, shown, _following(path, draws, labels, truncation), json=json)
    return list(pictures)


def _check(form: str, grid: bool, annotate: bool, out: Path | None) -> None:
    if form not in FORMATS:
        raise UsageError(unknown("format", form, FORMATS))
    if form == "grid":
        if out is not None and out.suffix.lower() != ".png":
            raise UsageError(f"--out {out} must end in .png for a grid; --format png takes a directory")
        return
    if grid:
        raise UsageError(f"--grid and --format {form} exclude each other; leave one of them out")
    if annotate:
        raise UsageError("--annotate writes under the images of a grid; single files have their seeds in their names")


def _check_points(model: Model, form: str, annotate: bool) -> None:
    if form == "png":
        raise UsageError(f"{model.run} draws points, which have no picture each; leave --format png out for a figure")
    if annotate:
        raise UsageError(f"{model.run} draws points, which a figure shows without their seeds; leave --annotate out")


def _sheet(pixels: Pixels, draws: Draws, *, annotate: bool) -> Pixels:
    """One picture of all; where several labels are drawn, each has a row, and the same seeds are below each other."""
    columns = len(draws.seeds) if len(draws.labels) > 1 else None
    if not annotate:
        return sheet(pixels, columns=columns)
    rows = [draws.names[label] for label in draws.labels]
    return captioned_sheet(pixels, [str(seed) for seed in draws.every_seed], columns=columns, rows=rows)


def _single(folder: Path, pixels: Pixels, draws: Draws) -> Drawn:
    """Every image by its file, with its seed and label."""
    if folder.is_file():
        raise DataError(f"{folder} is a file; --out must be a directory for --format png")
    endings = _endings(draws)
    labels: Sequence[int | None] = draws.every_label or [None] * len(pixels)
    pictures = {}
    for image, seed, label in zip(pixels, draws.every_seed, labels, strict=True):
        named = {} if label is None else {"label": draws.names[label]}
        pictures[folder / f"seed{seed:06d}{endings[label]}.png"] = (image, {"seed": seed, **named})
    return pictures


def _endings(draws: Draws) -> Mapping[int | None, str]:
    """What a label adds to the names of its files: its own name, or its number where that is long or not its alone."""
    names = [safe(name) for name in draws.names]
    folded = [name.casefold() for name in names]  # some file systems do not tell upper from lower case
    endings: dict[int | None, str] = {None: ""}
    for label in draws.labels:
        fits = folded.count(folded[label]) == 1 and len(names[label].encode()) < LONGEST_NAME
        endings[label] = f"-label{names[label]}" if fits else f"-label-{label}"
    return endings


def _suffix(labels: Sequence[str]) -> str:
    return "label" + "-".join(map(safe, labels)) if labels else ""


def _tell(target: Path, shown: Sequence[Mapping[str, Any]], following: Sequence[str], *, json: bool) -> None:
    if json:
        print(jsonlib.dumps({"images": shown}))
        return
    print(f"wrote {target}" if "seeds" in shown[0] else f"wrote {target}/ ({len(shown)} files)")
    print(f"next: {shlex.join(following)}")


def _following(run: Path, draws: Draws, labels: Sequence[str], truncation: float | None) -> list[str]:
    """The command that draws as many from the next seeds on."""
    words = ["gan", "sample", str(run), "--seed", str(draws.seeds[-1] + 1), "-n", str(len(draws.seeds))]
    words += [word for label in labels for word in ("--label", label)]
    return words if truncation is None else [*words, "--truncation", f"{truncation:g}"]
