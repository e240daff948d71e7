"""Building a training run: family, networks, players, data loader, previews and validation of one recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from gancli.data.dataset import open_dataset
from gancli.data.loader import Loader
from gancli.data.resolutions import build_levels
from gancli.data.source import PackedDataset
from gancli.family.contract import Family
from gancli.io.types import Progress
from gancli.plugins.registry import import_class
from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run
from gancli.runtime import memory
from gancli.runtime.device import (
    choose_memory_format,
    choose_precision,
    keep_freed_memory,
    make_deterministic,
    use_fast_matmul,
)
from gancli.runtime.network_size import check_trainable
from gancli.runtime.random import make_generator, seed_everything
from gancli.training.players import Players
from gancli.training.preview import Previews
from gancli.training.stages import Plan, apply_overrides, check_micro_batches, make_plan
from gancli.training.validation import Validator


@dataclass(frozen=True, kw_only=True)
class TrainingSetup:
    """The parts of a training run before its first step.

    Args:
        recipe: validated recipe.
        run: run directory to write to.
        dataset: training data.
        device: device of the networks.
        family: the recipe's family.
        plan: stages on the clock of images.
        players: networks with their optimizers and averages.
        dtype: dtype of mixed precision; float32 for none.
        memory_formats: memory format of each network, by name.
        fast_matmul: True if the CPU uses oneDNN's float32 matrix products.
        loader: training batches.
        generator: random stream of the losses.
        previews: sample sheets drawn during training.
        validator: metrics and collapse detection during training.
    """

    recipe: Recipe
    run: Run
    dataset: PackedDataset
    device: torch.device
    family: Family[Any]
    plan: Plan
    players: Players
    dtype: torch.dtype
    memory_formats: Mapping[str, torch.memory_format]
    fast_matmul: bool
    loader: Loader
    generator: torch.Generator
    previews: Previews
    validator: Validator


def build_training(
    recipe: Recipe,
    run: Run,
    dataset: PackedDataset | None = None,
    *,
    device: torch.device = torch.device("cpu"),  # noqa: B008
    progress: Progress | None = None,
) -> TrainingSetup:
    """Build everything that a recipe trains with. Seeds all random streams with `train.seed`.

    Args:
        recipe: validated recipe.
        run: run directory; nothing is written here.
        dataset: training data; opened as the recipe's `data:` section says, if None.
        device: device of the networks.
        progress: called while the data are reduced to the resolutions of the stages.

    Raises:
        UsageError: the recipe does not fit the family, or a required package is not installed.
        DataError: the data cannot be read.
    """
    train = recipe.train
    if train.deterministic:
        make_deterministic()
    fast_matmul = device.type == "cpu" and use_fast_matmul()
    if device.type == "cpu":
        keep_freed_memory()
    dataset = dataset or open_dataset(recipe.data)
    seed_everything(train.seed)
    family: Family[Any] = import_class(recipe.info.family)(recipe.model, dataset.spec)
    plan = make_plan(family.stages(), train)
    largest = max((planned.batch_size for planned in plan.stages), default=0)
    memory.require(
        8 * largest * math.prod(dataset.spec.shape),  # float32, before and after a copy to the device
        f"batches of {largest:,} {dataset.spec.described}",
        "train.batch_size",
        device,
    )
    check_trainable(family.build, device, options=_large_options(recipe))
    modules = {name: module.to(device) for name, module in family.build().items()}
    check_micro_batches(plan, train, family.min_batch_size(modules), family=recipe.info.name)
    memory_formats = {
        name: choose_memory_format(train.memory_format, module, device) for name, module in modules.items()
    }
    for name, module in modules.items():
        module.to(memory_format=memory_formats[name])
    players = Players(
        modules, [apply_overrides(player, train, plan) for player in family.players()], compile=train.compile
    )
    levels = build_levels(dataset, {planned.stage.resolution for planned in plan.stages}, progress)
    return TrainingSetup(
        recipe=recipe,
        run=run,
        dataset=dataset,
        device=device,
        family=family,
        plan=plan,
        players=players,
        dtype=choose_precision(train.precision, device, modules.values()),
        memory_formats=memory_formats,
        fast_matmul=fast_matmul,
        loader=Loader(
            dataset, keys=recipe.info.batch, seed=train.seed, device=device, flip=recipe.data.flip, levels=levels
        ),
        generator=make_generator(device, train.seed),
        previews=Previews(family, recipe, run, device, dataset),
        validator=Validator(
            family, recipe, run, dataset, levels, device=device, total=plan.images, ema=players.has_ema
        ),
    )


def _large_options(recipe: Recipe) -> dict[str, int]:
    """Return the numbers of the model that are larger than their defaults, by their names in a recipe."""
    large = {}
    for name, field in type(recipe.model).model_fields.items():
        values = getattr(recipe.model, name)
        values = list(values) if isinstance(values, list | tuple) else [values]
        usual = field.default if isinstance(field.default, int) else 0
        numbers = [value for value in values if type(value) is int]
        if numbers and max(numbers) > usual:
            large[f"model.{name}"] = max(numbers)
    return large
