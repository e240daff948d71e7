"""A family to be checked, with the options and the data to check it with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from gancli.data.sources.synthetic import BATCH_SIZE, synthetic
from gancli.data.spec import DataSpec
from gancli.family.context import Context, Turn
from gancli.family.contract import Family
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import import_class
from gancli.recipes.options import FamilyConfig, SourceConfig, TrainConfig
from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run
from gancli.training.trainer import Trainer

DATA = DataSpec(channels=1, height=16, width=16, labels=("zero", "one", "two"))


@dataclass(frozen=True)
class FamilyFixture:
    """What the checks are made on.

    Args:
        info: the family.
        model: options that make its networks small.
        data: the shape of the images, and the labels.
    """

    info: FamilyInfo
    model: Mapping[str, Any] = field(default_factory=dict)
    data: DataSpec = DATA

    @property
    def package(self) -> str:
        """The top-level package that the family is in: whose lines are its author's."""
        return self.info.family.partition(":")[0].partition(".")[0]

    def config(self) -> FamilyConfig:
        config: FamilyConfig = import_class(self.info.config).model_validate_json(json.dumps(dict(self.model)))
        return config

    def make(self) -> Family[Any]:
        """The family, with the given options."""
        family: Family[Any] = import_class(self.info.family)(self.config(), self.data)
        return family

    def recipe(self, **train: Any) -> Recipe:
        """A recipe for `trainer`; the keyword arguments are options of `train:`."""
        options: dict[str, Any] = {"images": 12 * BATCH_SIZE, "batch_size": BATCH_SIZE, "log_every": 2 * BATCH_SIZE}
        return Recipe(
            name=self.info.name,
            info=self.info,
            model=self.config(),
            data=SourceConfig(source="synthetic"),
            train=TrainConfig(**(options | train)),
            heading=[],
        )

    def trainer(self, folder: Path, **train: Any) -> Trainer:
        """A trainer on the CPU over random images, which writes into `folder`."""
        run = Run(folder)
        run.begin({}, "")
        packed = synthetic(self.data, keys=self.info.batch)
        return Trainer(self.recipe(**train), run, packed, device=torch.device("cpu"))

    def turns(self, family: Family[Any]) -> list[Turn]:
        """Every turn of every stage that has a length, in order, each once."""
        stages = [stage for stage in family.stages() if stage.images != 0 and stage.steps != 0]
        return list(dict.fromkeys(turn for stage in stages for turn in stage.turns))


def context(seed: int = 0) -> Context:
    """A context on the CPU with a random stream of its own."""
    return Context(device=torch.device("cpu"), generator=torch.Generator().manual_seed(seed))
