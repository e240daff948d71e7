"""`gan project`."""

from __future__ import annotations

import json as jsonlib
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gancli.cli.display.live import reading
from gancli.cli.shared.input_images import ImageFile, find_images, name_results, split_run
from gancli.cli.shared.latent_file import write_latent
from gancli.cli.shared.models import about, file_name, label_indices, open_sampler, path_for
from gancli.cli.shared.preprocess import preprocessing
from gancli.inference.model import Model
from gancli.inference.project import Inversion, invert
from gancli.io.images import Pixels, sheet, to_pixels, write_png
from gancli.io.types import Bytes

SUFFIX = ".safetensors"


def project(
    arguments: Sequence[Path],
    *,
    label: str | None,
    steps: int,
    seeds: int,
    seed: int,
    ema: bool | None,
    out: Path | None,
    device: str,
    json: bool,
) -> list[Path]:
    """Finds the latent that explains each image, and writes it beside a picture of both. Returns the latents' files.

    Args:
        arguments: a run or checkpoint directory, which may be left out, and files and folders of images.
        label: by name or number; all are tried, if None.
        steps: of each search.
        seeds: how many searches for an image, with each label.
        seed: of the first one.
        ema, device, json: as `gan sample` takes them.
        out: a directory; one in the run's, if None.

    Raises:
        GanError: the run cannot, the label is unknown, or there is nothing to read.
    """
    run, paths = split_run(arguments)
    files = find_images(paths, like=f"gan project {'[RUN]' if run is None else run} photo.png")
    path, model = open_sampler(run, labels=label is not None, ema=ema, device=device, images=True)
    chosen = list(range(len(model.labels))) if label is None else label_indices([label], model)
    folder = out or path_for(path, file_name(["projected", f"seed{seed}" if seed else ""]))
    results = name_results(files, folder)
    images = preprocessing(path, model).read_all(files)
    shown: list[dict[str, Any]] = []
    with reading("images", "projecting") as progress:

        def tell(done: int, steps_of_each: int) -> None:
            progress(len(shown) * steps_of_each + done, len(files) * steps_of_each)

        for file, image, result in zip(files, images, results, strict=True):
            target = torch.from_numpy(image.copy())[None].float() / 127.5 - 1
            tries = range(seed, seed + seeds)
            found = invert(model, target, seeds=tries, labels=chosen, steps=steps, progress=tell)
            shown.append(_write(result, found, image, file, model, steps=steps))
    if json:
        print(jsonlib.dumps({"images": shown}))
    else:
        _report(shown, folder, path, seed=seed)
    return [Path(each["latent"]) for each in shown]


def _write(
    picture: Path, found: Inversion, image: Bytes, file: ImageFile, model: Model, *, steps: int
) -> dict[str, Any]:
    """Writes both files; what is to be told of them."""
    label = {} if found.label is None else {"label": model.labels[found.label]}
    told: dict[str, Any] = {"error": found.error, "seed": found.seed, **label}
    made = {**about(model, None), **told, "steps": steps, "from": file.path.name}
    target: Pixels = image.transpose(1, 2, 0)[None]
    latent = picture.with_suffix(SUFFIX)
    write_png(picture, sheet(np.concatenate([target, to_pixels(found.image)]), columns=2), metadata=made)
    write_latent(latent, found.z, metadata=made)
    return {"image": str(picture), "from": str(file.path), "latent": str(latent), **told}


def _report(shown: Sequence[dict[str, Any]], folder: Path, run: Path, *, seed: int) -> None:
    for each in shown:
        label = f", label {each['label']}" if "label" in each else ""
        print(f"{each['from']}: mean squared error {each['error']:.4g} ({_decibels(each['error'])}){label}")
    latents = [each["latent"] for each in shown]
    print(f"wrote {shown[0]['image']} and {latents[0]}" if len(shown) == 1 else f"wrote {folder}/ ({len(shown)} pairs)")
    several = ["--latents", ",".join(latents)]
    other = ["--seeds", str(seed)] if len(latents) == 1 else []
    print(f"next: {shlex.join(['gan', 'interpolate', str(run), *several, *other])}")


def _decibels(error: float) -> str:
    """The peak signal-to-noise ratio of an image in [-1, 1]."""
    return f"{10 * math.log10(4 / error):.1f} dB" if error else "exact"
