"""The commands that take models from elsewhere, and that hand them on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gancli.cli.options import Ema, Json, RunDirectory


def convert(
    file: Annotated[Path, typer.Argument(help="A file of named tensors: .pth, .pt or .safetensors.")],
    family: Annotated[str, typer.Option(help="The family whose networks they are of.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="An option that the networks were built with: --set model.blocks=16, data.channels, data.resolution.",
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--map", help="A YAML file of names: generator.body.{i}.conv1: residual{i}.conv1, ours to theirs."
        ),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Of the names to take, where the file holds weights more than once: params_ema.")
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Leave tensors that no network of ours has.")] = False,
    out: Annotated[Path | None, typer.Option(help="The model's directory; runs/<file> if left out.")] = None,
    json: Json = False,
) -> None:
    """Make a model of weights that another program saved; nothing in the file is executed."""
    from gancli.cli import convert as body

    body.convert(
        file,
        family=family,
        overrides=overrides or [],
        mapping=mapping,
        prefix=prefix,
        partial=partial,
        out=out,
        json=json,
    )


def export(
    run: RunDirectory = None,
    ema: Ema = None,
    out: Annotated[Path | None, typer.Option(help="The model's directory; models/<run> if left out.")] = None,
    json: Json = False,
) -> None:
    """Make a model of a run: the networks alone, after a check that they answer as the run does, bit for bit."""
    from gancli.cli import export as body

    body.export(run, ema=ema, out=out, json=json)
