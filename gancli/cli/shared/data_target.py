"""Data that is named on the command line: a source, a folder or a recipe, or else the data of a run."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gancli.errors import UsageError
from gancli.plugins.registry import import_class, registry
from gancli.recipes.recipe import load_recipe
from gancli.runs.run import run_of

if TYPE_CHECKING:
    from gancli.evaluation.reference_data import ReferenceData
    from gancli.inference.model import Model
    from gancli.recipes.options import SourceConfig


class DataTarget(NamedTuple):
    """Data that is named on the command line.

    Args:
        config: options of the data source.
        command: command that trains on the data, or lists families that can.
        recipe: True for the data of a recipe.
    """

    config: SourceConfig
    command: str
    recipe: bool = False


def find_data(target: str, overrides: list[str]) -> DataTarget:
    """Find the data that a word on the command line names.

    Args:
        target: a data source, if the word has no slash; else a folder; else a path or name of a recipe.
        overrides: values of --set. Folders and sources are read completely, unless `data.split` is set.

    Raises:
        UsageError: there is no such target, or the options are wrong.
    """
    is_path = os.sep in target or target.startswith((".", "~"))
    is_recipe = target.endswith((".yaml", ".yml"))
    if not is_path and any(target in info.names for info in registry().datasets().values()):
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
    return DataTarget(config, _train_command(target, overrides), recipe=True)


def _is_bundled(target: str) -> bool:
    from gancli.recipes.bundled import bundled

    return target in bundled()


def _from_values(values: dict[str, Any], overrides: list[str]) -> DataTarget:
    from pydantic import ValidationError

    from gancli.data.sources.config import PointsConfig
    from gancli.recipes.messages import problems
    from gancli.recipes.overrides import Draft
    from gancli.recipes.yaml import Document, inline

    draft = Draft(Document("data", {"data": dict(values)}), overrides)
    draft.raise_errors()
    options = draft.sections["data"]
    model: type[SourceConfig] = import_class(registry().dataset(options["source"]).config)
    try:
        config = model.model_validate_json(json.dumps(options))
    except ValidationError as error:
        raise UsageError(
            "; ".join(problem.message for problem in problems(error, model, "data", options, {}))
        ) from None
    settings = [f"data.{key}={inline(value)}" for key, value in values.items() if key != "split"]
    if isinstance(config, PointsConfig):
        settings.append("data.resolution=null")  # recipes set a resolution, and points have none
    return DataTarget(config, _find_train_command(settings + overrides))


def _find_train_command(settings: list[str]) -> str:
    """Return the command that trains the first bundled recipe that accepts the data."""
    from gancli.recipes.bundled import FIRST, bundled

    for recipe in (FIRST, *bundled()):
        try:
            load_recipe(recipe, settings)
        except UsageError:
            continue
        return _train_command(recipe, settings)
    return "gan plugins ls"


def _train_command(recipe: str, settings: Iterable[str]) -> str:
    return shlex.join(["gan", "train", recipe, *(word for setting in settings for word in ("--set", setting))])


def reference_data_of(path: Path, model: Model, target: str | None, overrides: Sequence[str]) -> ReferenceData:
    """Return the reference data of a model, in the shape of the model.

    Args:
        path: run or checkpoint directory of the model.
        model: model that defines the shape.
        target: data, as `gan data check` takes it (default: the data that the run was trained on).
        overrides: values of --set.

    Raises:
        UsageError: there is no such data, the options are wrong, or the run has no recipe and no target is given.
    """
    from gancli.cli.display.progress import progress_bar
    from gancli.evaluation.reference_data import ReferenceData

    run = run_of(path)
    own = load_recipe(str(run.recipe)).data if run.has_recipe() else None
    if target is not None:
        config = find_data(target, list(overrides)).config
    elif own is not None:
        config = load_recipe(str(run.recipe), overrides).data if overrides else own
    else:
        raise UsageError(f"{path} has no recipe that defines its training data; name the data with --data")
    stage = model.nets.stage
    return ReferenceData(
        config,
        model.family.data,
        resolution=stage.resolution if stage else None,
        trained_on=f"{own.source} {own.split}" if own else None,
        # A folder or a source is read completely, unless a split is set.
        split=config.split if target is not None and "split" in config.model_fields_set else "test",
        open_progress=progress_bar,
    )
