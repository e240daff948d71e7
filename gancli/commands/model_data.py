"""The data that a trained model is held against: as `--data` names it, or else what its run was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gancli.commands.data_target import find_data
from gancli.commands.display import reading
from gancli.engine.model import Model
from gancli.engine.model_data import ModelData as ModelData
from gancli.errors import UsageError
from gancli.recipe import load_recipe
from gancli.run import run_of


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
        reading=reading,
    )
