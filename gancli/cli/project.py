"""`gan project`: GAN inversion, the search for the latent whose generated image is closest to a given image."""

from __future__ import annotations

import json as jsonlib
import math
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gancli.cli.options import Device, Ema, Force, Json
from gancli.cli.shared.input_images import (
    ImageFile,
    InputReport,
    RangeOption,
    RunAndTrainingImages,
    SkipExisting,
    Unreadable,
    find_images,
    parse_range,
    plan_results,
    split_run,
)
from gancli.cli.shared.models import label_indices, open_for, output_name, output_path, provenance
from gancli.io.text import visible
from gancli.runs.run import run_of

if TYPE_CHECKING:
    from gancli.inference.model import Model
    from gancli.inference.project import Inversion
    from gancli.io.types import Bytes


def project(
    images: RunAndTrainingImages,
    label: Annotated[str | None, typer.Option(help="Name or number of a label (default: try every label).")] = None,
    steps: Annotated[int, typer.Option(min=0, help="Number of steps of each search.")] = 400,
    seeds: Annotated[
        int, typer.Option(min=1, help="Number of searches per image and label; the best result is kept.")
    ] = 4,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Seed of the first search; the next search uses the next seed.")
    ] = 0,
    ema: Ema = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Output directory for a .png and a latent file per image (default: in the run's out/)."),
    ] = None,
    unreadable: Unreadable = "skip",
    skip_existing: SkipExisting = False,
    value_range: RangeOption = None,
    force: Force = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Find the latent whose generated image is closest to an image (GAN inversion)."""
    from gancli.cli.display.progress import progress_bar
    from gancli.cli.shared.preprocess import preprocessing_of, to_tensor
    from gancli.inference.project import invert

    run, paths = split_run(images)
    files = find_images(paths, example=f"gan project {run or '[RUN]'} photo.png")
    command, needs = "gan project", ["sample", "image"]
    if label is not None:
        command, needs = "gan project --label", [*needs, "label"]
    inputs = InputReport(files, unreadable)
    plan = partial(
        plan_results, files, report=inputs, force=force, skip_existing=skip_existing, companion=".safetensors"
    )
    planned = plan(folder=out) if out else []
    path, model = open_for(command, run, needs, ema=ema, device=device)
    labels = list(range(len(model.labels))) if label is None else label_indices([label], model)
    folder = out or output_path(path, output_name(["projected", f"seed{seed}" if seed else ""]))
    if out is None:
        planned = plan(folder=folder, run=run_of(path).path)
    preprocess = preprocessing_of(path, model, parse_range(value_range))
    targets, kept = preprocess.read_all([file for file, _ in planned], inputs)
    entries: list[dict[str, Any]] = []
    with progress_bar("images", "projecting") as progress:

        def advance(done: int, total: int) -> None:
            progress(len(entries) * total + done, len(kept) * total)

        for (file, result), target in zip((planned[index] for index in kept), targets, strict=True):
            inversion = invert(
                model,
                to_tensor(target),
                seeds=range(seed, seed + seeds),
                labels=labels,
                steps=steps,
                progress=advance,
            )
            entries.append(_write(result, inversion, target, file, model, steps=steps))
    inputs.print_remarks()
    if json:
        print(jsonlib.dumps({"images": entries, **inputs.to_json()}))
    elif entries:
        _report(entries, folder, path, seed=seed)
    inputs.raise_left_out()


def _write(
    result: Path, inversion: Inversion, target: Bytes, file: ImageFile, model: Model, *, steps: int
) -> dict[str, Any]:
    """Write the image pair and the latent, and return their JSON entry."""
    import numpy as np

    from gancli.cli.shared.latent_file import write_latent
    from gancli.io.images import make_grid, to_pixels, write_png

    label = {} if inversion.label is None else {"label": model.labels[inversion.label]}
    outcome: dict[str, Any] = {"error": inversion.error, "seed": inversion.seed, **label}
    metadata = {**provenance(model), **outcome, "steps": steps, "from": visible(file.path.name)}
    latent = result.with_suffix(".safetensors")
    pair = np.concatenate([target.transpose(1, 2, 0)[None], to_pixels(inversion.image)])
    write_png(result, make_grid(pair, columns=2), metadata=metadata)
    write_latent(latent, inversion.z, metadata=metadata)
    return {"image": str(result), "from": str(file.path), "latent": str(latent), **outcome}


def _report(entries: Sequence[dict[str, Any]], folder: Path, run: Path, *, seed: int) -> None:
    for entry in entries:
        label = f", label {entry['label']}" if "label" in entry else ""
        print(f"{entry['from']}: mean squared error {entry['error']:.4g} ({_psnr(entry['error'])}){label}")
    latents = [entry["latent"] for entry in entries]
    one = f"wrote {entries[0]['image']} and {latents[0]}"
    print(one if len(entries) == 1 else f"wrote {folder}/ ({len(entries)} pairs)")
    second = ["--seeds", str(seed)] if len(latents) == 1 else []
    print(f"next: {shlex.join(['gan', 'interpolate', str(run), '--latents', ','.join(latents), *second])}")


def _psnr(error: float) -> str:
    """Format the peak signal-to-noise ratio of an image in [-1, 1]."""
    return f"{10 * math.log10(4 / error):.1f} dB" if error else "exact"
