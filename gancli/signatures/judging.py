"""The commands that say how good a trained model is, what it has learned, and how that went."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gancli.cli.options import Data, Device, Ema, Json, RunDirectory, Set, Truncation

Backbone = Annotated[
    str | None,
    typer.Option(
        help="Whose features are compared: classifier (of the data's own labels; the default), inception, a file "
        "of weights of either, or the directory of a run, for its discriminator. Of lpips: alexnet (the default) "
        "or vgg16."
    ),
]

Compare = Annotated[
    bool,
    typer.Option(
        "--compare",
        help="Measure nothing: put the newest measurements of these runs and groups side by side, a row each. "
        "Refuses to mix protocols.",
    ),
]


def evaluate(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="A run directory; the newest run that fits, if left out. Several runs of one recipe with other seeds, "
            "or the group's name, as `gan train --seeds` gives it, or with other data.classes: their mean and spread.",
        ),
    ] = None,
    compare: Compare = False,
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
    backbone: Backbone = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the first sample, and of every choice.")] = 0,
    truncation: Truncation = None,
    ema: Ema = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Measure a trained model, each number with its protocol, or put measured ones side by side."""
    if compare:
        from gancli.cli import eval_compare as side_by_side

        given = {"--data": data, "--set": overrides, "--samples": samples, "--limit": limit, "--ema": ema}
        unused = {**given, "--truncation": truncation, "--backbone": backbone}
        side_by_side.compare(runs or [], metrics=metrics, unused=unused, json=json)
        return

    from gancli.cli import eval as body
    from gancli.cli.eval import Request
    from gancli.metrics.context import Options

    options = Options(
        labelled=labelled, samples=samples, limit=limit, seed=seed, truncation=truncation, backbone=backbone
    )
    request = Request(metrics=metrics, data=data, overrides=overrides or [], options=options, ema=ema, device=device)
    body.evaluate(runs or [], request, json=json)


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
    from gancli.cli import inspect as body

    body.inspect(run, out=out, data=data, overrides=overrides or [], seed=seed, ema=ema, device=device, json=json)
