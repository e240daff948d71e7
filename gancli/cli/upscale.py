"""`gan upscale`."""

from __future__ import annotations

import json as jsonlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gancli.cli.options import Device, Ema, Json
from gancli.cli.shared.input_images import ImageFile, RunAndImages, find_images, name_results, split_run
from gancli.cli.shared.models import open_for, output_name, output_path, provenance
from gancli.errors import UsageError

if TYPE_CHECKING:
    from gancli.inference.upscale import Upscaler
    from gancli.io.image_reader import DecodedImage, ImageHeader
    from gancli.io.types import ImageArray

_BYTES_PER_PIXEL = 8
"""Memory for a pixel of the result besides its own values: the copy of the encoder, and a reserve."""


@dataclass(frozen=True)
class Job:
    """One image: its file, its header, and the path and the format of the result."""

    file: ImageFile
    header: ImageHeader
    result: Path
    format: str


def upscale(
    images: RunAndImages,
    tile: Annotated[
        int | None,
        typer.Option(min=16, help="Side of overlapping square tiles (default: as large as the memory allows)."),
    ] = None,
    format: Annotated[
        Literal["png", "jpeg", "webp"] | None, typer.Option(help="Format of the results (default: that of each image).")
    ] = None,
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        typer.Option(help="Precision of the arithmetic; auto uses bf16 if it is fast and accurate."),
    ] = "auto",
    ema: Ema = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output directory for files of the same names; existing files are not overwritten (default: in the "
            "run's out/)."
        ),
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Enlarge images with a trained model: 8 or 16 bits, grey, colour or transparent."""
    from gancli.inference.upscale import Upscaler

    run, paths = split_run(images)
    files = find_images(paths, example=f"gan upscale {run or '[RUN]'} photo.jpg")
    path, model = open_for("gan upscale", run, ("upscale",), ema=ema, device=device)
    upscaler = Upscaler(model, tile=tile, precision=precision)
    scale = upscaler.scale
    folder = out or output_path(path, output_name([f"upscaled-x{scale}"]))
    jobs = _plan_jobs(files, folder, format, scale)
    _run_jobs(jobs, upscaler, {**provenance(model), "scale": scale})
    if upscaler.may_show_seams:
        print(
            f"the receptive field of {model.run} is larger than the overlap of the tiles, so seams may show; use a "
            "larger --tile",
            file=sys.stderr,
        )
    if json:
        print(jsonlib.dumps({"images": [_to_json(job, scale) for job in jobs]}))
        return
    print(f"wrote {jobs[0].result}" if len(jobs) == 1 else f"wrote {folder}/ ({len(jobs)} files)")
    print(f"next: {shlex.join(['gan', 'eval', str(path)])}")


def _plan_jobs(files: Sequence[ImageFile], folder: Path, format: str | None, scale: int) -> list[Job]:
    """Read all headers and check all jobs, so that errors are reported before anything is written.

    Raises:
        DataError: a header cannot be read, or a result would be too large for the memory.
        UsageError: the format does not support a result.
    """
    from gancli.io.image_reader import read_header
    from gancli.io.image_writer import SUFFIXES

    headers = [read_header(file.path) for file in files]
    formats = [_result_format(header, format) for header in headers]
    suffixes = [
        file.path.suffix if file.path.suffix.lower() in SUFFIXES[format] else SUFFIXES[format][0]
        for file, format in zip(files, formats, strict=True)
    ]
    results = name_results(files, folder, suffixes=suffixes, keep_existing=True)
    jobs = [Job(*parts) for parts in zip(files, headers, results, formats, strict=True)]
    for job in jobs:
        _check_job(job, scale)
    return jobs


def _result_format(header: ImageHeader, format: str | None) -> str:
    from gancli.io.image_writer import SUFFIXES

    if format:
        return format.upper()
    own = "JPEG" if header.format == "MPO" else header.format
    return own if own in SUFFIXES else "PNG"


def _check_job(job: Job, scale: int) -> None:
    from gancli.cli.shared.preprocess import check_memory
    from gancli.io.image_writer import LONGEST_SIDE

    height, width = job.header.height * scale, job.header.width * scale
    if job.format == "JPEG" and job.header.channels == 4:
        raise UsageError(f"{job.file.path} is transparent, and JPEG has no transparency; use --format png or webp")
    if max(height, width) > LONGEST_SIDE.get(job.format, height + width):
        raise UsageError(
            f"the result of {job.file.path} has {height}x{width} pixels, and {job.format} allows at most "
            f"{LONGEST_SIDE[job.format]:,} pixels per side; use --format png"
        )
    check_memory(
        height * width * (job.header.channels + _BYTES_PER_PIXEL),
        subject=f"the result of {job.file.path} has {height}x{width} pixels and needs",
        advice="cut the image into parts or close other programs",
    )


def _run_jobs(jobs: Sequence[Job], upscaler: Upscaler, metadata: Mapping[str, Any]) -> None:
    """Read, enlarge and write all images; `metadata` goes into PNG files."""
    from gancli.cli.display.progress import progress_bar
    from gancli.io.image_reader import read_image
    from gancli.io.image_writer import run_pipeline, write_image

    total, done = sum(job.header.height * job.header.width for job in jobs), 0
    with progress_bar("images", "upscaling") as progress:

        def advance(pixels: int) -> None:
            nonlocal done
            done += pixels
            progress(done, total)

        def enlarge(job: Job, image: DecodedImage) -> ImageArray:
            for warning in image.warnings:
                print(f"{job.file.path}: {warning}", file=sys.stderr)
            return upscaler(image.pixels, advance)

        def write(job: Job, image: DecodedImage, pixels: ImageArray) -> None:
            origin = {**metadata, "from": job.file.path.name}
            write_image(job.result, pixels, image.metadata, format=job.format, origin=origin)

        run_pipeline(
            jobs, read=lambda job: read_image(job.file.path, scale=upscaler.scale), process=enlarge, write=write
        )


def _to_json(job: Job, scale: int) -> dict[str, Any]:
    size = {"height": job.header.height * scale, "width": job.header.width * scale, "scale": scale}
    return {"image": str(job.result), "from": str(job.file.path), **size}
