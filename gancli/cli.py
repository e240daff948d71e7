"""The command line: signatures and help texts only. A body is imported when its command runs, and torch with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import gancli
from gancli.errors import GanError

EPILOG = (
    "Exit codes: 0 done, 2 wrong usage or recipe, 65 unreadable data or checkpoint, 70 training became non-finite, "
    "74 disk full, 75 interrupted and saved (--resume goes on), 130 aborted."
)

app = typer.Typer(
    name="gan",
    help="Train and use generative adversarial networks.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
recipes_app = typer.Typer(help="Recipes: list, copy, check.", no_args_is_help=True)
plugins_app = typer.Typer(help="Plugins: what is installed, and what is wrong with it.", no_args_is_help=True)
data_app = typer.Typer(help="Data sources: list, check.", no_args_is_help=True)
runs_app = typer.Typer(help="Runs under runs/: list, remove.", no_args_is_help=True)
for name, group in (("recipes", recipes_app), ("plugins", plugins_app), ("data", data_app), ("runs", runs_app)):
    app.add_typer(group, name=name)

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


def main() -> None:
    """The entry point of the `gan` program: runs a command, and turns an error into a sentence and an exit code."""
    try:
        app()
    except GanError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("aborted", 130)
    except BrokenPipeError:  # the reader of a pipe went away, which is its right
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("GANCLI_DEBUG"):
            raise
        kind = type(error).__name__
        _fail(f"internal error: {kind}: {error}; please report it with the output under GANCLI_DEBUG=1", 1)


def _fail(message: str, code: int) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def _version(value: bool) -> None:
    if value:
        print(f"gan {gancli.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Train and use generative adversarial networks."""


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a bundled recipe.")],
    overrides: Set = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on exactly where the newest run stopped.")] = False,
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="The run's directory; runs/<recipe> if left out.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would happen, stage by stage.")] = False,
) -> None:
    """Train the networks of a recipe."""
    from gancli.commands import train as body

    body.train(recipe, overrides or [], resume=resume, device=device, out=out, dry_run=dry_run)


@app.command()
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
    from gancli.commands import sample as body

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


@app.command()
def interpolate(
    run: RunDirectory = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="S,S,...", help="Seeds of `gan sample` to pass: 1,7,9. 0 to 4 if left out."),
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
    """Walk through the latent space from seed to seed, or from label to label."""
    from gancli.commands import interpolate as body

    body.interpolate(
        run,
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


@app.command()
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
    from gancli.commands import arithmetic as body

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


@app.command("eval")
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


@app.command()
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


@app.command()
def demo(device: Device = "auto") -> None:
    """Train a small GAN on handwritten digits in about a minute, and draw from it."""
    from gancli.commands import demo as body

    body.demo(device=device)


@app.command()
def doctor(json: Json = False) -> None:
    """Say what this machine offers, and what is wrong with the installation."""
    from gancli.commands import doctor as body

    body.doctor(json=json)


@recipes_app.command("ls")
def recipes_ls(json: Json = False) -> None:
    """List the bundled recipes."""
    from gancli.commands import recipes as body

    body.ls(json=json)


@recipes_app.command("cp")
def recipes_cp(
    name: Annotated[str, typer.Argument(help="A bundled recipe, as `gan recipes ls` names it.")],
    to: Annotated[Path | None, typer.Argument(help="Where to; the current directory if left out.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Copy a bundled recipe, to change it."""
    from gancli.commands import recipes as body

    body.cp(name, to, force=force)


@recipes_app.command("check")
def recipes_check(
    recipes: Annotated[list[str], typer.Argument(help="Recipe files or names of bundled recipes.")],
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Check recipes, and report every mistake with its line."""
    from gancli.commands import recipes as body

    body.check(recipes, overrides or [], json=json)


@recipes_app.command("schema")
def recipes_schema(
    family: Annotated[str | None, typer.Argument(help="With the options of this family.")] = None,
) -> None:
    """Print the JSON Schema of a recipe, for editors."""
    from gancli.commands import recipes as body

    body.schema(family)


@plugins_app.command("ls")
def plugins_ls(json: Json = False) -> None:
    """List plugins with their packages, families and faults."""
    from gancli.commands import plugins as body

    body.ls(json=json)


@data_app.command("ls")
def data_ls(json: Json = False) -> None:
    """List the data sources."""
    from gancli.commands import data as body

    body.ls(json=json)


@data_app.command("check")
def data_check(
    target: Annotated[str, typer.Argument(help="A folder of images, a data source, or a recipe.")],
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Count and measure images, and name every file that cannot be read."""
    from gancli.commands import data as body

    body.check(target, overrides or [], json=json)


@runs_app.command("ls")
def runs_ls(json: Json = False) -> None:
    """List runs, the most recently worked on first."""
    from gancli.commands import runs as body

    body.ls(json=json)


@runs_app.command("rm")
def runs_rm(
    names: Annotated[list[str], typer.Argument(help="Names or directories of runs.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove runs with all their checkpoints and pictures."""
    from gancli.commands import runs as body

    body.rm(names, yes=yes)
