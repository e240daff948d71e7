"""What a person means by data on the command line: a source, a folder, or a recipe."""

from __future__ import annotations

import json as jsonlib
import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gancli.errors import UsageError
from gancli.plugins import import_class, registry

if TYPE_CHECKING:
    from gancli.recipe import SourceConfig


class Found(NamedTuple):
    """What a person means.

    Args:
        config: the options that read it.
        command: what would train on it, or look for a family that does.
        recipe: whether it is a recipe's, whose family is to be trained on it.
    """

    config: SourceConfig
    command: str
    recipe: bool = False


def find_data(target: str, overrides: list[str]) -> Found:
    """The data that a word on the command line stands for.

    Args:
        target: a folder's path, the name of a data source, or a recipe's path or name, looked up in this order: a
            source, where the name has no slash; a folder; a recipe.
        overrides: as `--set` takes them. Folders and sources are read whole unless they set `data.split`.

    Raises:
        UsageError: there is no such target, or the options are wrong.
    """
    from gancli.recipe import load_recipe

    is_path = os.sep in target or target.startswith((".", "~"))
    is_recipe = target.endswith((".yaml", ".yml"))
    if not is_path and target in registry().datasets():
        return _from_values({"source": target, "split": "all"}, overrides)
    folder = Path(target).expanduser()
    if folder.is_dir() or (is_path and not is_recipe and not folder.exists() and not _is_bundled(target)):
        return _from_values({"source": "folder", "root": str(folder), "split": "all"}, overrides)
    try:
        config = load_recipe(target, overrides).data
    except UsageError as error:
        if folder.exists() or is_recipe or _is_bundled(target):
            raise
        raise UsageError(f"{target!r} is neither a data source, nor a folder, nor a recipe: {error}") from None
    return Found(config, _command(target, overrides), recipe=True)


def _is_bundled(target: str) -> bool:
    from gancli.bundled import bundled

    return target in bundled()


def _from_values(values: dict[str, Any], overrides: list[str]) -> Found:
    from pydantic import ValidationError

    from gancli.data.config import PointsConfig
    from gancli.recipe_draft import Draft
    from gancli.recipe_errors import complaints
    from gancli.strict_yaml import Document, inline

    draft = Draft(Document("data", {"data": dict(values)}), overrides)
    draft.finish()
    given = draft.sections["data"]
    model: type[SourceConfig] = import_class(registry().dataset(given["source"]).config)
    try:
        config = model.model_validate_json(jsonlib.dumps(given))
    except ValidationError as error:
        raise UsageError("; ".join(c.sentence for c in complaints(error, model, "data", given, {}))) from None
    settings = [f"data.{key}={inline(value)}" for key, value in values.items() if key != "split"]
    if isinstance(config, PointsConfig):
        settings.append("data.resolution=null")  # which the recipe sets, and points have none
    return Found(config, _training(settings + overrides))


def _training(settings: list[str]) -> str:
    """Trains a bundled recipe on other data, the simplest one that takes them."""
    from gancli.bundled import FIRST, bundled
    from gancli.recipe import load_recipe

    for recipe in (FIRST, *bundled()):
        try:
            load_recipe(recipe, settings)
        except UsageError:
            continue
        return _command(recipe, settings)
    return "gan plugins ls"


def _command(recipe: str, settings: Iterable[str]) -> str:
    return shlex.join(["gan", "train", recipe, *(word for setting in settings for word in ("--set", setting))])
