"""`gan recipes`: the recipes that come with the toolkit, and checks of anyone's."""

from __future__ import annotations

import json as jsons
import shlex
from dataclasses import asdict
from pathlib import Path

from gancli.errors import DiskError, UsageError
from gancli.recipes import bundled


def ls(*, json: bool = False) -> None:
    """Prints every bundled recipe with its family, data source and the first sentence of its heading."""
    found = bundled.summaries()
    if json:
        print(jsons.dumps([asdict(summary) for summary in found], ensure_ascii=False))
        return
    rows = [
        ("recipe", "family", "data", "about"),
        *((each.name, each.family, each.source, each.about) for each in found),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip())
    if found:
        print(f"next: gan train {found[0].name}")


def cp(name: str, to: Path | None = None, *, force: bool = False) -> None:
    """Copies a bundled recipe, comments included.

    Args:
        name: of the recipe.
        to: a file or a folder to copy it to; the current folder where it is left out.
        force: whether to overwrite a file that is there.

    Raises:
        UsageError: there is no such recipe, or there is a file already.
        DiskError: the copy cannot be written.
    """
    source = bundled.bundled().get(name.removesuffix(".yaml"))
    if source is None:
        raise UsageError(bundled.unknown_recipe(name))
    target = to or Path()
    if target.is_dir():
        target /= source.name
    try:
        with target.open("wb" if force else "xb") as file:
            file.write(source.read_bytes())
    except FileExistsError:
        raise UsageError(f"{target} is there already; give another name, or --force to overwrite it") from None
    except OSError as error:
        raise DiskError(f"{target} cannot be written: {error.strerror}") from None
    print(f"copied to {target}\nnext: gan train {shlex.quote(str(target))}")


def check(targets: list[str], overrides: list[str], *, json: bool = False) -> None:
    """Checks recipes and prints a line for each that is right.

    Args:
        targets: paths or names of bundled recipes.
        overrides: as `--set` takes them.
        json: print one list instead, the mistakes included.

    Raises:
        UsageError: some recipe is wrong: all mistakes of all recipes, a line each.
    """
    from gancli.recipes.recipe import load_recipe

    results: list[dict[str, object]] = []
    mistakes: list[str] = []
    for target in targets:
        try:
            recipe = load_recipe(target, overrides)
        except UsageError as error:
            mistakes.append(str(error))
            results.append({"recipe": target, "ok": False, "errors": str(error).splitlines()})
            continue
        results.append({"recipe": target, "ok": True, "family": recipe.info.name, "source": recipe.data.source})
        if not json:
            print(f"ok {target}")
    if json:
        print(jsons.dumps(results, ensure_ascii=False))
    if mistakes:
        raise UsageError("\n".join(mistakes))


def schema(family: str | None = None) -> None:
    """Prints the JSON Schema of recipes, of one family or of all.

    Raises:
        UsageError: there is no such family.
    """
    from gancli.recipes import json_schema

    print(jsons.dumps(json_schema.schema(family), indent=2, ensure_ascii=False))
