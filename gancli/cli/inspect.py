"""`gan inspect`."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from gancli.cli.options import Data, Device, Ema, Force, Json, RunDirectory, Set
from gancli.cli.shared.models import default_file, open_for, provenance
from gancli.errors import DataError, UsageError


def inspect(
    run: RunDirectory = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output: a .png or .html page, or a directory for single images (default: out/inspect.png of the run)."
        ),
    ] = None,
    data: Data = None,
    overrides: Set = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Seed of the untrained networks shown for comparison.")
    ] = 0,
    ema: Ema = None,
    force: Force = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Show what the networks have learned: filters, and the parts of images that activate the discriminator."""
    from gancli.cli.shared.data_target import reference_data_of
    from gancli.cli.shared.image_page import ImagePage, is_file_name
    from gancli.cli.shared.inspection_sections import inspection_sections
    from gancli.io.outputs import check_outputs

    if out is not None and is_file_name(out):
        check_outputs([out], force=force)
    path, model = open_for("gan inspect", run, ("image", "discriminate"), wanted="be inspected", ema=ema, device=device)
    target = out or default_file(path, "inspect.png")
    source = reference_data_of(path, model, data, overrides or [])
    train = source.train
    if len(train.images) < 2:
        raise DataError(f"{source.source!r} has only one image; name data with more images with --data")
    sections = inspection_sections(model, train, seed=seed)
    if not sections:
        raise UsageError(
            f"{model.run} has no layer that can be shown: no convolution or matrix product of the image, and no "
            "rectifier behind it; name another run"
        )
    page = ImagePage(
        title=f"{model.run} at {model.images:,} images, on {source.source}",
        sections=sections,
        metadata={**provenance(model), "data": source.source, "seed": seed},
    )
    if not is_file_name(target):
        check_outputs(page.single_files(target), below=target, force=force)
    files = page.write(target)
    if json:
        print(jsonlib.dumps({"images": [{"image": str(file)} for file in files]}))
        return
    print(f"wrote {files[0]}" if len(files) == 1 else f"wrote {files[0].parent}/ ({len(files)} files)")
    print(f"next: gan eval {path}")
