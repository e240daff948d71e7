"""`gan interpolate`."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gancli.cli.options import Device, Ema, Force, Json, RunDirectory, Truncation
from gancli.cli.shared.models import (
    check_memory,
    check_truncation,
    default_file,
    open_for,
    output_name,
    provenance,
    truncation_entry,
)
from gancli.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from gancli.cli.shared.keyframes import Keyframes
    from gancli.io.images import Pixels

FRAMES_PER_STEP = {".gif": 24, ".mp4": 24, ".png": 8}
"""Default number of frames from one keyframe to the next, by the supported suffixes."""

STRIP_WIDTH = 1600
"""Width in pixels at which a strip of images wraps, if the images are not wider."""

MIN_VIDEO_SIDE = 192
"""Smallest number of pixels of the shorter side of an animation."""


def interpolate(
    run: RunDirectory = None,
    latents: Annotated[
        str | None,
        typer.Option(metavar="FILE,FILE,...", help="Latent files of `gan project` to pass through, before any seeds."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="S,S,...",
            help="Seeds of `gan sample` to pass through, such as 1,7,9 (default: 0 to 4, if nothing else is given).",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="L,L,...", help="Labels to pass through: one per seed, one for all seeds, or several for one seed."
        ),
    ] = None,
    frames: Annotated[int | None, typer.Option(min=2, help="Number of images, including those of the seeds.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Return to the first seed.")] = False,
    path: Annotated[
        str,
        typer.Option(help="slerp: great circles, which preserve the length of latents; linear: straight lines."),
    ] = "slerp",
    truncation: Truncation = None,
    ema: Ema = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output: a .gif, an .mp4 (needs gancli\\[video]) or a .png strip (default: a .gif in the run's out/)."
        ),
    ] = None,
    force: Force = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Interpolate in latent space between seeds, labels or projected images."""
    from gancli import latent
    from gancli.cli.shared.keyframes import parse_keyframes
    from gancli.inference.sample import generate
    from gancli.io.images import to_pixels
    from gancli.io.outputs import check_outputs

    suffix = ".gif" if out is None else out.suffix.lower()
    if suffix not in FRAMES_PER_STEP:
        raise UsageError(f"--out {out} must end in .gif (animation), .mp4 (video) or .png (strip of images)")
    if path not in latent.PATHS:
        raise UsageError(unknown_name("path", path, latent.PATHS))
    check_truncation(truncation)
    if out is not None:
        check_outputs([out], force=force)
    command, needs = "gan interpolate", ["sample", "image"]
    if labels is not None:
        command, needs = "gan interpolate --labels", [*needs, "label"]
    home, model = open_for(command, run, needs, ema=ema, device=device)
    keyframes = parse_keyframes(latents, seeds, labels, model)
    if truncation is not None and not keyframes.seeds:
        raise UsageError("--truncation applies to latents of seeds, and no seeds are given; leave it out")
    steps = len(keyframes) if loop else len(keyframes) - 1
    frames = frames or FRAMES_PER_STEP[suffix] * steps + (not loop)
    if frames < len(keyframes):
        raise UsageError(f"--frames {frames} is too few for {len(keyframes)} keyframes; use {len(keyframes)} or more")
    check_memory(model, frames, "--frames")
    z, label, indices = keyframes.walk(model, frames=frames, loop=loop, path=path, truncation=truncation)
    walked = {
        **keyframes.metadata(),
        "frames": frames,
        "keys": indices,
        "loop": loop,
        "path": path,
        **truncation_entry(truncation),
    }
    parts = ["interpolation", keyframes.file_name, "" if path == "slerp" else path, "loop" if loop else ""]
    target = out or default_file(home, output_name(parts, truncation=truncation) + suffix)
    _write(target, to_pixels(generate(model, z, label)), keyframes, {**provenance(model, truncation), **walked})
    if json:
        print(jsonlib.dumps({"images": [{"image": str(target), **walked}]}))
        return
    constant = f", label {keyframes.names[keyframes.labels[0]]}" if len(set(keyframes.labels)) == 1 else ""
    print(f"wrote {target} ({frames} frames{constant})")
    print(f"next: gan sample {home} --grid --annotate    # shows seeds for --seeds")


def _write(target: Path, pixels: Pixels, keyframes: Keyframes, metadata: dict[str, Any]) -> None:
    from gancli.io.captions import MARGIN, add_captions
    from gancli.io.images import magnify, make_grid, write_png
    from gancli.io.video import write_gif, write_mp4

    if target.suffix.lower() == ".png":
        captions = [""] * len(pixels)
        for frame, caption in zip(metadata["keys"], keyframes.captions, strict=True):
            captions[frame] = caption
        tiles = add_captions(pixels, captions)
        rows = -(-len(tiles) * (tiles.shape[2] + MARGIN) // STRIP_WIDTH)
        write_png(target, make_grid(tiles, columns=-(-len(tiles) // rows), min_side=1, gap=MARGIN), metadata=metadata)
        return
    write = write_gif if target.suffix.lower() == ".gif" else write_mp4
    write(target, magnify(pixels, min_side=MIN_VIDEO_SIDE), metadata=metadata)
