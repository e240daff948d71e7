"""A family under test with its options and data, and the findings of checks."""

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
from gancli.plugins.source_location import SourceLocation
from gancli.recipes.options import FamilyConfig, SourceConfig, TrainConfig
from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run
from gancli.training.setup import build_training
from gancli.training.trainer import Trainer

DATA = DataSpec(channels=1, height=16, width=16, labels=("zero", "one", "two"))


@dataclass(frozen=True)
class Finding:
    """A fault of a family.

    Args:
        sentence: the fault, and how to mend it.
        place: line of the fault; None if it belongs to no line.
    """

    sentence: str
    place: SourceLocation | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence}" if self.place else self.sentence


@dataclass(frozen=True)
class FamilyFixture:
    """A family under test.

    Args:
        info: description of the family.
        model: options that make its networks small.
        data: shape and labels of the data.
    """

    info: FamilyInfo
    model: Mapping[str, Any] = field(default_factory=dict)
    data: DataSpec = DATA

    @property
    def package(self) -> str:
        """Top-level package of the family, whose lines are its author's."""
        return self.info.family.partition(":")[0].partition(".")[0]

    def config(self) -> FamilyConfig:
        config: FamilyConfig = import_class(self.info.config).model_validate_json(json.dumps(dict(self.model)))
        return config

    def make(self) -> Family[Any]:
        """Build the family with these options."""
        family: Family[Any] = import_class(self.info.family)(self.config(), self.data)
        return family

    def recipe(self, **train: Any) -> Recipe:
        """Build a recipe for `trainer`; keyword arguments are options of `train:`."""
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
        """Build a trainer on the CPU over random images that writes to `folder`."""
        run = Run(folder)
        run.begin({}, "")
        packed = synthetic(self.data, keys=self.info.batch)
        return Trainer(build_training(self.recipe(**train), run, packed))

    def turns(self, family: Family[Any]) -> list[Turn]:
        """All different turns of the stages that have a length, in order."""
        stages = [stage for stage in family.stages() if stage.images != 0 and stage.steps != 0]
        return list(dict.fromkeys(turn for stage in stages for turn in stage.turns))


def context(seed: int = 0) -> Context:
    """A context on the CPU with its own random stream."""
    return Context(device=torch.device("cpu"), generator=torch.Generator().manual_seed(seed))
