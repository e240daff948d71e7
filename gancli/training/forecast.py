"""Forecast of a run's time and memory, stage by stage, from a few real steps of each; nothing is written.

Stages whose steps take too long to be measured are extrapolated from the most expensive stage that was.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils.flop_counter import flop_registry

from gancli.family.context import Context
from gancli.family.contract import Family
from gancli.family.optim import Linear
from gancli.io.types import Progress
from gancli.recipes.recipe import Recipe
from gancli.runtime import memory
from gancli.runtime.device import autocast
from gancli.runtime.private_torch import FakeTensorMode, TorchDispatchMode, tree_leaves
from gancli.runtime.random import fork_torch_rng
from gancli.training.players import Players
from gancli.training.stages import PlannedStage
from gancli.training.trainer import Trainer

BUDGET_SECONDS = 60.0
"""Time limit for measuring all stages together."""

STEPS = 50
"""Number of steps of a stage to measure, if its share of the budget allows."""

WARM_UP = 3
"""First steps, which are not typical: memory is allocated and algorithms are chosen."""

STATE_BYTES = 12
"""Bytes per parameter in use besides the parameter: its gradient and the two moments of Adam."""


@dataclass(frozen=True, kw_only=True)
class StageForecast:
    """Forecast of one stage.

    Args:
        planned: the stage.
        steps: number of steps.
        parameters: number of parameters that get a gradient.
        seconds: duration without previews and checkpoints.
        peak_memory: peak memory in bytes, as `gancli.runtime.memory` measures it.
        measured: True if time and memory were measured, False if extrapolated.
    """

    planned: PlannedStage
    steps: int
    parameters: int
    seconds: float
    peak_memory: int
    measured: bool


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """Measurements of one stage: seconds of its first steps, and of each later one."""

    first: tuple[float, ...]
    later: float
    peak: int
    parameters: int

    def seconds(self, steps: int) -> float:
        return sum(self.first[:steps]) + self.later * max(0, steps - len(self.first))


def forecast(
    trainer: Trainer, *, budget: float = BUDGET_SECONDS, progress: Progress | None = None
) -> list[StageForecast]:
    """Measure every stage of the trainer's plan that the budget allows, and always the first.

    Args:
        trainer: new trainer; it cannot be used afterwards.
        budget: seconds for all stages together; the stage being measured is finished.
        progress: called with the number of finished stages and of all stages.

    Raises:
        NumericalError: the untrained networks give non-finite values.
    """
    stages = trainer.plan.stages
    sizes = [cost_of_batches(trainer.family, planned) for planned in stages]
    lazy = find_period(trainer.family, trainer.recipe, stages[0])
    probe = _Probe(trainer)
    measured: dict[int, _Measured] = {}
    end = time.perf_counter() + budget
    for index, planned in enumerate(stages):
        period = math.lcm(lazy, *(turn.every for turn in planned.stage.turns))
        left = end - time.perf_counter()
        if not measured or _expected(index, measured, sizes) * (period + 1) <= left:
            measured[index] = probe.measure(planned, period, share=left / (len(stages) - index), left=left)
        if progress:
            progress(index + 1, len(stages))
    costs: Sequence[Cost] = sizes
    if len(measured) < len(stages):
        costs = count_costs(trainer.family, trainer.recipe, stages, trainer.setup.dtype, period=lazy) or sizes
    return [
        _measured(planned, measured[index])
        if index in measured
        else _extrapolated(index, planned, measured, costs, base=probe.base)
        for index, planned in enumerate(stages)
    ]


class _Probe:
    """Takes steps of a trainer at any stage, at a learning rate of 0 since a network that was not grown would diverge.

    Attributes:
        base: bytes in use before the first step.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._used: dict[int, int] = {}
        for state in trainer.players.states.values():
            state.player = replace(state.player, lr_schedule=Linear(first=0.0, last=0.0))
            state.optimizer.register_step_pre_hook(self._note)
        memory.reset_peak(trainer.device)
        self.base = memory.peak(trainer.device)

    def measure(self, planned: PlannedStage, period: int, *, share: float, left: float) -> _Measured:
        """Measure steps of a stage: at least one period, and at most about `STEPS` after the first steps.

        Args:
            planned: the stage.
            period: number of steps after which turns and costs repeat; only whole periods are measured.
            share: seconds after which to stop, if a step after the first ones was measured.
            left: seconds after which to stop in any case.
        """
        first = period * math.ceil(WARM_UP / period)
        most = first + period * math.ceil(STEPS / period)
        self._used.clear()
        memory.reset_peak(self._trainer.device)
        self._trainer.state.step = 0
        times: list[float] = []
        while len(times) < most and not (
            times and len(times) % period == 0 and (sum(times) > left or (sum(times) > share and len(times) > first))
        ):
            times.append(self._step(planned))
        if len(times) <= first:  # too expensive for more
            first = 0
        return _Measured(
            first=tuple(times[:first]),
            later=sum(times[first:]) / len(times[first:]),
            peak=memory.peak(self._trainer.device),
            parameters=sum(self._used.values()),
        )

    def _step(self, planned: PlannedStage) -> float:
        self._trainer.state.images = planned.start
        begun = time.perf_counter()
        self._trainer.step()
        if self._trainer.device.type != "cpu":
            torch.accelerator.synchronize(self._trainer.device)
        return time.perf_counter() - begun

    def _note(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            self._used |= {id(tensor): tensor.numel() for tensor in group["params"] if tensor.grad is not None}


def _measured(planned: PlannedStage, found: _Measured) -> StageForecast:
    return StageForecast(
        planned=planned,
        steps=_steps(planned),
        parameters=found.parameters,
        seconds=found.seconds(_steps(planned)),
        peak_memory=found.peak,
        measured=True,
    )


def _extrapolated(
    index: int, planned: PlannedStage, measured: Mapping[int, _Measured], costs: Sequence[Cost], *, base: int
) -> StageForecast:
    reference = _most_expensive(measured)
    return StageForecast(
        planned=planned,
        steps=_steps(planned),
        parameters=costs[index].parameters or measured[reference].parameters,
        seconds=_expected(index, measured, costs) * _steps(planned),
        peak_memory=_peak(costs[index], measured[reference].peak, costs[reference], base=base),
        measured=False,
    )


def _peak(cost: Cost, peak: int, reference: Cost, *, base: int) -> int:
    """Peak memory of a stage from that of a reference stage, by the difference in saved activations and parameters."""
    if cost.parameters is None or reference.parameters is None:
        return base + round((peak - base) * cost.saved / reference.saved)
    kept = STATE_BYTES * (cost.parameters - reference.parameters)
    return max(base, peak + cost.saved - reference.saved + kept)


def _expected(index: int, measured: Mapping[int, _Measured], costs: Sequence[Cost]) -> float:
    """Expected seconds of a step, from the most expensive stage that was measured."""
    reference = _most_expensive(measured)
    return measured[reference].later * costs[index].work / costs[reference].work


def _most_expensive(measured: Mapping[int, _Measured]) -> int:
    return max(measured, key=lambda index: measured[index].later)


def _steps(planned: PlannedStage) -> int:
    return math.ceil((planned.end - planned.start) / planned.images_per_step)


OPERATIONS_PER_BYTE = 10
"""Arithmetic operations in the time of writing a byte, about a CPU's ratio (on a GPU, hardly a stage is too expensive
to be measured). With it, operations other than convolutions count too: activations, normalisation, resampling.
"""

LONGEST_PERIOD = 16
"""Longest period to look for: Karras et al. (2020) regularise the discriminator every 16 steps."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Cost of one step of a stage.

    Args:
        work: arithmetic operations plus bytes written times `OPERATIONS_PER_BYTE`.
        saved: bytes saved for the backward pass by the most expensive turn; pixels of a batch if unknown.
        parameters: number of parameters that get a gradient in any turn; None if unknown.
    """

    work: float
    saved: int
    parameters: int | None


def count_costs(
    family: Family[Any], recipe: Recipe, stages: Sequence[PlannedStage], dtype: torch.dtype, *, period: int = 1
) -> list[Cost] | None:
    """Mean cost of a step of each stage, from fake tensors; None if a loss reads values of tensors.

    Args:
        family: family that declares the stages.
        recipe: recipe with the keys of a batch and the number of micro-batches.
        stages: stages of the plan.
        dtype: dtype of mixed precision, or float32.
        period: number of steps to average over.
    """
    try:
        with _empty(family) as players:
            return [
                _mean([_count(players, family, recipe, planned, dtype, step) for step in range(period)])
                for planned in stages
            ]
    except Exception:  # third-party code, on tensors that it was not written for
        return None


def find_period(family: Family[Any], recipe: Recipe, planned: PlannedStage) -> int:
    """Number of steps after which the cost of a stage repeats, such as the interval of a lazy penalty.

    1 if it does not repeat within `LONGEST_PERIOD` steps, or if a loss reads values of tensors.
    """
    try:
        with _empty(family) as players:
            first = _count(players, family, recipe, planned, torch.float32, 0)
            for step in range(1, LONGEST_PERIOD + 1):
                if _count(players, family, recipe, planned, torch.float32, step) == first:
                    return step
    except Exception:  # as above
        pass
    return 1


@contextmanager
def _empty(family: Family[Any]) -> Iterator[Players]:
    """Players over fake networks without content."""
    with fork_torch_rng(torch.device("cpu")), FakeTensorMode():
        yield Players(family.build(), [replace(player, ema=None) for player in family.players()])


def _mean(costs: Sequence[Cost]) -> Cost:
    return Cost(
        work=sum(cost.work for cost in costs) / len(costs),
        saved=max(cost.saved for cost in costs),
        parameters=max(cost.parameters or 0 for cost in costs),
    )


def cost_of_batches(family: Family[Any], planned: PlannedStage) -> Cost:
    """Cost of a step if every pixel cost the same, which overestimates networks that narrow at high resolutions."""
    height, width = _resolution(family, planned)
    pixels = planned.batch_size * height * width
    return Cost(work=float(pixels * planned.batches_per_step), saved=pixels, parameters=None)


def _count(
    players: Players, family: Family[Any], recipe: Recipe, planned: PlannedStage, dtype: torch.dtype, step: int
) -> Cost:
    device, parts = torch.device("cpu"), recipe.train.accumulate
    batch = _batch(family, recipe, planned, planned.batch_size // parts)
    context = Context(device=device, generator=torch.Generator(), step=step, stage=planned.stage)
    work, saved = 0.0, 0
    used: dict[int, int] = {}
    for turn in planned.stage.turns:
        player = players.begin_turn(turn.player)
        tally = _Tally()
        with tally, saved_tensors_hooks(tally.save, lambda tensor: tensor):
            with autocast(device, dtype):
                terms = turn.loss(players.nets, batch, context)
            sum(terms.values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
        work += tally.work * parts * turn.repeat / turn.every
        saved = max(saved, tally.saved)
        used |= {id(tensor): tensor.numel() for tensor in player.parameters if tensor.grad is not None}
    return Cost(work=work, saved=saved, parameters=sum(used.values()))


def _batch(family: Family[Any], recipe: Recipe, planned: PlannedStage, size: int) -> dict[str, Tensor]:
    height, width = _resolution(family, planned)
    data = family.data
    index = torch.zeros(size).long()
    beside = {"label": index, "attributes": torch.zeros(size, len(data.labels)), "dataset": index}
    return {
        key: beside[key] if key in beside else torch.empty(size, data.shape_of(key)[0], height, width)
        for key in recipe.info.batch
    }


def _resolution(family: Family[Any], planned: PlannedStage) -> tuple[int, int]:
    return planned.stage.resolution or (family.data.height, family.data.width)


class _Tally(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the work of all operations, including the backward pass."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.work = 0.0
        self._saved: dict[StorageWeakRef, int] = {}

    @property
    def saved(self) -> int:
        """Bytes saved for the backward pass; a tensor that several operations save counts once."""
        return sum(self._saved.values())

    def save(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self._saved[StorageWeakRef(storage)] = storage.nbytes()  # type: ignore[no-untyped-call]
        return tensor

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        counted = flop_registry.get(func.overloadpacket)
        if counted:
            self.work += counted(*args, **(kwargs or {}), out_val=out)
        written = sum(leaf.nbytes for leaf in tree_leaves(out) if isinstance(leaf, Tensor))
        self.work += OPERATIONS_PER_BYTE * written
        return out
