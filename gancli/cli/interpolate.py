"""`gan interpolate`."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancli import latent
from gancli.cli.shared.latent_file import StoredLatent, read_latent
from gancli.cli.shared.models import (
    about,
    check_truncation,
    file_name,
    label_indices,
    limit,
    open_sampler,
    path_for,
    safe,
)
from gancli.cli.shared.seed_arithmetic import parse_seeds
from gancli.errors import UsageError
from gancli.inference.model import Model
from gancli.inference.sample import generate, latents
from gancli.io.captions import MARGIN, captioned
from gancli.io.images import Pixels, magnified, sheet, to_pixels, write_png
from gancli.io.video import write_gif, write_mp4
from gancli.plugins.registry import unknown

STEPS = {".gif": 24, ".mp4": 24, ".png": 8}
"""Frames from one key to the next where their number is not given; the endings are the forms that there are."""

STRIP_WIDTH = 1600
"""Pixels of a strip before it wraps, if the images allow it."""

ANIMATED = 192
"""Pixels of the shorter side that a moving picture has at least."""


def interpolate(
    run: Path | None,
    *,
    stored: str | None,
    seeds: str | None,
    labels: str | None,
    frames: int | None,
    loop: bool,
    way: str,
    truncation: float | None,
    ema: bool | None,
    out: Path | None,
    device: str,
    json: bool,
) -> Path:
    """Draws a walk through latents of files, those of seeds, which are those of `gan sample`, and through labels.

    Raises:
        GanError: the run cannot, a label is unknown, a file belongs to another model, or the walk is none.
    """
    form = ".gif" if out is None else out.suffix.lower()
    if form not in STEPS:
        raise UsageError(f"--out {out} must end in .gif (moving), .mp4 (a video) or .png (a strip)")
    if way not in latent.PATHS:
        raise UsageError(unknown("path", way, latent.PATHS))
    check_truncation(truncation)
    path, model = open_sampler(run, labels=labels is not None, ema=ema, device=device, images=True)
    keys = find_keyframes(stored, seeds, labels, model)
    if truncation is not None and not keys.seeds:
        raise UsageError("--truncation is about latents that are drawn from seeds, and there are none; leave it out")
    stretches = len(keys) if loop else len(keys) - 1
    frames = frames or STEPS[form] * stretches + (not loop)
    if frames < len(keys):
        raise UsageError(f"--frames {frames} is too few to pass {len(keys)} keys; give {len(keys)} or more")
    z, label, hits = _walk(keys, model, frames=frames, loop=loop, way=way, truncation=truncation)
    walked = {**keys.listed(), "frames": frames, "keys": hits, "loop": loop, "path": way, **limit(truncation)}
    parts = ["interpolation", keys.file_name, "" if way == "slerp" else way, "loop" if loop else ""]
    target = out or path_for(path, file_name(parts, truncation=truncation) + form)
    _write(target, to_pixels(generate(model, z, label)), keys, {**about(model, truncation), **walked})
    if json:
        print(jsonlib.dumps({"images": [{"image": str(target), **walked}]}))
    else:
        throughout = f", label {keys.names[keys.labels[0]]}" if len(set(keys.labels)) == 1 else ""
        print(f"wrote {target} ({frames} frames{throughout})")
        print(f"next: gan sample {path} --grid --annotate    # seeds to walk through: --seeds")
    return target


def _walk(
    keys: Keyframes, model: Model, *, frames: int, loop: bool, way: str, truncation: float | None
) -> tuple[Tensor, Tensor | None, list[int]]:
    """Latents and labels of every frame, and the numbers of the frames that are keys."""
    between, distance = latent.PATHS[way]
    z = keys.latents(model, truncation=truncation)
    lengths = distance(*latent.stretches(z, loop=loop))
    # From label to label is as far as from latent to latent, so that a change of the label alone takes time too.
    lengths = lengths / lengths[lengths > 0].mean() if lengths.any() else lengths
    label = torch.tensor(keys.labels, device=model.device) if keys.labels else None
    if label is not None:
        starts, ends = latent.stretches(label, loop=loop)
        lengths = lengths.maximum((starts != ends).to(lengths))
    places = latent.pace(lengths, frames, loop=loop)
    hits = [frame for frame, place in enumerate(places.tolist()) if place.is_integer()]
    walked = latent.walk(z, places, loop=loop, between=between)
    if label is None or len(set(keys.labels)) == 1:
        return walked, None if label is None else label[:1].expand(frames), hits
    weights = latent.label_weights(label, len(keys.names))
    return walked, latent.walk(weights, places, loop=loop, between=latent.straight), hits


def _write(target: Path, pixels: Pixels, keys: Keyframes, metadata: dict[str, Any]) -> None:
    if target.suffix.lower() == ".png":
        captions = [""] * len(pixels)
        for frame, caption in zip(metadata["keys"], keys.captions, strict=True):
            captions[frame] = caption
        tiles = captioned(pixels, captions)
        rows = -(-len(tiles) * (tiles.shape[2] + MARGIN) // STRIP_WIDTH)
        write_png(target, sheet(tiles, columns=-(-len(tiles) // rows), smallest=1, gap=MARGIN), metadata=metadata)
        return
    write = write_gif if target.suffix.lower() == ".gif" else write_mp4
    write(target, magnified(pixels, smallest=ANIMATED), metadata=metadata)


SEEDS = (0, 1, 2, 3, 4)
"""What is walked through where nothing is said."""


@dataclass(frozen=True, kw_only=True)
class Keyframes:
    """One latent and, in a model that takes labels, one label a key: those of files first, then those of seeds.

    Args:
        stored: latents that were read.
        seeds: as `gan sample` takes them.
        labels: indices, as many as keys; empty for a model without labels.
        names: of all labels of the model.
    """

    stored: Sequence[StoredLatent]
    seeds: Sequence[int]
    labels: Sequence[int]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.stored) + len(self.seeds)

    @property
    def _places(self) -> list[str]:
        return [*(each.name for each in self.stored), *map(str, self.seeds)]

    @property
    def captions(self) -> list[str]:
        """What tells each key from the others: its file or seed, its label, or both."""
        places = self._places if len(set(self._places)) > 1 else []
        labels = [self.names[label] for label in self.labels] if len(set(self.labels)) > 1 else []
        columns = [column for column in (labels, places) if column]
        return [" ".join(words) for words in zip(*columns, strict=True)] or [""] * len(self)

    @property
    def file_name(self) -> str:
        """What makes the walk another one, as a part of a file's name."""
        kinds = {
            "latents": [safe(each.name) for each in self.stored],
            "seeds": map(str, self.seeds),
            "labels": map(str, self.labels),
        }
        parts = {kind: "-".join(dict.fromkeys(each)) for kind, each in kinds.items()}
        return "-".join(kind + part for kind, part in parts.items() if part)

    def listed(self) -> dict[str, list[Any]]:
        """The keys for metadata and JSON, labels by name."""
        labels = [self.names[label] for label in self.labels]
        stored = [each.name for each in self.stored]
        kinds: dict[str, list[Any]] = {"latents": stored, "seeds": list(self.seeds), "labels": labels}
        return {kind: each for kind, each in kinds.items() if each}

    def latents(self, model: Model, *, truncation: float | None) -> Tensor:
        """The latent (N, ...) of every key, on the model's device; only those of seeds are truncated."""
        drawn = [latents(model, self.seeds, truncation=truncation)] if self.seeds else []
        return torch.cat([*(each.z for each in self.stored), *drawn])


def find_keyframes(files: str | None, seeds: str | None, labels: str | None, model: Model) -> Keyframes:
    """The keys that a command line names.

    Args:
        files: latents of `gan project`, with commas between.
        seeds: with commas between; where neither these nor files are named, some.
        labels: likewise, as many as keys, or one for all, or several for one key; those that files were found with and
            the first label for seeds, if None.
        model: that will draw.

    Raises:
        GanError: the numbers do not go together, there is nowhere to walk to, or a file belongs to another model.
    """
    stored = [] if files is None else [read_latent(Path(file.strip()), model) for file in files.split(",")]
    chosen = [] if labels is None else label_indices(_split(labels, model), model)
    default = () if stored else SEEDS[:1] if len(chosen) > 1 else SEEDS
    wanted = list(default) if seeds is None else parse_seeds(seeds)
    keys = len(stored) + len(wanted)
    if labels is None and model.labels:
        chosen = [*(0 if each.label is None else model.labels.index(each.label) for each in stored), *[0] * len(wanted)]
    count = max(keys, len(chosen))
    if keys not in (1, count) or (chosen and len(chosen) not in (1, count)):
        named = "--latents and --seeds name" if stored and wanted else "--latents names" if stored else "--seeds names"
        raise UsageError(f"{named} {keys} and --labels {len(chosen)}: give as many of both, or only one of either")
    if count < 2:
        raise UsageError("there is nowhere to walk to: name two seeds or more, as in --seeds 1,7,9")
    return Keyframes(
        stored=stored * count if keys == 1 else stored,
        seeds=wanted * count if keys == 1 else wanted,
        labels=chosen * count if len(chosen) == 1 else chosen,
        names=model.labels,
    )


def _split(labels: str, model: Model) -> list[str]:
    """Names of labels with commas between them, or one name that has a comma itself."""
    return [labels] if labels in model.labels else [label.strip() for label in labels.split(",")]
