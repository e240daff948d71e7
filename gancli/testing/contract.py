"""The conformance suite that the tests of every family inherit; `gan plugins check` runs it without pytest."""

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
from gancli.family.tasks import TASKS
from gancli.figures import toy_distribution
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import import_class, registry
from gancli.recipes.options import FamilyConfig
from gancli.recipes.recipe import Recipe
from gancli.testing import check_declarations, check_losses, check_training
from gancli.testing.fixture import DATA, FamilyFixture, Finding
from gancli.testing.fixture import context as context
from gancli.training.trainer import Trainer


class FamilyContract:
    """The checks of a family, as tests. A family that passes trains, resumes and performs its tasks.

        class TestMine(FamilyContract):
            family = "mine"
            model = {"channels": 8}

    Attributes:
        family: name of the family.
        model: options that make its networks small.
        data: shape and labels of the data to test with.
    """

    family: ClassVar[str]
    model: ClassVar[Mapping[str, Any]] = {}
    data: ClassVar[DataSpec] = DATA

    @pytest.fixture(autouse=True)
    def blank_toy_distribution_plots(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Plotting is not the family's code, and takes longer than training."""
        monkeypatch.setattr(toy_distribution, "plot", lambda *_: np.zeros((1, 1, 3), dtype=np.uint8))

    @property
    def info(self) -> FamilyInfo:
        return registry().family(self.family)

    @property
    def family_fixture(self) -> FamilyFixture:
        return FamilyFixture(self.info, self.model, self.data)

    def config(self) -> FamilyConfig:
        return self.family_fixture.config()

    def make(self) -> Family[Any]:
        """Build the family with small networks."""
        return self.family_fixture.make()

    def recipe(self, **train: Any) -> Recipe:
        """Build a recipe for `trainer`; keyword arguments are options of `train:`."""
        return self.family_fixture.recipe(**train)

    def trainer(self, folder: Path, **train: Any) -> Trainer:
        """Build a trainer on the CPU over random images that writes to `folder`."""
        return self.family_fixture.trainer(folder, **train)

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

    @pytest.mark.parametrize("task", list(TASKS))
    def test_task(self, tmp_path: Path, task: str) -> None:
        if task not in self.info.tasks:
            pytest.skip(f"{self.family} does not {task}")
        assert self._faults(import_class(TASKS[task].check), tmp_path) == []

    def test_training_is_deterministic_and_resumes_exactly(self, tmp_path: Path) -> None:
        assert self._faults(check_training.training_resumes_exactly, tmp_path) == []

    def test_trains_on_its_smallest_batch(self, tmp_path: Path) -> None:
        assert self._faults(check_training.trains_on_its_smallest_batch, tmp_path) == []

    def test_trains_in_bf16_with_accumulation(self, tmp_path: Path) -> None:
        assert self._faults(check_training.trains_in_bf16_with_accumulation, tmp_path) == []

    def _faults(self, check: Callable[[FamilyFixture, Path], Iterator[Finding]], folder: Path) -> list[str]:
        """Findings of a check, each with its file and line."""
        return [str(finding) for finding in check(self.family_fixture, folder)]
