"""`gan arithmetic`: sums of mean latents, drawn as figure 7 of Radford et al. 2015."""

from __future__ import annotations

import json as jsonlib
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from gancli.cli.shared.models import about, check_truncation, file_name, label_indices, limit, open_sampler, path_for
from gancli.cli.shared.seed_arithmetic import Group, in_words, parse_sum
from gancli.errors import UsageError
from gancli.family.context import Context
from gancli.inference.model import Model
from gancli.inference.sample import generate, latents
from gancli.io.captions import MARGIN, above, beside, blank, captioned, written
from gancli.io.images import Pixels, sheet, to_pixels, write_png
from gancli.runtime.random import make_generator

JITTER = 0.25
"""Half the width of the uniform noise that makes the neighbours of the result, as in the paper."""

NEIGHBOURS = 9
"""How many images the result is shown with, itself in the middle."""

SMALLEST = 64

SIGN_SIZE = 36


def arithmetic(
    run: Path | None,
    expression: str | None,
    *,
    label: str | None,
    seed: int,
    truncation: float | None,
    ema: bool | None,
    out: Path | None,
    device: str,
    json: bool,
) -> Path:
    """Draws the sum, its parts, and what lies around it, into one picture.

    Raises:
        GanError: the run cannot, the label is unknown, or the expression is none.
    """
    if expression is None:
        raise UsageError('an expression is missing, such as: gan arithmetic "12,40,77 - 3,8,19 + 5,6,21"')
    groups = parse_sum(expression)
    if out is not None and out.suffix.lower() != ".png":
        raise UsageError(f"--out {out} must end in .png")
    check_truncation(truncation)
    path, model = open_sampler(run, labels=label is not None, ema=ema, device=device, images=True)
    chosen = label_indices([label], model)[0] if label is not None else 0
    words = in_words(groups)
    parts = ["arithmetic", words.replace(" ", ""), f"seed{seed}" if seed else "", f"label{chosen}" if label else ""]
    target = out or path_for(path, file_name(parts, truncation=truncation) + ".png")
    made = {
        "expression": words,
        "groups": [{"sign": group.sign, "seeds": list(group.seeds)} for group in groups],
        "neighbours": {"seed": seed, "jitter": JITTER},
        **({"label": model.labels[chosen]} if model.labels else {}),
        **limit(truncation),
    }
    picture = _figure(groups, _drawn(groups, model, label=chosen, seed=seed, truncation=truncation))
    write_png(target, picture, metadata={**about(model, truncation), **made})
    if json:
        print(jsonlib.dumps({"images": [{"image": str(target), **made}]}))
    else:
        print(f"wrote {target}" + (f" (label {model.labels[chosen]})" if model.labels else ""))
        print(f"next: gan sample {path} --grid --annotate    # other seeds to add and take away")
    return target


def _drawn(
    groups: Sequence[Group], model: Model, *, label: int, seed: int, truncation: float | None
) -> tuple[list[Pixels], Pixels, Pixels]:
    """The images of each group's seeds, those of the means, and the result in the middle of its neighbours."""
    parts = [latents(model, group.seeds, truncation=truncation) for group in groups]
    means = torch.stack([part.mean(0) for part in parts])
    result = torch.stack([group.sign * mean for group, mean in zip(groups, means, strict=True)]).sum(0)
    sizes = [*map(len, parts), len(means), NEIGHBOURS]
    z = torch.cat([*parts, means, _around(result, model, seed)])
    labels = torch.full((len(z),), label) if model.labels else None
    *images, averaged, around = [to_pixels(part) for part in torch.split(generate(model, z, labels), sizes)]
    return images, averaged, around


def _around(result: Tensor, model: Model, seed: int) -> Tensor:
    """The result (9, ...), with noise added to all but the one in the middle."""
    context = Context(device=model.device, generator=make_generator(model.device, seed))
    noise = JITTER * (2 * context.rand(NEIGHBOURS, *result.shape) - 1)
    noise[NEIGHBOURS // 2] = 0
    return result + noise


def _figure(groups: Sequence[Group], drawn: tuple[list[Pixels], Pixels, Pixels]) -> Pixels:
    """A column a group, with its mean at the foot and its sign before it, and at the end the result."""
    images, means, around = drawn
    columns: list[Pixels] = []
    for index, (group, members) in enumerate(zip(groups, images, strict=True)):
        if index or group.sign < 0:
            columns.append(_sign("+" if group.sign > 0 else "-", around))
        own = captioned(members, [str(seed) for seed in group.seeds], smallest=SMALLEST)
        mean = captioned(means[index : index + 1], ["mean"], smallest=SMALLEST)
        wide = math.ceil(math.sqrt(len(group.seeds) / 3))
        parts = [sheet(own, columns=wide, smallest=1, gap=MARGIN), sheet(mean, smallest=1, gap=MARGIN)]
        columns.append(above([parts[0], blank(2 * MARGIN, 1, mean.shape[3]), parts[1]]))
    captions = ["result" if index == NEIGHBOURS // 2 else "" for index in range(NEIGHBOURS)]
    grid = sheet(captioned(around, captions, smallest=SMALLEST), columns=3, smallest=1, gap=MARGIN)
    return beside([*columns, _sign("=", around), grid])


def _sign(sign: str, pixels: Pixels) -> Pixels:
    """A sign as high as the tile of a mean, in the middle of the image."""
    mean = sheet(captioned(pixels[:1], ["mean"], smallest=SMALLEST), smallest=1, gap=MARGIN)
    image = mean.shape[0] - written("mean", channels=1).shape[0]
    ink = written(sign, channels=pixels.shape[3], size=SIGN_SIZE)
    over = (image - ink.shape[0]) // 2
    below = mean.shape[0] - over - ink.shape[0]
    width = ink.shape[1] + 4 * MARGIN
    return above([blank(over, width, ink.shape[2]), ink, blank(below, width, ink.shape[2])])
