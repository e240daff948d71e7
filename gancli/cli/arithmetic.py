"""`gan arithmetic`: sums of mean latents, shown as in figure 7 of Radford et al. 2015."""

from __future__ import annotations

import json as jsonlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gancli.cli.options import Device, Ema, Force, Json, Truncation
from gancli.cli.shared.models import (
    check_truncation,
    default_file,
    label_indices,
    open_for,
    output_name,
    provenance,
    truncation_entry,
)
from gancli.cli.shared.seed_arithmetic import Group, format_sum, parse_sum
from gancli.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from gancli.inference.model import Model
    from gancli.io.images import Pixels

JITTER = 0.25
"""Half the width of the uniform noise that is added to the result for its neighbours, as in the paper."""

NEIGHBOURS = 9
"""Number of images that show the result: itself in the middle, and noisy versions around it."""

MIN_SIDE = 64
"""Smallest number of pixels of the shorter side of an image in the figure."""

SIGN_SIZE = 36
"""Font size of the signs between groups."""


def arithmetic(
    run: Annotated[
        str | None,
        typer.Argument(help="Run directory (default: the newest run that supports this command)."),
    ] = None,
    expression: Annotated[
        str | None,
        typer.Argument(
            help='Groups of seeds with signs between them: "12,40,77 - 3,8,19 + 5,6,21". Put -- before an expression '
            "that begins with -."
        ),
    ] = None,
    label: Annotated[str | None, typer.Option(help="Name or number of a label (default: the first label).")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the noise that is added to the result.")] = 0,
    truncation: Truncation = None,
    ema: Ema = None,
    out: Annotated[Path | None, typer.Option(help="Output .png file (default: in the run's out/).")] = None,
    force: Force = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Add and subtract the mean latents of groups of seeds and generate images of the result."""
    from gancli.io.images import write_png
    from gancli.io.outputs import check_outputs

    if expression is None:  # a single argument is the expression, although the run comes first
        run, expression = None, run
    if expression is None:
        raise UsageError('an expression is missing, such as: gan arithmetic "12,40,77 - 3,8,19 + 5,6,21"')
    groups = parse_sum(expression)
    if out is not None and out.suffix.lower() != ".png":
        raise UsageError(f"--out {out} must end in .png")
    if out is not None:
        check_outputs([out], force=force)
    check_truncation(truncation)
    command, needs = "gan arithmetic", ["sample", "image"]
    if label is not None:
        command, needs = "gan arithmetic --label", [*needs, "label"]
    path, model = open_for(command, None if run is None else Path(run), needs, ema=ema, device=device)
    index = label_indices([label], model)[0] if label is not None else 0
    text = format_sum(groups)
    parts = ["arithmetic", text.replace(" ", ""), f"seed{seed}" if seed else "", f"label{index}" if label else ""]
    target = out or default_file(path, output_name(parts, truncation=truncation) + ".png")
    metadata = {
        "expression": text,
        "groups": [{"sign": group.sign, "seeds": list(group.seeds)} for group in groups],
        "neighbours": {"seed": seed, "jitter": JITTER},
        **({"label": model.labels[index]} if model.labels else {}),
        **truncation_entry(truncation),
    }
    images, means, neighbours = _images(groups, model, label=index, seed=seed, truncation=truncation)
    write_png(
        target, _figure(groups, images, means, neighbours), metadata={**provenance(model, truncation), **metadata}
    )
    if json:
        print(jsonlib.dumps({"images": [{"image": str(target), **metadata}]}))
        return
    print(f"wrote {target}" + (f" (label {model.labels[index]})" if model.labels else ""))
    print(f"next: gan sample {path} --grid --annotate    # shows other seeds to add and subtract")


def _images(
    groups: Sequence[Group], model: Model, *, label: int, seed: int, truncation: float | None
) -> tuple[list[Pixels], Pixels, Pixels]:
    """Return the images of the seeds of each group, those of the means, and those of the result and its neighbours."""
    import torch

    from gancli.inference.sample import generate, latents
    from gancli.io.images import to_pixels

    parts = [latents(model, group.seeds, truncation=truncation) for group in groups]
    means = torch.stack([part.mean(0) for part in parts])
    result = torch.stack([group.sign * mean for group, mean in zip(groups, means, strict=True)]).sum(0)
    sizes = [*map(len, parts), len(means), NEIGHBOURS]
    z = torch.cat([*parts, means, _neighbours(result, model, seed)])
    labels = torch.full((len(z),), label) if model.labels else None
    *images, mean_images, neighbours = [to_pixels(part) for part in torch.split(generate(model, z, labels), sizes)]
    return images, mean_images, neighbours


def _neighbours(result: Tensor, model: Model, seed: int) -> Tensor:
    """Return the result repeated (9, ...), with noise added to all rows but the middle one."""
    from gancli.family.context import Context
    from gancli.runtime.random import make_generator

    context = Context(device=model.device, generator=make_generator(model.device, seed))
    noise = JITTER * (2 * context.rand(NEIGHBOURS, *result.shape) - 1)
    noise[NEIGHBOURS // 2] = 0
    return result + noise


def _figure(groups: Sequence[Group], images: Sequence[Pixels], means: Pixels, neighbours: Pixels) -> Pixels:
    """Return one column per group, with its sign on the left and its mean at the bottom, and the result at the end."""
    from gancli.io.captions import MARGIN, add_captions, blank_tile, stack_horizontally, stack_vertically
    from gancli.io.images import make_grid

    columns: list[Pixels] = []
    for index, (group, members) in enumerate(zip(groups, images, strict=True)):
        if index or group.sign < 0:
            columns.append(_sign("+" if group.sign > 0 else "-", neighbours))
        tiles = add_captions(members, [str(seed) for seed in group.seeds], min_side=MIN_SIDE)
        mean = add_captions(means[index : index + 1], ["mean"], min_side=MIN_SIDE)
        width = math.ceil(math.sqrt(len(group.seeds) / 3))
        top, bottom = make_grid(tiles, columns=width, min_side=1, gap=MARGIN), make_grid(mean, min_side=1, gap=MARGIN)
        columns.append(stack_vertically([top, blank_tile(2 * MARGIN, 1, mean.shape[3]), bottom]))
    captions = ["result" if index == NEIGHBOURS // 2 else "" for index in range(NEIGHBOURS)]
    grid = make_grid(add_captions(neighbours, captions, min_side=MIN_SIDE), columns=3, min_side=1, gap=MARGIN)
    return stack_horizontally([*columns, _sign("=", neighbours), grid])


def _sign(sign: str, pixels: Pixels) -> Pixels:
    """Return a sign on a tile of the height of a mean, vertically centred on its image."""
    from gancli.io.captions import MARGIN, add_captions, blank_tile, render_text, stack_vertically
    from gancli.io.images import make_grid

    mean = make_grid(add_captions(pixels[:1], ["mean"], min_side=MIN_SIDE), min_side=1, gap=MARGIN)
    image_height = mean.shape[0] - render_text("mean", channels=1).shape[0]
    ink = render_text(sign, channels=pixels.shape[3], size=SIGN_SIZE)
    top = (image_height - ink.shape[0]) // 2
    bottom = mean.shape[0] - top - ink.shape[0]
    width = ink.shape[1] + 4 * MARGIN
    return stack_vertically([blank_tile(top, width, ink.shape[2]), ink, blank_tile(bottom, width, ink.shape[2])])
