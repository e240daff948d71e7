"""`gan sample`."""

from __future__ import annotations

import json as jsonlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gancli.cli.options import Device, Ema, Force, Json, RunDirectory, Truncation
from gancli.cli.shared.models import (
    MAX_NAME_LENGTH,
    check_memory,
    check_truncation,
    default_file,
    label_indices,
    open_for,
    output_name,
    output_path,
    provenance,
    slug,
    truncation_entry,
)
from gancli.errors import DataError, UsageError, unknown_name
from gancli.runs.run import run_of

if TYPE_CHECKING:
    from gancli.inference.model import Model
    from gancli.io.images import Pixels

FORMATS = ("grid", "png")

COUNT, COUNT_PER_LABEL = 64, 10
"""Default number of images: for one label or a model without labels, and for each of several labels."""


@dataclass(frozen=True, kw_only=True)
class SampleLayout:
    """Seeds and labels of the images; every label has the same seeds.

    Args:
        seeds: consecutive seeds.
        labels: label indices; empty for a model without labels.
        names: names of all labels of the model.
    """

    seeds: range
    labels: Sequence[int]
    names: Sequence[str]

    @property
    def image_seeds(self) -> list[int]:
        """The seed of every image."""
        return list(self.seeds) * (len(self.labels) or 1)

    @property
    def image_labels(self) -> list[int]:
        """The label index of every image."""
        return [label for label in self.labels for _ in self.seeds]

    def metadata(self) -> dict[str, list[Any]]:
        """The seed of every image and, if the model takes labels, the name of its label."""
        labels = [self.names[label] for label in self.image_labels]
        return {"seeds": self.image_seeds, **({"labels": labels} if labels else {})}


def sample(
    run: RunDirectory = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n", "--count", min=1, help="Number of images for each label (default: 64, or 10 for several labels)."
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", help="Name or number of a label; can be given several times (default: all labels)."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Seed of the first image; the next image uses the next seed.")
    ] = 0,
    truncation: Truncation = None,
    format: Annotated[str, typer.Option(help="grid: one image of all samples; png: one file per sample.")] = "grid",
    grid: Annotated[bool, typer.Option("--grid", help="Same as --format grid.")] = False,
    annotate: Annotated[bool, typer.Option("--annotate", help="Write seeds and labels next to the images.")] = False,
    ema: Ema = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Output: a .png file for a grid, a directory for single files (default: in the run's out/)."),
    ] = None,
    force: Force = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Generate images with a trained model."""
    from gancli.figures.toy_distribution import plot_model
    from gancli.inference.sample import sample_images
    from gancli.io.images import to_pixels, write_png
    from gancli.io.outputs import check_outputs

    _check_options(format, grid, annotate, out)
    check_truncation(truncation)
    if out is not None and format == "grid":
        check_outputs([out], force=force)
    command, needs = ("gan sample --label", ["sample", "label"]) if labels else ("gan sample", ["sample"])
    path, model = open_for(command, run, needs, ema=ema, device=device)
    if model.mixture is not None:
        _check_points_options(model, format, annotate)
    indices = list(dict.fromkeys(label_indices(labels or [], model))) or list(range(len(model.labels)))
    count = count or (COUNT_PER_LABEL if len(indices) > 1 else COUNT)
    check_memory(model, count * max(1, len(indices)), "--count")
    samples = SampleLayout(seeds=range(seed, seed + count), labels=indices, names=model.labels)
    label_part = "label" + "-".join(map(slug, labels)) if labels else ""
    name = output_name(
        [f"samples-seed{seed}-n{count}", label_part, "annotated" if annotate else ""], truncation=truncation
    )
    if format == "grid":
        target = out or default_file(path, f"{name}.png")
    else:
        target = out or output_path(path, name)
        names = _file_names(target, samples)
        home = None if out else run_of(path).path
        check_outputs(names, force=force, below=home or target, own=home is not None)
    images = sample_images(model, samples.image_seeds, samples.image_labels, truncation=truncation)
    if format == "grid":
        figure = (
            _grid(to_pixels(images), samples, annotate=annotate)
            if model.mixture is None
            else plot_model(model, images, seed=seed, truncation=truncation)
        )
        files: Mapping[Path, tuple[Pixels, Mapping[str, Any]]] = {target: (figure, samples.metadata())}
    else:
        files = _single_files(names, to_pixels(images), samples)
    for file, (pixels, metadata) in files.items():
        write_png(file, pixels, metadata={**provenance(model, truncation), **metadata})
    if json:
        entries = [
            {"image": str(file), **metadata, **truncation_entry(truncation)} for file, (_, metadata) in files.items()
        ]
        print(jsonlib.dumps({"images": entries}))
        return
    print(f"wrote {target}" if format == "grid" else f"wrote {target}/ ({len(files)} files)")
    print(f"next: {shlex.join(_next_command(path, samples, labels or [], truncation))}")


def _check_options(format: str, grid: bool, annotate: bool, out: Path | None) -> None:

    if format not in FORMATS:
        raise UsageError(unknown_name("format", format, FORMATS))
    if format == "grid":
        if out is not None and out.suffix.lower() != ".png":
            raise UsageError(f"--out {out} must end in .png for a grid; --format png takes a directory")
        return
    if grid:
        raise UsageError(f"--grid and --format {format} exclude each other; leave one of them out")
    if annotate:
        raise UsageError("--annotate needs a grid; single files have their seeds in their names")


def _check_points_options(model: Model, format: str, annotate: bool) -> None:
    if format == "png":
        raise UsageError(f"{model.run} generates points, not images; leave --format png out to plot them in one figure")
    if annotate:
        raise UsageError(f"{model.run} generates points, and their figure shows no seeds; leave --annotate out")


def _grid(pixels: Pixels, samples: SampleLayout, *, annotate: bool) -> Pixels:
    """Return one image of all samples. Several labels get one row each, with the same seeds below each other."""
    from gancli.io.captions import captioned_grid
    from gancli.io.images import make_grid

    columns = len(samples.seeds) if len(samples.labels) > 1 else None
    if not annotate:
        return make_grid(pixels, columns=columns)
    rows = [samples.names[label] for label in samples.labels]
    return captioned_grid(pixels, [str(seed) for seed in samples.image_seeds], columns=columns, rows=rows)


def _file_names(folder: Path, samples: SampleLayout) -> list[Path]:
    """Return the file of every image."""
    if folder.is_file():
        raise DataError(f"{folder} is a file; --out must be a directory for --format png")
    suffixes = _label_suffixes(samples)
    labels: Sequence[int | None] = samples.image_labels or [None] * len(samples.seeds)
    return [
        folder / f"seed{seed:06d}{suffixes[label]}.png" for seed, label in zip(samples.image_seeds, labels, strict=True)
    ]


def _single_files(
    names: Sequence[Path], pixels: Pixels, samples: SampleLayout
) -> dict[Path, tuple[Pixels, Mapping[str, Any]]]:
    """Return the pixels and the metadata of every image by its file."""
    labels: Sequence[int | None] = samples.image_labels or [None] * len(pixels)
    files: dict[Path, tuple[Pixels, Mapping[str, Any]]] = {}
    for name, image, seed, label in zip(names, pixels, samples.image_seeds, labels, strict=True):
        entry = {} if label is None else {"label": samples.names[label]}
        files[name] = (image, {"seed": seed, **entry})
    return files


def _label_suffixes(samples: SampleLayout) -> Mapping[int | None, str]:
    """Return the part of a file name for each label: its name, or its number if the name is long or ambiguous."""
    names = [slug(name) for name in samples.names]
    folded = [name.casefold() for name in names]  # some file systems ignore case
    suffixes: dict[int | None, str] = {None: ""}
    for label in samples.labels:
        fits = folded.count(folded[label]) == 1 and len(names[label].encode()) < MAX_NAME_LENGTH
        suffixes[label] = f"-label{names[label]}" if fits else f"-label-{label}"
    return suffixes


def _next_command(run: Path, samples: SampleLayout, labels: Sequence[str], truncation: float | None) -> list[str]:
    """Return the command that generates the same number of images from the following seeds."""
    words = ["gan", "sample", str(run), "--seed", str(samples.seeds[-1] + 1), "-n", str(len(samples.seeds))]
    words += [word for label in labels for word in ("--label", label)]
    return words if truncation is None else [*words, "--truncation", f"{truncation:g}"]
