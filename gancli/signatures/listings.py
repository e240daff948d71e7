"""What there is: recipes, plugins, data, runs, and what this machine offers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gancli.cli.options import Json, Set

recipes_app = typer.Typer(name="recipes", help="Recipes: list, copy, check.", no_args_is_help=True)

plugins_app = typer.Typer(name="plugins", help="Plugins: list, begin one of your own, check.", no_args_is_help=True)

data_app = typer.Typer(name="data", help="Data sources: list, check.", no_args_is_help=True)

runs_app = typer.Typer(name="runs", help="Runs under runs/: list, remove.", no_args_is_help=True)


def doctor(json: Json = False) -> None:
    """Say what this machine offers, and what is wrong with the installation."""
    from gancli.cli import doctor as body

    body.doctor(json=json)


@recipes_app.command("ls")
def recipes_ls(json: Json = False) -> None:
    """List the bundled recipes."""
    from gancli.cli import recipes as body

    body.ls(json=json)


@recipes_app.command("cp")
def recipes_cp(
    name: Annotated[str, typer.Argument(help="A bundled recipe, as `gan recipes ls` names it.")],
    to: Annotated[Path | None, typer.Argument(help="Where to; the current directory if left out.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Copy a bundled recipe, to change it."""
    from gancli.cli import recipes as body

    body.cp(name, to, force=force)


@recipes_app.command("check")
def recipes_check(
    recipes: Annotated[list[str], typer.Argument(help="Recipe files or names of bundled recipes.")],
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Check recipes, and report every mistake with its line."""
    from gancli.cli import recipes as body

    body.check(recipes, overrides or [], json=json)


@recipes_app.command("schema")
def recipes_schema(
    family: Annotated[str | None, typer.Argument(help="With the options of this family.")] = None,
) -> None:
    """Print the JSON Schema of a recipe, for editors."""
    from gancli.cli import recipes as body

    body.schema(family)


@plugins_app.command("ls")
def plugins_ls(json: Json = False) -> None:
    """List plugins with their packages, families and faults."""
    from gancli.cli import plugins as body

    body.ls(json=json)


@plugins_app.command("new")
def plugins_new(
    name: Annotated[str, typer.Argument(help="Of the family: lower case, words joined by hyphens.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to put the folder gancli-NAME; the current directory if left out.")
    ] = None,
) -> None:
    """Begin a family of your own: a distribution that installs, passes its tests and trains as it is."""
    from gancli.cli import plugin_new as body

    body.new(name, out=out)


@plugins_app.command("check")
def plugins_check(
    package: Annotated[str, typer.Argument(help="An installed package, its folder, or one of its families.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="What to check with: --set model.channels=8, data.channels, data.resolution. Small is quick.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Hold the families of a plugin to the contract, and name what is wrong with file and line."""
    from gancli.cli import plugin_check as body

    body.check(package, overrides or [], json=json)


@data_app.command("ls")
def data_ls(json: Json = False) -> None:
    """List the data sources."""
    from gancli.cli import data as body

    body.ls(json=json)


@data_app.command("check")
def data_check(
    target: Annotated[str, typer.Argument(help="A folder of images, a data source, or a recipe.")],
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Count and measure images, and name every file that cannot be read."""
    from gancli.cli import data as body

    body.check(target, overrides or [], json=json)


@runs_app.command("ls")
def runs_ls(json: Json = False) -> None:
    """List runs, the most recently worked on first."""
    from gancli.cli import runs as body

    body.ls(json=json)


@runs_app.command("rm")
def runs_rm(
    names: Annotated[list[str], typer.Argument(help="Names or directories of runs.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove runs with all their checkpoints and pictures."""
    from gancli.cli import runs as body

    body.rm(names, yes=yes)
