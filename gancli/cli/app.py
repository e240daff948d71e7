"""The program `gan`: the commands in the order of the help page, and the exit codes of errors."""

from __future__ import annotations

import errno
import gc
import os
import sys
from pkgutil import resolve_name
from typing import Annotated, get_type_hints

import typer

import gancli
from gancli.cli.convert import convert
from gancli.cli.data import data_app
from gancli.cli.demo import demo
from gancli.cli.doctor import doctor
from gancli.cli.eval import evaluate
from gancli.cli.export import export
from gancli.cli.inspect import inspect
from gancli.cli.plugins import plugins_app
from gancli.cli.recipes import recipes_app
from gancli.cli.report import report
from gancli.cli.runs import runs_app
from gancli.cli.train import train
from gancli.errors import DiskError, GanError, UsageError, is_out_of_memory
from gancli.family.tasks import TASKS
from gancli.io.streams import tolerant_output
from gancli.io.text import error_line, visible_output
from gancli.runtime.threads import limit_spinning
from gancli.training.signals import aborted_by_signals

EPILOG = (
    "Exit codes: 0 success, 2 invalid usage or recipe, 65 unreadable data or checkpoint, 70 training became non-finite "
    "or collapsed, 74 disk full, 75 interrupted after saving (continue with --resume), 130 aborted."
)

ABORTED = 130

app = typer.Typer(
    name="gan",
    help="Train and use generative adversarial networks.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

task_commands = [resolve_name(name) for task in TASKS.values() for name in task.commands]
for command in (train, *task_commands, convert, export):
    app.command()(command)
app.command("eval")(evaluate)
for command in (inspect, report, demo, doctor):
    app.command()(command)
groups = (recipes_app, plugins_app, data_app, runs_app)
for group in groups:
    app.add_typer(group)

# Typer evaluates the annotations of a function four times. As strings, they would take most of the time of `--help`.
for registered in (*app.registered_commands, *(entry for group in groups for entry in group.registered_commands)):
    if registered.callback:
        registered.callback.__annotations__ = get_type_hints(registered.callback, include_extras=True)


RESULT_IN_OUTPUT = ("ls", "check", "schema", "doctor", "--version", "--help", "--json", "/dev/stdout")
"""Words of commands whose result is what they print. The results of the other commands are files."""


def main() -> None:
    """Run a command. Print an error as one sentence on standard error and exit with its code.

    A standard output that fails does not stop a command. The exit code is 74 only if what was lost was the result.
    """
    limit_spinning()
    with tolerant_output() as (output, _), visible_output(), aborted_by_signals():
        try:
            _run()
        except SystemExit as end:
            output.flush()
            if end.code or output.error is None or output.error.errno == errno.EPIPE:
                raise
        _say_what_was_lost(output.error)


def _say_what_was_lost(error: OSError | None) -> None:
    message = f"standard output cannot be written ({error.strerror if error else 'unknown error'})"
    if any(word in RESULT_IN_OUTPUT for word in sys.argv[1:]):
        _fail(f"{message}; send it to another place", DiskError.exit_code)
    print(f"{message}: messages are lost, but all files are complete", file=sys.stderr)


def _run() -> None:
    try:
        app()
    except GanError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != ABORTED:  # Typer turns KeyboardInterrupt into an exit
            raise
        _fail("aborted", ABORTED)
    except Exception as error:
        if os.environ.get("GANCLI_DEBUG"):
            raise
        if is_out_of_memory(error):
            _fail(f"the memory is not enough for this; {_lower()}", UsageError.exit_code)
        _fail(f"internal error: {error_line(error)}; set GANCLI_DEBUG=1, run it again and report the traceback", 1)


LOWER = ("--count", "--frames", "--samples", "--tile")
"""Options that take less memory if they are lower, in commands that have them."""

LOWER_IN_TRAINING = "lower train.batch_size, raise train.accumulate, or lower the sizes in model: or data.resolution"


def _lower() -> str:
    name = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    if name == "train":
        return LOWER_IN_TRAINING
    command = getattr(typer.main.get_command(app), "commands", {}).get(name)
    options = {option for parameter in getattr(command, "params", ()) for option in parameter.opts}
    return next((f"lower {option}" for option in LOWER if option in options), "use smaller images")


def _fail(message: str, code: int) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def _print_version(value: bool) -> None:
    if value:
        print(f"gan {gancli.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Train and use generative adversarial networks."""
    if not gc.isenabled():  # `gancli.__main__` disables it while modules are imported
        gc.freeze()
        gc.enable()
