"""The commands that draw from a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gancli.cli.options import Device, Ema, Json, RunDirectory, Truncation


def sample(
    run: RunDirectory = None,
    count: Annotated[
        int | None,
        typer.Option("-n", "--count", min=1, help="How many images of each label; 64 if left out, 10 of several."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="A label by name or number; may be given several times. All if left out."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Of the first image; the next one has the next seed.")
    ] = 0,
    truncation: Truncation = None,
    form: Annotated[str, typer.Option("--format", help="grid: one sheet; png: single files.")] = "grid",
    grid: Annotated[bool, typer.Option("--grid", help="Another way to say --format grid.")] = False,
    annotate: Annotated[bool, typer.Option("--annotate", help="Write seeds and labels beside the images.")] = False,
    ema: Ema = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A .png for a grid, a directory for single files; in the run's directory if left out."),
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Draw images from a trained model."""
    from gancli.cli import sample as body

    body.sample(
        run,
        count=count,
        labels=label or [],
        seed=seed,
        truncation=truncation,
        form=form,
        grid=grid,
        annotate=annotate,
        ema=ema,
        out=out,
        device=device,
        json=json,
    )


def interpolate(
    run: RunDirectory = None,
    latents: Annotated[
        str | None,
        typer.Option(metavar="FILE,FILE,...", help="Latents of `gan project` to pass, before any seeds."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="S,S,...", help="Seeds of `gan sample` to pass: 1,7,9. 0 to 4 if nothing is named."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="L,L,...", help="Labels to pass, one for each seed; with one seed, or one label, all."),
    ] = None,
    frames: Annotated[int | None, typer.Option(min=2, help="How many images, the seeds' own included.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Walk back to the first seed.")] = False,
    way: Annotated[
        str, typer.Option("--path", help="slerp: on great circles, which keeps lengths; linear: straight lines.")
    ] = "slerp",
    truncation: Truncation = None,
    ema: Ema = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A .gif, an .mp4 (with gancli[video]), or a .png for a strip; in the run's directory."),
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Walk through the latent space from seed to seed, from label to label, or between images that were projected."""
    from gancli.cli import interpolate as body

    body.interpolate(
        run,
        stored=latents,
        seeds=seeds,
        labels=labels,
        frames=frames,
        loop=loop,
        way=way,
        truncation=truncation,
        ema=ema,
        out=out,
        device=device,
        json=json,
    )


def arithmetic(
    run: Annotated[
        str | None,
        typer.Argument(help="A run directory; the newest run that can, if left out."),
    ] = None,
    expression: Annotated[
        str | None,
        typer.Argument(
            help='Groups of seeds with signs between: "12,40,77 - 3,8,19 + 5,6,21". After -- if it begins with -.'
        ),
    ] = None,
    label: Annotated[str | None, typer.Option(help="A label by name or number; the first if left out.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the noise around the result.")] = 0,
    truncation: Truncation = None,
    ema: Ema = None,
    out: Annotated[Path | None, typer.Option(help="A .png; in the run's directory if left out.")] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Add and take away the mean latents of groups of seeds, and draw what comes out."""
    from gancli.cli import arithmetic as body

    if expression is None:  # the only argument is the expression, although the run stands before it
        run, expression = None, run
    body.arithmetic(
        None if run is None else Path(run),
        expression,
        label=label,
        seed=seed,
        truncation=truncation,
        ema=ema,
        out=out,
        device=device,
        json=json,
    )
