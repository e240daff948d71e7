"""`gan interpolate`."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancli import latent
from gancli.animation import write_gif, write_mp4
from gancli.captions import MARGIN, captioned
from gancli.commands.keys import Keys, find_keys
from gancli.commands.sampler import about, check_truncation, file_name, limit, open_sampler, path_for
from gancli.engine.drawing import render
from gancli.engine.model import Model
from gancli.errors import UsageError
from gancli.pictures import Pixels, magnified, sheet, to_pixels, write_png
from gancli.plugins import unknown

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
    keys = find_keys(stored, seeds, labels, model)
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
    _write(target, to_pixels(render(model, z, label)), keys, {**about(model, truncation), **walked})
    if json:
        print(jsonlib.dumps({"images": [{"image": str(target), **walked}]}))
    else:
        throughout = f", label {keys.names[keys.labels[0]]}" if len(set(keys.labels)) == 1 else ""
        print(f"wrote {target} ({frames} frames{throughout})")
        print(f"next: gan sample {path} --grid --annotate    # seeds to walk through: --seeds")
    return target


def _walk(
    keys: Keys, model: Model, *, frames: int, loop: bool, way: str, truncation: float | None
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


def _write(target: Path, pixels: Pixels, keys: Keys, metadata: dict[str, Any]) -> None:
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
