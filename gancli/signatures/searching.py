"""The commands that search a trained model for what is most like the user's images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gancli.cli.options import Device, Ema, Json

Images = Annotated[
    list[Path],
    typer.Argument(
        metavar="[RUN] IMAGE",
        help="Files and folders of images, which are cropped and resized as those of training were; before them a run "
        "directory, if not the newest that can.",
    ),
]


def detect(
    images: Images,
    threshold: Annotated[float | None, typer.Option(help="Images that score above it are called anomalous.")] = None,
    normal: Annotated[
        Path | None, typer.Option(help="A folder of normal images that were not trained on, to find a threshold by.")
    ] = None,
    false_alarms: Annotated[
        float | None, typer.Option(help="The share of normal images that may score above it; 0.05 if left out.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.csv|folders",
            help="What is true: a table of names and labels (normal or 0, anomalous or 1), or the folders normal and "
            "anomalous that images lie in. Gives AUROC, average precision and the best F1.",
        ),
    ] = None,
    maps: Annotated[bool, typer.Option("--maps/--no-maps", help="Write heat maps, all on one scale.")] = True,
    csv: Annotated[Path | None, typer.Option(help="Write the table to this file too.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the search, the same for every image.")] = 0,
    ema: Ema = None,
    out: Annotated[Path | None, typer.Option(help="A directory for heat maps; in the run's if left out.")] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Score images by how far they are from those of training, and show where."""
    from gancli.cli import detect as body

    body.detect(
        images,
        limit=body.Limit(threshold=threshold, normal=normal, false_alarms=false_alarms),
        labels=labels,
        maps=maps,
        csv=csv,
        seed=seed,
        ema=ema,
        out=out,
        device=device,
        json=json,
    )


def project(
    images: Images,
    label: Annotated[
        str | None, typer.Option(help="A label by name or number; every one is tried if left out.")
    ] = None,
    steps: Annotated[int, typer.Option(min=0, help="Of each search.")] = 400,
    seeds: Annotated[int, typer.Option(min=1, help="Searches for each image, with each label; the best counts.")] = 4,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the first search; the next has the next.")] = 0,
    ema: Ema = None,
    out: Annotated[
        Path | None, typer.Option(help="A directory, for a picture and a latent of each image; in the run's.")
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Find the latent that explains an image: what the model makes of it is most like the image."""
    from gancli.cli import project as body

    body.project(images, label=label, steps=steps, seeds=seeds, seed=seed, ema=ema, out=out, device=device, json=json)
