"""`gan sample`."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancli.engine.device import choose_device
from gancli.engine.model import Model, open_model
from gancli.engine.randomness import aside, make_generator
from gancli.errors import DataError, UsageError
from gancli.family import Context, Samples
from gancli.pictures import Pixels, sheet, to_pixels, write_png
from gancli.plugins import unknown
from gancli.run import newest

BATCH = 64
FORMATS = ("grid", "png")


def sample(
    run: Path | None,
    *,
    count: int,
    labels: Sequence[str],
    seed: int,
    form: str,
    ema: bool | None,
    out: Path | None,
    device: str,
    json: bool,
) -> list[Path]:
    """Draws `count` images, image i from seed `seed + i`; several labels take turns. Returns the files written.

    Raises:
        GanError: the run cannot, or the label is unknown.
    """
    if form not in FORMATS:
        raise UsageError(unknown("format", form, FORMATS))
    path = run or newest(*_wanted(labels)).path
    model = open_model(path, device=choose_device(device), ema=ema)
    for fault in model.passed_over:
        print(f"passed over: {fault}", file=sys.stderr)
    if not isinstance(model.family, Samples):
        raise UsageError(
            f"{model.run} holds a model that draws no samples; `gan plugins ls` lists what each family does"
        )
    indices = _indices(labels, model, count)
    seeds = range(seed, seed + count)
    pixels = to_pixels(draw(model, seeds, indices))
    names = [model.labels[index] for index in indices] if indices else []
    made = _about(model)
    if form == "grid":
        target = out or path_for(path, f"samples-seed{seed}-n{count}{_suffix(labels)}.png")
        if target.suffix.lower() != ".png":
            raise UsageError(f"--out {target} must end in .png for a grid; --format png takes a directory")
        write_png(target, sheet(pixels), metadata={**made, "seeds": list(seeds), "labels": names})
        files = [target]
    else:
        folder = out or path_for(path, f"samples-seed{seed}-n{count}{_suffix(labels)}")
        files = _write_singly(folder, pixels, seeds, names, made)
    _tell(files, seeds, names, path, json=json)
    return files


@torch.no_grad()
def draw(model: Model, seeds: Sequence[int], labels: Sequence[int]) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] on the CPU, each from a random stream of its own seed.

    Args:
        model: of a family that samples.
        seeds: one for each image.
        labels: label indices, one for each image; empty for a family without labels.
    """
    family = model.family
    assert isinstance(family, Samples)
    drawn = []
    with aside(model.device):
        for start in range(0, len(seeds), BATCH):
            part = seeds[start : start + BATCH]
            z = torch.cat([_latent(family, model.device, seed) for seed in part])
            label = torch.tensor(labels[start : start + BATCH], device=model.device) if labels else None
            drawn.append(family.sample(model.nets, z, label).float().cpu())
    return torch.cat(drawn)


def path_for(run: Path, name: str) -> Path:
    """Where a picture of a run goes: into its `out` directory."""
    home = run.parent.parent if run.parent.name == "checkpoints" else run
    return home / "out" / name


def _latent(family: Samples, device: torch.device, seed: int) -> Tensor:
    return family.latent(1, Context(device=device, generator=make_generator(device, seed)))


def _wanted(labels: Sequence[str]) -> tuple[str, Any]:
    def can(manifest: Mapping[str, Any]) -> bool:
        return "sample" in manifest["tasks"] and (not labels or bool(manifest["labels"]))

    return ("takes labels" if labels else "draws samples"), can


def _indices(labels: Sequence[str], model: Model, count: int) -> list[int]:
    if not model.labels:
        if labels:
            raise UsageError(
                f"{model.run} was trained without labels, so --label means nothing to it; "
                "leave it out, or train a family that reads labels"
            )
        return []
    if not labels:
        return [index % len(model.labels) for index in range(count)]
    chosen = [_index(label, model.labels) for label in labels]
    return [chosen[index % len(chosen)] for index in range(count)]


def _index(label: str, names: Sequence[str]) -> int:
    if label in names:
        return names.index(label)
    if label.isdigit() and int(label) < len(names):
        return int(label)
    raise UsageError(f"unknown label {label!r}; this model knows {', '.join(names)}")


def _about(model: Model) -> dict[str, Any]:
    return {"run": model.run, "images": model.images, "checkpoint": model.digest, "ema": model.ema}


def _suffix(labels: Sequence[str]) -> str:
    safe = ["".join(letter if letter.isalnum() else "_" for letter in label) for label in labels]
    return "-label" + "-".join(safe) if safe else ""


def _write_singly(
    folder: Path, pixels: Pixels, seeds: Sequence[int], names: Sequence[str], made: Mapping[str, Any]
) -> list[Path]:
    if folder.is_file():
        raise DataError(f"{folder} is a file; --out must be a directory for --format png")
    files = []
    for index, seed in enumerate(seeds):
        metadata = {**made, "seed": seed, **({"label": names[index]} if names else {})}
        files.append(folder / f"seed{seed:06d}.png")
        write_png(files[-1], pixels[index], metadata=metadata)
    return files


def _tell(files: Sequence[Path], seeds: Sequence[int], names: Sequence[str], run: Path, *, json: bool) -> None:
    if json:
        single = len(files) == len(seeds)
        listed = [
            {"image": str(file), **({"seed": seeds[index]} if single else {"seeds": list(seeds)})}
            | ({"label": names[index]} if names and single else {"labels": list(names)} if names else {})
            for index, file in enumerate(files)
        ]
        print(jsonlib.dumps({"images": listed}))
        return
    where = files[0] if len(files) == 1 else f"{files[0].parent}/ ({len(files)} files)"
    print(f"wrote {where}")
    print(f"next: gan sample {run} --seed {seeds[-1] + 1} -n {len(seeds)}")
