"""What a person means by data on the command line: a source, a folder, or a recipe."""

from __future__ import annotations

import json as jsonlib
import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gancli.cli.display.progress import progress_bar
from gancli.errors import UsageError
from gancli.evaluation.reference_data import ModelData as ModelData
from gancli.inference.model import Model
from gancli.plugins.registry import import_class, registry
from gancli.recipes.recipe import load_recipe
from gancli.runs.run import run_of

if TYPE_CHECKING:
    from gancli.recipes.options import SourceConfig


class Detection(NamedTuple):
    """What a person means.

    Args:
        config: the options that read it.
        command: what would train on it, or look for a family that does.
        recipe: whether it is a recipe's, whose family is to be trained on it.
    """

    config: SourceConfig
    command: str
    recipe: bool = False


def find_data(target: str, overrides: list[str]) -> Detection:
    """The data that a word on the command line stands for.

    Args:
        target: a folder's path, the name of a data source, or a recipe's path or name, looked up in this order: a
            source, where the name has no slash; a folder; a recipe.
        overrides: as `--set` takes them. Folders and sources are read whole unless they set `data.split`.

    Raises:
        UsageError: there is no such target, or the options are wrong.
    """
    from gancli.recipes.recipe import load_recipe

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
    return Detection(config, _command(target, overrides), recipe=True)


def _is_bundled(target: str) -> bool:
    from gancli.recipes.bundled import bundled

    return target in bundled()


def _from_values(values: dict[str, Any], overrides: list[str]) -> Detection:
    from pydantic import ValidationError

    from gancli.data.sources.config import PointsConfig
    from gancli.recipes.messages import complaints
    from gancli.recipes.overrides import Draft
    from gancli.recipes.yaml import Document, inline

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
    return Detection(config, _training(settings + overrides))


def _training(settings: list[str]) -> str:
    """Trains a bundled recipe on other data, the simplest one that takes them."""
    from gancli.recipes.bundled import FIRST, bundled
    from gancli.recipes.recipe import load_recipe

    for recipe in (FIRST, *bundled()):
        try:
            load_recipe(recipe, settings)
        except UsageError:
            continue
        return _command(recipe, settings)
    return "gan plugins ls"


def _command(recipe: str, settings: Iterable[str]) -> str:
    return shlex.join(["gan", "train", recipe, *(word for setting in settings for word in ("--set", setting))])


def data_of(path: Path, model: Model, target: str | None, overrides: Sequence[str]) -> ModelData:
    """The data to hold a model against.

    Args:
        path: the run or checkpoint directory that the model comes from.
        model: gives the shape.
        target: as `gan data check` takes it; None: what the run was trained on.
        overrides: as `--set` takes them.

    Raises:
        UsageError: there is no such data, the options are wrong, or the run does not say what it was trained on.
    """
    recipe = run_of(path).recipe
    own = load_recipe(str(recipe)).data if recipe.is_file() else None
    if target is not None:
        config = find_data(target, list(overrides))[0]
    elif own is not None:
        config = load_recipe(str(recipe), overrides).data
    else:
        raise UsageError(f"{path} has no recipe that would say what it was trained on; name the data with --data")
    stage = model.nets.stage
    return ModelData(
        config,
        model.family.data,
        resolution=stage.resolution if stage else None,
        trained_on=f"{own.source} {own.split}" if own else None,
        # A folder or a source that is named is meant as a whole, where no split of it is asked for.
        split=config.split if target is not None and "split" in config.model_fields_set else "test",
        reading=progress_bar,
    )
