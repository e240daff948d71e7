"""`gan recipes`: list and copy bundled recipes, check recipes, print their JSON Schema."""

from __future__ import annotations

import json as jsonlib
import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from gancli.cli.options import Json, Set
from gancli.errors import DiskError, UsageError
from gancli.io.files import create_exclusively, write_atomically

recipes_app = typer.Typer(name="recipes", help="Recipes: list, copy, check.", no_args_is_help=True)


@recipes_app.command()
def ls(json: Json = False) -> None:
    """List the bundled recipes."""
    from dataclasses import asdict

    from gancli.recipes.bundled import summaries

    recipes = summaries()
    if json:
        print(jsonlib.dumps([asdict(recipe) for recipe in recipes]))
        return
    rows = [
        ("recipe", "family", "data", "about"),
        *((recipe.name, recipe.family, recipe.source, recipe.about) for recipe in recipes),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip())
    if recipes:
        print(f"next: gan train {recipes[0].name}")


@recipes_app.command()
def cp(
    name: Annotated[str, typer.Argument(help="Bundled recipe, as `gan recipes ls` lists it.")],
    to: Annotated[Path | None, typer.Argument(help="File or directory (default: the current directory).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Copy a bundled recipe, with its comments, to change it."""
    from gancli.recipes.bundled import bundled, unknown_recipe

    source = bundled().get(name.removesuffix(".yaml"))
    if source is None:
        raise UsageError(unknown_recipe(name))
    target = to or Path()
    if target.is_dir():
        target /= source.name
    try:
        _copy(source, target, force=force)
    except FileExistsError:
        raise UsageError(f"{target} already exists; choose another name, or overwrite it with --force") from None
    except OSError as error:
        raise DiskError(f"{target} cannot be written: {error.strerror}") from None
    print(f"copied to {target}\nnext: gan train {shlex.quote(str(target))}")


def _copy(source: Path, target: Path, *, force: bool) -> None:
    """Copy a file; a file that is not a regular one is never replaced.

    Raises:
        FileExistsError: the target exists.
        UsageError: the target is a link or a device.
    """
    if force and os.path.lexists(target):
        if target.is_symlink() or not target.is_file():
            raise UsageError(f"{target} is not a regular file, and --force replaces nothing else; choose another name")
        write_atomically(target, source.read_bytes())
        return
    with create_exclusively(target) as file:
        file.write(source.read_bytes())


@recipes_app.command()
def check(
    recipes: Annotated[list[str], typer.Argument(help="Recipe files or names of bundled recipes.")],
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Check recipes and report every mistake with its line."""
    from gancli.recipes.recipe import load_recipe

    results: list[dict[str, object]] = []
    mistakes: list[str] = []
    for target in recipes:
        try:
            recipe = load_recipe(target, overrides or [])
        except UsageError as error:
            mistakes.append(str(error))
            results.append({"recipe": target, "ok": False, "errors": str(error).splitlines()})
            continue
        results.append({"recipe": target, "ok": True, "family": recipe.info.name, "source": recipe.data.source})
        if not json:
            print(f"ok {target}")
    if json:
        print(jsonlib.dumps(results))
    if mistakes:
        raise UsageError("\n".join(mistakes))


@recipes_app.command()
def schema(
    family: Annotated[str | None, typer.Argument(help="Family whose options to include (default: all).")] = None,
) -> None:
    """Print the JSON Schema of recipes, for editors."""
    from gancli.recipes import json_schema

    print(jsonlib.dumps(json_schema.schema(family), indent=2))
