"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else.")]

RunDirectory = Annotated[Path | None, typer.Argument(help="A run directory; the newest run that can, if left out.")]

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override an option of the recipe: --set train.batch_size=32."),
]

Data = Annotated[
    str | None,
    typer.Option(help="A folder of images, a data source, or a recipe; what the run was trained on, if left out."),
]

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]

Ema = Annotated[
    bool | None, typer.Option("--ema/--no-ema", help="Averaged or live weights; averaged where there are any.")
]

Truncation = Annotated[
    float | None, typer.Option(help="Draw again the normal numbers of a latent that are larger: 0.7. Less varied.")
]
