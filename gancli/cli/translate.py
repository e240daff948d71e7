"""`gan translate`."""

from __future__ import annotations

import json as jsonlib
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gancli.cli.options import Device, Ema, Force, Json
from gancli.cli.shared.input_images import (
    ImageFile,
    InputReport,
    RangeOption,
    RunAndImages,
    SkipExisting,
    Unreadable,
    find_images,
    parse_range,
    plan_results,
    split_run,
)
from gancli.cli.shared.models import open_for, output_name, output_path, provenance, slug
from gancli.errors import DataError
from gancli.io.text import visible
from gancli.runs.run import run_of

if TYPE_CHECKING:
    from gancli.io.types import Bytes


def translate(
    images: RunAndImages,
    to: Annotated[
        str | None, typer.Option(help="Domain to translate to (default: the first domain of the model).")
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(min=16, help="Side of overlapping square tiles, for images too large for the memory."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Seed of the noise, if the model has noise inputs.")
    ] = 0,
    ema: Ema = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Output directory for .png files of the same names (default: in the run's out/)."),
    ] = None,
    unreadable: Unreadable = "skip",
    skip_existing: SkipExisting = False,
    value_range: RangeOption = None,
    force: Force = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Translate images with a trained model: from sketches to photographs, from one domain to another."""
    from gancli.cli.display.progress import progress_bar
    from gancli.cli.shared.preprocess import decode_image, to_tensor
    from gancli.family.tasks import Translates
    from gancli.inference.translate import find_translation
    from gancli.inference.translate import translate as translate_image
    from gancli.io.images import to_pixels, write_png

    span = parse_range(value_range) or "full"
    run, paths = split_run(images)
    files = find_images(paths, example=f"gan translate {run or '[RUN]'} photo.jpg")
    report, written, noisy = InputReport(files, unreadable), [], False
    plan = partial(plan_results, files, report=report, force=force, skip_existing=skip_existing)
    planned = plan(folder=out) if out else []
    path, model = open_for("gan translate", run, ("translate",), ema=ema, device=device)
    translation = find_translation(model, to)
    folder = out or output_path(
        path, output_name([f"translated-{slug(translation.to)}", f"seed{seed}" if seed else ""])
    )
    if out is None:
        planned = plan(folder=folder, run=run_of(path).path)
    channels, *_ = model.family.data.shape_of(translation.reads)
    metadata = {**provenance(model), "to": translation.to, "seed": seed, **({} if tile is None else {"tile": tile})}

    def read(file: ImageFile) -> Bytes:
        return decode_image(file.path, channels=channels, span=span, remark=partial(report.remark, file))

    report.try_all([file for file, _ in planned], lambda file: decode_image(file.path, channels=channels, span=span))
    with progress_bar("images", "translating") as progress:
        for done, (file, result) in enumerate(planned, 1):
            try:
                image = to_tensor(read(file))
            except DataError as error:
                report.leave_out(file, error)
                continue
            translated, has_noise = translate_image(model, image, translation, tile=tile, seed=seed)
            noisy |= has_noise
            (pixels,) = to_pixels(translated)
            write_png(result, pixels, metadata={**metadata, "from": visible(file.path.name)})
            written.append((file, result))
            progress(done, len(planned))
    report.print_remarks()
    if json:
        entries = [
            {"image": str(result), "from": str(file.path), "to": translation.to, "seed": seed}
            for file, result in written
        ]
        print(jsonlib.dumps({"images": entries, **report.to_json()}))
    elif written:
        print(visible(f"wrote {written[0][1]}" if len(written) == 1 else f"wrote {folder}/ ({len(written)} files)"))
    report.raise_left_out()
    if json:
        return
    assert isinstance(model.family, Translates)
    other_domains = [other.to for other in model.family.translations() if other.to != translation.to]
    if other_domains:  # translate back
        command = ["gan", "translate", str(path), str(folder), "--to", other_domains[0]]
    elif noisy:
        command = ["gan", "translate", str(path), *map(str, paths), "--seed", str(seed + 1)]
    else:
        command = ["gan", "runs", "ls"]
    print(f"next: {visible(shlex.join(command))}")
