"""The conformance suite that every family's tests inherit, and the way to train a family in a test.

    from gancli.testing import FamilyContract

    class TestMine(FamilyContract):
        family = "mine"
        model = {"channels": 8}

Every test states a promise of `gancli.family`; a family that passes trains, resumes and samples like the built-in ones.
The checks themselves are those of `gan plugins check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from gancli.data.sources.synthetic import BATCH_SIZE as BATCH_SIZE
from gancli.data.sources.synthetic import batch as batch
from gancli.data.sources.synthetic import synthetic as synthetic
from gancli.data.spec import DataSpec
from gancli.family.contract import Family
from gancli.figures import toy_distribution
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import registry
from gancli.recipes.options import FamilyConfig
from gancli.recipes.recipe import Recipe
from gancli.testing import check_declarations, check_losses, check_tasks, check_training
from gancli.testing.finding import Finding
from gancli.testing.fixture import DATA, FamilyFixture
from gancli.testing.fixture import context as context
from gancli.training.trainer import Trainer

Find = Callable[[FamilyFixture, Path], Iterator[Finding]]


class FamilyContract:
    """The promises of a family, as tests.

    Attributes:
        family: its name.
        model: options that make its networks small.
        data: the shape of the images, and the labels, to test with.
    """

    family: ClassVar[str]
    model: ClassVar[Mapping[str, Any]] = {}
    data: ClassVar[DataSpec] = DATA

    @pytest.fixture(autouse=True)
    def figures_of_points_stay_blank(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What they show is observed all the same; drawing it is not the family's, and takes longer than training."""
        monkeypatch.setattr(toy_distribution, "draw", lambda *_: np.zeros((1, 1, 3), dtype=np.uint8))

    @property
    def info(self) -> FamilyInfo:
        return registry().family(self.family)

    @property
    def fixture(self) -> FamilyFixture:
        return FamilyFixture(self.info, self.model, self.data)

    def config(self) -> FamilyConfig:
        return self.fixture.config()

    def make(self) -> Family[Any]:
        """The family, with small networks."""
        return self.fixture.make()

    def recipe(self, **train: Any) -> Recipe:
        """A recipe for `trainer`; the keyword arguments are options of `train:`."""
        return self.fixture.recipe(**train)

    def trainer(self, folder: Path, **train: Any) -> Trainer:
        """A trainer on the CPU over random images, which writes into `folder`."""
        return self.fixture.trainer(folder, **train)

    def test_description_needs_no_torch(self, tmp_path: Path) -> None:
        assert self._faults(check_declarations.needs_no_torch, tmp_path) == []

    def test_options_are_described_and_closed(self, tmp_path: Path) -> None:
        assert self._faults(check_declarations.options_are_described, tmp_path) == []

    def test_tasks_are_implemented(self, tmp_path: Path) -> None:
        assert self._faults(check_declarations.tasks_are_implemented, tmp_path) == []

    def test_every_network_has_one_owner(self, tmp_path: Path) -> None:
        assert self._faults(check_declarations.every_network_has_one_owner, tmp_path) == []

    def test_losses_only_compute(self, tmp_path: Path) -> None:
        assert self._faults(check_losses.losses_only_compute, tmp_path) == []

    def test_losses_are_named_finite_scalars(self, tmp_path: Path) -> None:
        assert self._faults(check_losses.losses_are_named_finite_scalars, tmp_path) == []

    def test_losses_keep_no_tensor(self, tmp_path: Path) -> None:
        assert self._faults(check_losses.losses_keep_no_tensor, tmp_path) == []

    def test_losses_read_what_is_declared(self, tmp_path: Path) -> None:
        assert self._faults(check_losses.losses_read_what_is_declared, tmp_path) == []

    def test_a_turn_changes_its_player_alone(self, tmp_path: Path) -> None:
        assert self._faults(check_losses.a_turn_changes_its_player_alone, tmp_path) == []

    def test_samples(self, tmp_path: Path) -> None:
        assert self._faults(check_tasks.samples, tmp_path, task="sample") == []

    def test_translates(self, tmp_path: Path) -> None:
        assert self._faults(check_tasks.translates, tmp_path, task="translate") == []

    def test_upscales(self, tmp_path: Path) -> None:
        assert self._faults(check_tasks.upscales, tmp_path, task="upscale") == []

    def test_detects(self, tmp_path: Path) -> None:
        assert self._faults(check_tasks.detects, tmp_path, task="detect") == []

    def test_training_is_deterministic_and_resumes_exactly(self, tmp_path: Path) -> None:
        assert self._faults(check_training.training_resumes_exactly, tmp_path) == []

    def test_trains_in_bf16_with_accumulation(self, tmp_path: Path) -> None:
        assert self._faults(check_training.trains_in_bf16_with_accumulation, tmp_path) == []

    def _faults(self, find: Find, folder: Path, *, task: str | None = None) -> list[str]:
        """What is wrong, each with its file and line."""
        if task is not None and task not in self.info.tasks:
            pytest.skip(f"{self.family} does not {task}")
        return [str(found) for found in find(self.fixture, folder)]
