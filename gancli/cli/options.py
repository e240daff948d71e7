"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print only JSON to standard output.")]

RunDirectory = Annotated[
    Path | None, typer.Argument(help="Run directory (default: the newest run that supports this command).")
]

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe option: --set train.batch_size=32."),
]

Data = Annotated[
    str | None,
    typer.Option(help="Folder of images, data source or recipe (default: the data that the run was trained on)."),
]

Force = Annotated[bool, typer.Option("--force", help="Overwrite files that `gan` did not write.")]

Device = Annotated[str, typer.Option(help="Device: auto, cpu, cuda, cuda:N or mps.")]

Ema = Annotated[
    bool | None,
    typer.Option("--ema/--no-ema", help="Use averaged or live weights (default: averaged, if the run has them)."),
]

Truncation = Annotated[
    float | None,
    typer.Option(
        help="Resample latent values with an absolute value above this limit, such as 0.7. Reduces the variety."
    ),
]
