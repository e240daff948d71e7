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
from gancli.cli.shared.input_images import (
    ImageFile,
    InputReport,
    RangeOption,
    RunAndImages,
    SkipExisting,
    Unreadable,
    find_images,
    name_results,
    parse_range,
    split_run,
)
from gancli.cli.shared.models import open_for, output_path, provenance
from gancli.errors import DataError, UsageError
from gancli.io.text import visible
from gancli.runs.run import run_of

if TYPE_CHECKING:
    from gancli.inference.upscale import Upscaler
    from gancli.io.decode import Range
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
    unreadable: Unreadable = "skip",
    skip_existing: SkipExisting = False,
    value_range: RangeOption = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Enlarge images with a trained model: 8 or 16 bits, grey, colour or transparent."""
    from gancli.inference.upscale import Upscaler
    from gancli.io.image_reader import read_image
    from gancli.io.outputs import check_outputs

    span = parse_range(value_range) or "full"
    run, paths = split_run(images)
    files = find_images(paths, example=f"gan upscale {run or '[RUN]'} photo.jpg")
    path, model = open_for("gan upscale", run, ("upscale",), ema=ema, device=device)
    upscaler = Upscaler(model, tile=tile, precision=precision)
    scale = upscaler.scale
    folder, home = (out, out) if out else (output_path(path, f"upscaled-x{scale}"), run_of(path).path)
    report = InputReport(files, unreadable)
    jobs = _plan_jobs(files, folder, format, scale, report, skip_existing=skip_existing)
    check_outputs([job.result for job in jobs], below=home)
    report.try_all([job.file for job in jobs], lambda file: read_image(file.path, scale=1, span=span))
    done = _run_jobs(jobs, upscaler, {**provenance(model), "scale": scale}, span, report)
    if upscaler.may_show_seams:
        print(
            f"the receptive field of {model.run} is larger than the overlap of the tiles, so seams may show; use a "
            "larger --tile",
            file=sys.stderr,
        )
    report.print_remarks()
    if json:
        print(jsonlib.dumps({"images": [_to_json(job, scale) for job in done], **report.to_json()}))
    elif done:
        print(visible(f"wrote {done[0].result}" if len(done) == 1 else f"wrote {folder}/ ({len(done)} files)"))
    report.raise_left_out()
    if not json:
        print(f"next: {visible(shlex.join(['gan', 'eval', str(path)]))}")


def _plan_jobs(
    files: Sequence[ImageFile],
    folder: Path,
    format: str | None,
    scale: int,
    report: InputReport,
    *,
    skip_existing: bool,
) -> list[Job]:
    """Read all headers and check all jobs, so that errors are reported before anything is written.

    A file is left out if its header cannot be read, or if its result would be too large for the memory.

    Raises:
        UsageError: the format does not support a result.
    """
    from gancli.io.image_reader import read_header
    from gancli.io.image_writer import SUFFIXES

    headers: list[tuple[ImageFile, ImageHeader]] = []
    for file in files:
        try:
            headers.append((file, read_header(file.path)))
        except DataError as error:
            report.leave_out(file, error)
    formats = [_result_format(header, format) for _, header in headers]
    suffixes = [
        file.path.suffix if file.path.suffix.lower() in SUFFIXES[format] else SUFFIXES[format][0]
        for (file, _), format in zip(headers, formats, strict=True)
    ]
    names = [file for file, _ in headers]
    results = name_results(names, folder, suffixes=suffixes, keep_existing=not skip_existing)
    jobs = []
    for (file, header), result, own_format in zip(headers, results, formats, strict=True):
        if skip_existing and report.has_result(result):
            continue
        job = Job(file, header, result, own_format)
        try:
            _check_job(job, scale)
            jobs.append(job)
        except DataError as error:
            report.leave_out(file, error)
    return jobs


def _result_format(header: ImageHeader, format: str | None) -> str:
    from gancli.io.image_writer import SUFFIXES

    if format:
        return format.upper()
    own = "JPEG" if header.format == "MPO" else header.format
    return own if own in SUFFIXES else "PNG"


def _check_job(job: Job, scale: int) -> None:
    from gancli.cli.shared.preprocess import check_memory
    from gancli.io.image_writer import LONGEST_SIDE, MAX_TIFF_BYTES

    height, width = job.header.height * scale, job.header.width * scale
    if job.format == "JPEG" and job.header.channels == 4:
        raise UsageError(f"{job.file.path} is transparent, and JPEG has no transparency; use --format png or webp")
    if max(height, width) > LONGEST_SIDE.get(job.format, height + width):
        raise UsageError(
            f"the result of {job.file.path} has {height}x{width} pixels, and {job.format} allows at most "
            f"{LONGEST_SIDE[job.format]:,} pixels per side; use --format png"
        )
    # With alpha a colour image has 4 bytes per pixel, as grey has with 16 bits and alpha.
    if job.format == "TIFF" and height * width * 4 > MAX_TIFF_BYTES:
        raise UsageError(
            f"the result of {job.file.path} has {height}x{width} pixels, too many for a TIFF of 4 GB; use --format png"
        )
    check_memory(
        height * width * (job.header.channels + _BYTES_PER_PIXEL),
        subject=f"the result of {job.file.path} has {height}x{width} pixels and needs",
        advice="cut the image into parts or close other programs",
    )


def _run_jobs(
    jobs: Sequence[Job], upscaler: Upscaler, metadata: Mapping[str, Any], span: Range, report: InputReport
) -> list[Job]:
    """Read, enlarge and write all images; `metadata` goes into PNG files. Return the jobs that are done, in order."""
    from gancli.cli.display.progress import progress_bar
    from gancli.io.image_reader import read_image
    from gancli.io.image_writer import run_pipeline, write_image

    total, done = sum(job.header.height * job.header.width for job in jobs), 0
    finished: set[Path] = set()
    with progress_bar("images", "upscaling") as progress:

        def advance(pixels: int) -> None:
            nonlocal done
            done += pixels
            progress(done, total)

        def enlarge(job: Job, image: DecodedImage) -> ImageArray:
            report.remark(job.file, image.warnings)
            return upscaler(image.pixels, advance)

        def write(job: Job, image: DecodedImage, pixels: ImageArray) -> None:
            origin = {**metadata, "from": visible(job.file.path.name)}
            dropped = write_image(job.result, pixels, image.metadata, format=job.format, origin=origin)
            report.remark(job.file, dropped)
            finished.add(job.result)

        run_pipeline(
            jobs,
            read=lambda job: read_image(job.file.path, scale=upscaler.scale, span=span),
            process=enlarge,
            write=write,
            leave_out=lambda job, error: report.leave_out(job.file, error),
        )
    return [job for job in jobs if job.result in finished]


def _to_json(job: Job, scale: int) -> dict[str, Any]:
    size = {"height": job.header.height * scale, "width": job.header.width * scale, "scale": scale}
    return {"image": str(job.result), "from": str(job.file.path), **size}
