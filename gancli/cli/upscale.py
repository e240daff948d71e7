"""`gan upscale`."""

from __future__ import annotations

import json as jsonlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gancli.cli.display.live import reading
from gancli.cli.shared.input_images import ImageFile, find_images, name_results, split_run
from gancli.cli.shared.models import about, check_able, file_name, open_able, path_for
from gancli.errors import DataError, UsageError
from gancli.inference.upscale import Upscaler
from gancli.io.image_reader import ImageHeader, Picture, glance, read_picture
from gancli.io.image_writer import LONGEST_SIDE, SUFFIXES, write_picture
from gancli.io.pipeline import overlapped
from gancli.io.types import ImageArray
from gancli.runtime.memory import free

_BYTES = 8
"""For a pixel of the result, besides its own levels: the encoder's copy, and room to spare."""


@dataclass(frozen=True)
class Job:
    """One picture: the file, what its header says, and where the result goes, in which format."""

    file: ImageFile
    seen: ImageHeader
    result: Path
    format: str


def upscale(
    arguments: Sequence[Path],
    *,
    tile: int | None,
    format: str | None,
    precision: str,
    ema: bool | None,
    out: Path | None,
    device: str,
    json: bool,
) -> list[Path]:
    """Enlarges pictures, each to a file of its name. Returns the files written.

    Args:
        arguments: a run or checkpoint directory, which may be left out, and files and folders of images.
        tile: side of the tiles to do it in; as large as the memory allows, if None.
        format: `png`, `jpeg` or `webp`; each picture's own, if None.
        precision: `auto`, `fp32` or `bf16`.
        ema: averaged weights or live ones; averaged where there are any, if None.
        out: a directory; one in the run's, if None.
        device: as the command line names it.
        json: prints one object instead of sentences.

    Raises:
        GanError: the run cannot, a picture cannot be read or is too large, or there is nothing to read.
    """
    run, paths = split_run(arguments)
    files = find_images(paths, like=f"gan upscale {'[RUN]' if run is None else run} photo.jpg")
    path, model = open_able(run, lambda able: "upscale" in able, wanted="upscales images", ema=ema, device=device)
    check_able(model, ("upscale",), "gan upscale")
    upscaler = Upscaler(model, tile=tile, precision=precision)
    folder = out or path_for(path, file_name([f"upscaled-x{upscaler.scale}"]))
    jobs = _jobs(files, folder, format, upscaler.scale)
    _enlarge(jobs, upscaler, {**about(model, None), "scale": upscaler.scale})
    if upscaler.may_show_seams:
        print(
            f"{model.run} sees farther than tiles overlap, so seams may show; choose a larger --tile", file=sys.stderr
        )
    _report(jobs, path, folder, upscaler.scale, json=json)
    return [job.result for job in jobs]


def _enlarge(jobs: Sequence[Job], upscaler: Upscaler, made: Mapping[str, Any]) -> None:
    """Does what is to be done; `made` is what PNGs say of how they were made."""
    total, done = sum(job.seen.height * job.seen.width for job in jobs), 0
    with reading("images", "upscaling") as progress:

        def tell(pixels: int) -> None:
            nonlocal done
            done += pixels
            progress(done, total)

        def enlarge(job: Job, picture: Picture) -> ImageArray:
            for clause in picture.lost:
                print(f"{job.file.path}: {clause}", file=sys.stderr)
            return upscaler(picture.pixels, tell)

        def write(job: Job, picture: Picture, pixels: ImageArray) -> None:
            origin = {**made, "from": job.file.path.name}
            write_picture(job.result, pixels, picture.kept, format=job.format, made=origin)

        overlapped(jobs, read=lambda job: read_picture(job.file.path, scale=upscaler.scale), make=enlarge, write=write)


def _jobs(files: Sequence[ImageFile], folder: Path, format: str | None, scale: int) -> list[Job]:
    """What is to be done, after every header was read: what cannot be done is said before anything is.

    Raises:
        DataError: a header cannot be read, or the result would be too large.
        UsageError: the format cannot hold a picture.
    """
    seen = [glance(file.path) for file in files]
    formats = [_format(each, format) for each in seen]
    endings = [_ending(file.path, kind) for file, kind in zip(files, formats, strict=True)]
    results = name_results(files, folder, endings=endings, spare=True)
    jobs = [Job(*each) for each in zip(files, seen, results, formats, strict=True)]
    for job in jobs:
        _check(job, scale)
    return jobs


def _format(seen: ImageHeader, wanted: str | None) -> str:
    own = "JPEG" if seen.format == "MPO" else seen.format
    return wanted.upper() if wanted else own if own in SUFFIXES else "PNG"


def _ending(path: Path, format: str) -> str:
    """The file's own, where it is one of the format."""
    return path.suffix if path.suffix.lower() in SUFFIXES[format] else SUFFIXES[format][0]


def _check(job: Job, scale: int) -> None:
    height, width = job.seen.height * scale, job.seen.width * scale
    if job.format == "JPEG" and job.seen.channels == 4:
        raise UsageError(f"{job.file.path} is transparent, which JPEG cannot be; choose --format png or webp")
    if max(height, width) > LONGEST_SIDE.get(job.format, height + width):
        raise UsageError(
            f"{job.file.path} would become {height}x{width}, and {job.format} holds {LONGEST_SIDE[job.format]:,} "
            "pixels a side; choose --format png"
        )
    needed, left = height * width * (job.seen.channels + _BYTES), free(torch.device("cpu"))
    if left is not None and needed > left:
        raise DataError(
            f"{job.file.path} would become {height}x{width}, which takes {needed / 1e9:.1f} GB of memory, and "
            f"{left / 1e9:.1f} GB are free; cut it into parts or close other programs"
        )


def _report(jobs: Sequence[Job], run: Path, folder: Path, scale: int, *, json: bool) -> None:
    if json:
        print(jsonlib.dumps({"images": [_job_record(job, scale) for job in jobs]}))
        return
    print(f"wrote {jobs[0].result}" if len(jobs) == 1 else f"wrote {folder}/ ({len(jobs)} files)")
    print(f"next: {shlex.join(['gan', 'eval', str(run)])}")


def _job_record(job: Job, scale: int) -> dict[str, Any]:
    size = {"height": job.seen.height * scale, "width": job.seen.width * scale, "scale": scale}
    return {"image": str(job.result), "from": str(job.file.path), **size}
