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

from gancli.conformance import description, detection, losses, ownership, tasks, training
from gancli.conformance.finding import Finding
from gancli.conformance.specimen import DATA, Specimen
from gancli.conformance.specimen import context as context
from gancli.data.synthetic import BATCH_SIZE as BATCH_SIZE
from gancli.data.synthetic import batch as batch
from gancli.data.synthetic import synthetic as synthetic
from gancli.engine import history
from gancli.engine.trainer import Trainer
from gancli.family import DataSpec, Family
from gancli.hookspecs import FamilyInfo
from gancli.plugins import registry
from gancli.recipe import FamilyConfig, Recipe

Find = Callable[[Specimen, Path], Iterator[Finding]]


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
        monkeypatch.setattr(history, "draw", lambda *_: np.zeros((1, 1, 3), dtype=np.uint8))

    @property
    def info(self) -> FamilyInfo:
        return registry().family(self.family)

    @property
    def specimen(self) -> Specimen:
        return Specimen(self.info, self.model, self.data)

    def config(self) -> FamilyConfig:
        return self.specimen.config()

    def make(self) -> Family[Any]:
        """The family, with small networks."""
        return self.specimen.make()

    def recipe(self, **train: Any) -> Recipe:
        """A recipe for `trainer`; the keyword arguments are options of `train:`."""
        return self.specimen.recipe(**train)

    def trainer(self, folder: Path, **train: Any) -> Trainer:
        """A trainer on the CPU over random images, which writes into `folder`."""
        return self.specimen.trainer(folder, **train)

    def test_description_needs_no_torch(self, tmp_path: Path) -> None:
        assert self._faults(description.needs_no_torch, tmp_path) == []

    def test_options_are_described_and_closed(self, tmp_path: Path) -> None:
        assert self._faults(description.options_are_described, tmp_path) == []

    def test_tasks_are_implemented(self, tmp_path: Path) -> None:
        assert self._faults(description.tasks_are_implemented, tmp_path) == []

    def test_every_network_has_one_owner(self, tmp_path: Path) -> None:
        assert self._faults(ownership.every_network_has_one_owner, tmp_path) == []

    def test_losses_only_compute(self, tmp_path: Path) -> None:
        assert self._faults(losses.losses_only_compute, tmp_path) == []

    def test_losses_are_named_finite_scalars(self, tmp_path: Path) -> None:
        assert self._faults(losses.losses_are_named_finite_scalars, tmp_path) == []

    def test_losses_keep_no_tensor(self, tmp_path: Path) -> None:
        assert self._faults(losses.losses_keep_no_tensor, tmp_path) == []

    def test_losses_read_what_is_declared(self, tmp_path: Path) -> None:
        assert self._faults(losses.losses_read_what_is_declared, tmp_path) == []

    def test_a_turn_changes_its_player_alone(self, tmp_path: Path) -> None:
        assert self._faults(losses.a_turn_changes_its_player_alone, tmp_path) == []

    def test_samples(self, tmp_path: Path) -> None:
        assert self._faults(tasks.samples, tmp_path, task="sample") == []

    def test_translates(self, tmp_path: Path) -> None:
        assert self._faults(tasks.translates, tmp_path, task="translate") == []

    def test_upscales(self, tmp_path: Path) -> None:
        assert self._faults(tasks.upscales, tmp_path, task="upscale") == []

    def test_detects(self, tmp_path: Path) -> None:
        assert self._faults(detection.detects, tmp_path, task="detect") == []

    def test_training_is_deterministic_and_resumes_exactly(self, tmp_path: Path) -> None:
        assert self._faults(training.training_resumes_exactly, tmp_path) == []

    def test_trains_in_bf16_with_accumulation(self, tmp_path: Path) -> None:
        assert self._faults(training.trains_in_bf16_with_accumulation, tmp_path) == []

    def _faults(self, find: Find, folder: Path, *, task: str | None = None) -> list[str]:
        """What is wrong, each with its file and line."""
        if task is not None and task not in self.info.tasks:
            pytest.skip(f"{self.family} does not {task}")
        return [str(found) for found in find(self.specimen, folder)]
