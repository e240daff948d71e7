"""The commands that say how good a trained model is, and what it has learned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gancli.signatures.options import Data, Device, Ema, Json, RunDirectory, Set


def evaluate(
    run: RunDirectory = None,
    metrics: Annotated[
        str | None, typer.Option(help="Names between commas; every metric that fits, if left out.")
    ] = None,
    data: Data = None,
    overrides: Set = None,
    labelled: Annotated[int, typer.Option(min=2, help="Labelled training images for feature_svm.")] = 1_000,
    samples: Annotated[
        int | None, typer.Option(min=2, help="Samples to draw; as many as the metric's protocol says, if left out.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Test images at most; all, if left out.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the first sample, and of every choice.")] = 0,
    ema: Ema = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Measure a trained model, each number with its protocol."""
    from gancli.commands import evaluate as body
    from gancli.metrics.subject import Options

    options = Options(labelled=labelled, samples=samples, limit=limit, seed=seed)
    body.evaluate(
        run, metrics=metrics, data=data, overrides=overrides or [], options=options, ema=ema, device=device, json=json
    )


def inspect(
    run: RunDirectory = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A .png or .html page, or a directory for single pictures; the run's out/inspect.png."),
    ] = None,
    data: Data = None,
    overrides: Set = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the untrained networks beside it.")] = 0,
    ema: Ema = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Show what the networks have learned: filters, and what in an image excites the discriminator's features."""
    from gancli.commands import inspect as body

    body.inspect(run, out=out, data=data, overrides=overrides or [], seed=seed, ema=ema, device=device, json=json)
