"""The commands that make images of the user's images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gancli.cli.options import Device, Ema, Json


def translate(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="[RUN] IMAGE",
            help="Files and folders of images, of any size; before them a run directory, if not the newest that can.",
        ),
    ],
    to: Annotated[str | None, typer.Option(help="The domain to translate to; the model's first if left out.")] = None,
    tile: Annotated[
        int | None,
        typer.Option(min=16, help="Work in overlapping squares of this side, for images too large for the memory."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the noise, in a model that has some.")] = 0,
    ema: Ema = None,
    out: Annotated[
        Path | None, typer.Option(help="A directory, for PNGs of the same names; in the run's if left out.")
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Translate images with a trained model: from sketches to photographs, from one domain to another."""
    from gancli.cli import translate as body

    body.translate(images, to=to, tile=tile, seed=seed, ema=ema, out=out, device=device, json=json)


def upscale(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="[RUN] IMAGE",
            help="Files and folders of images, of any size; before them a run directory, if not the newest that can.",
        ),
    ],
    tile: Annotated[
        int | None,
        typer.Option(min=16, help="Work in overlapping squares of this side; what the memory allows if left out."),
    ] = None,
    format: Annotated[
        Literal["png", "jpeg", "webp"] | None, typer.Option(help="Of the results; each image's own if left out.")
    ] = None,
    precision: Annotated[
        Literal["auto", "fp32", "bf16"], typer.Option(help="Of arithmetic; auto is bf16 where it is fast and accurate.")
    ] = "auto",
    ema: Ema = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A directory, for files of the same names, none of which is written over; in the run's if left out."
        ),
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Enlarge images with a trained model, 8 or 16 bits deep, grey, coloured or transparent."""
    from gancli.cli import upscale as body

    body.upscale(images, tile=tile, format=format, precision=precision, ema=ema, out=out, device=device, json=json)
