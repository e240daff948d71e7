"""The conformance suite that every family's tests inherit, and the way to train a family in a test.

    from gancli.testing import FamilyContract

    class TestMine(FamilyContract):
        family = "mine"
        model = {"channels": 8}

Every test states a promise of `gancli.family`; a family that passes trains, resumes and samples like the built-in ones.
"""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.data.synthetic import BATCH_SIZE as BATCH_SIZE
from gancli.data.synthetic import batch as batch
from gancli.data.synthetic import synthetic as synthetic
from gancli.engine import history
from gancli.engine.cast import Cast
from gancli.engine.checkpoint import load
from gancli.engine.plan import make_plan
from gancli.engine.trainer import Trainer
from gancli.family import DataSpec, Family, Turn
from gancli.hookspecs import FamilyInfo
from gancli.plugins import import_class, registry
from gancli.recipe import FamilyConfig, Recipe, SourceConfig, TrainConfig
from gancli.run import Run
from gancli.task_contract import TaskContract
from gancli.task_contract import context as context

FORBIDDEN_CALLS = frozenset({"backward", "step", "item", "tolist", "cpu", "numpy", "print", "zero_grad"})
"""What only the engine does. Each would wait for the device, or repeat the mechanism of every other family."""


class FamilyContract(TaskContract):
    """The promises of a family, as tests.

    Attributes:
        family: its name.
        model: options that make its networks small.
        data: the shape of the images, and the labels, to test with.
    """

    family: ClassVar[str]
    model: ClassVar[Mapping[str, Any]] = {}
    data: ClassVar[DataSpec] = DataSpec(channels=1, height=16, width=16, labels=("zero", "one", "two"))

    @pytest.fixture(autouse=True)
    def figures_of_points_stay_blank(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What they show is observed all the same; drawing it is not the family's, and takes longer than training."""
        monkeypatch.setattr(history, "draw", lambda *_: np.zeros((1, 1, 3), dtype=np.uint8))

    @property
    def info(self) -> FamilyInfo:
        return registry().family(self.family)

    def config(self) -> FamilyConfig:
        config: FamilyConfig = import_class(self.info.config).model_validate_json(json.dumps(dict(self.model)))
        return config

    def make(self) -> Family[Any]:
        """The family, with small networks."""
        family: Family[Any] = import_class(self.info.family)(self.config(), self.data)
        return family

    def recipe(self, **train: Any) -> Recipe:
        """A recipe for `trainer`; the keyword arguments are options of `train:`."""
        options: dict[str, Any] = {"images": 12 * BATCH_SIZE, "batch_size": BATCH_SIZE, "log_every": 2 * BATCH_SIZE}
        return Recipe(
            name=self.family,
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

    def test_description_needs_no_torch(self) -> None:
        """A listing and a recipe's check must not wait for torch."""
        program = (
            "import sys\n"
            "from gancli.plugins import import_class, registry\n"
            f"import_class(registry().family({self.family!r}).config)\n"
            "sys.exit('torch' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

    def test_options_are_described_and_closed(self) -> None:
        fields = type(self.config()).model_fields
        assert not [name for name, field in fields.items() if not field.description]
        assert type(self.config()).model_config.get("extra") == "forbid"

    def test_every_network_has_one_owner_at_most(self) -> None:
        family = self.make()
        assert Cast(family.build(), family.players()).actors

    def test_losses_only_compute(self) -> None:
        """No loss does the engine's work."""
        tree = ast.parse(inspect.getsource(sys.modules[type(self.make()).__module__]))
        calls = {_called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not calls & FORBIDDEN_CALLS

    def test_losses_are_named_finite_scalars(self) -> None:
        for turn, terms in self._play():
            assert terms, f"the loss of {turn.player} returns no term"
            for name, term in terms.items():
                assert isinstance(name, str)
                assert term.shape == (), f"{turn.player}/{name} has shape {tuple(term.shape)}, not ()"
                assert torch.isfinite(term), f"{turn.player}/{name} is not finite"

    def test_losses_keep_no_tensor(self) -> None:
        family = self.make()
        list(self._play(family))
        assert not [name for name, value in vars(family).items() if isinstance(value, Tensor)]

    def test_a_turn_changes_its_player_alone(self) -> None:
        family = self.make()
        modules = family.build()
        cast, shared = Cast(modules, family.players()), context()
        for turn in _turns(family, self.recipe()):
            before = {name: parameter.clone() for name, parameter in _parameters(modules)}
            actor = cast.turn(turn.player)
            terms = turn.loss(cast.nets, batch(self.info, self.data), shared)
            torch.autograd.backward(list(terms.values()))
            graded = {name for name, parameter in _parameters(modules) if parameter.grad is not None}
            assert graded, f"no gradient reaches {turn.player}"
            assert graded <= set(actor.named_parameters)
            assert all(torch.equal(parameter, before[name]) for name, parameter in _parameters(modules))

    def test_training_is_deterministic_and_resumes_exactly(self, tmp_path: Path) -> None:
        whole = self.trainer(tmp_path / "whole")
        whole.train()
        half = self.trainer(tmp_path / "half", images=5 * BATCH_SIZE, checkpoint_every=BATCH_SIZE)
        half.train()
        rest = self.trainer(tmp_path / "half")
        rest.resume()
        rest.train()
        expected = load(tmp_path / "whole" / "checkpoints" / str(whole.position.images))
        resumed = load(tmp_path / "half" / "checkpoints" / str(rest.position.images))
        assert expected.state["random"] == resumed.state["random"]
        for file, tensors in expected.tensors.items():
            for name, tensor in tensors.items():
                assert torch.equal(tensor, resumed.tensors[file][name]), f"{file}: {name}"

    def test_trains_in_bf16_with_accumulation(self, tmp_path: Path) -> None:
        trainer = self.trainer(tmp_path / "run", precision="bf16", accumulate=2, images=3 * BATCH_SIZE)
        trainer.train()
        assert all(torch.isfinite(parameter).all() for _, parameter in _parameters(trainer.cast.modules))

    def _play(self, family: Family[Any] | None = None) -> list[tuple[Turn, Mapping[str, Tensor]]]:
        """Every turn's loss once, in order, over one shared context, as in a step."""
        family = family or self.make()
        cast = Cast(family.build(), family.players())
        shared, images = context(), batch(self.info, self.data)
        played = []
        for turn in _turns(family, self.recipe()):
            cast.turn(turn.player)
            played.append((turn, turn.loss(cast.nets, images, shared)))
        return played


def _turns(family: Family[Any], recipe: Recipe) -> list[Turn]:
    plan = make_plan(family.stages(), recipe.train)
    return [turn for planned in plan.stages for turn in planned.stage.turns]


def _parameters(modules: Mapping[str, torch.nn.Module]) -> list[tuple[str, torch.nn.Parameter]]:
    return [(f"{name}.{key}", value) for name, module in modules.items() for key, value in module.named_parameters()]


def _called(node: ast.Call) -> str:
    function = node.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )
