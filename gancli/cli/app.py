"""The program `gan`: its commands in the order of the help page, and how it ends."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import gancli
from gancli.errors import GanError
from gancli.runtime.threads import limit_spinning
from gancli.signatures import converting, drawing, judging, listings, searching, training, transforming

EPILOG = (
    "Exit codes: 0 done, 2 wrong usage or recipe, 65 unreadable data or checkpoint, 70 training became non-finite "
    "or collapsed, 74 disk full, 75 interrupted and saved (--resume goes on), 130 aborted."
)

app = typer.Typer(
    name="gan",
    help="Train and use generative adversarial networks.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.command()(training.train)

app.command()(drawing.sample)

app.command()(drawing.interpolate)

app.command()(drawing.arithmetic)

app.command()(transforming.translate)

app.command()(transforming.upscale)

app.command()(searching.detect)

app.command()(searching.project)

app.command()(converting.convert)

app.command()(converting.export)

app.command("eval")(judging.evaluate)

app.command()(judging.inspect)

app.command()(judging.report)

app.command()(training.demo)

app.command()(listings.doctor)

for group in (listings.recipes_app, listings.plugins_app, listings.data_app, listings.runs_app):
    app.add_typer(group)


def main() -> None:
    """The entry point of the `gan` program: runs a command, and turns an error into a sentence and an exit code."""
    limit_spinning()
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
