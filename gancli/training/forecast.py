"""What a run will take, stage by stage: measured in a few real steps of each, which write nothing.

Stages whose steps are too dear to be measured are extrapolated from the dearest one that was.
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
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from gancli.family.context import Context
from gancli.family.contract import Family
from gancli.family.optim import Linear
from gancli.io.types import Progress
from gancli.recipes.recipe import Recipe
from gancli.runtime import memory
from gancli.runtime.device import autocast
from gancli.runtime.random import fork_torch_rng
from gancli.training.players import Players
from gancli.training.stages import PlannedStage
from gancli.training.trainer import Trainer

BUDGET_SECONDS = 60.0
"""For all stages together: what a person waits for who asks before a run of hours."""

STEPS = 50
"""As many steps of a stage are measured, if its share of the budget allows."""

WARM_UP = 3
"""Steps that are not typical yet: memory is allocated, and algorithms are chosen."""

STATE_BYTES = 12
"""Of a parameter in use, besides itself: its gradient and the two moments of Adam."""


@dataclass(frozen=True, kw_only=True)
class StageForecast:
    """What one stage will take.

    Args:
        planned: the stage.
        steps: how many it has, where the stages before it end on time.
        parameters: how many of all networks get a gradient in it.
        seconds: how long it will take, without previews and checkpoints.
        peak_memory: in bytes, as `gancli.runtime.memory` measures it.
        measured: whether time and memory were measured, or extrapolated.
    """

    planned: PlannedStage
    steps: int
    parameters: int
    seconds: float
    peak_memory: int
    measured: bool


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """Of one stage: seconds of its first steps, and of each one after them."""

    first: tuple[float, ...]
    later: float
    peak: int
    parameters: int

    def seconds(self, steps: int) -> float:
        return sum(self.first[:steps]) + self.later * max(0, steps - len(self.first))


def forecast(
    trainer: Trainer, *, budget: float = BUDGET_SECONDS, progress: Progress | None = None
) -> list[StageForecast]:
    """Measures every stage of the trainer's plan that the budget allows, the first one in any case.

    Args:
        trainer: new; it is of no use afterwards.
        budget: seconds for all stages together. The steps of the stage that is being measured are finished first.
        progress: told how many stages are done, and of how many.

    Raises:
        NumericalError: the untrained networks already give values that are not finite.
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
        costs = count_costs(trainer.family, trainer.recipe, stages, trainer.dtype, period=lazy) or sizes
    return [
        _measured(planned, measured[index])
        if index in measured
        else _extrapolated(index, planned, measured, costs, base=probe.base)
        for index, planned in enumerate(stages)
    ]


class _Probe:
    """Takes steps of a trainer at any stage, without learning anything: a network that was never grown would diverge.

    Attributes:
        base: bytes in use before the first step.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._used: dict[int, int] = {}
        for actor in trainer.cast.actors.values():
            actor.player = replace(actor.player, lr_schedule=Linear(first=0.0, last=0.0))
            actor.optimizer.register_step_pre_hook(self._note)
        memory.reset_peak(trainer.device)
        self.base = memory.peak(trainer.device)

    def measure(self, planned: PlannedStage, period: int, *, share: float, left: float) -> _Measured:
        """Steps of a stage: one period of them at least, and at most about `STEPS` after the first ones.

        Args:
            planned: the stage.
            period: after so many steps the same turns come again, at the same cost; only whole ones are measured.
            share: seconds after which it is enough, if something was measured after the first steps.
            left: seconds after which it is enough all the same.
        """
        first = period * math.ceil(WARM_UP / period)
        most = first + period * math.ceil(STEPS / period)
        self._used.clear()
        memory.reset_peak(self._trainer.device)
        self._trainer.position.step = 0
        times: list[float] = []
        while len(times) < most and not (
            times and len(times) % period == 0 and (sum(times) > left or (sum(times) > share and len(times) > first))
        ):
            times.append(self._step(planned))
        if len(times) <= first:  # so dear that these have to do
            first = 0
        return _Measured(
            first=tuple(times[:first]),
            later=sum(times[first:]) / len(times[first:]),
            peak=memory.peak(self._trainer.device),
            parameters=sum(self._used.values()),
        )

    def _step(self, planned: PlannedStage) -> float:
        self._trainer.position.images = planned.start
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
    dearest = _dearest(measured)
    return StageForecast(
        planned=planned,
        steps=_steps(planned),
        parameters=costs[index].parameters or measured[dearest].parameters,
        seconds=_expected(index, measured, costs) * _steps(planned),
        peak_memory=_peak(costs[index], measured[dearest].peak, costs[dearest], base=base),
        measured=False,
    )


def _peak(cost: Cost, peak: int, reference: Cost, *, base: int) -> int:
    """Of a stage that costs so much where another one had this peak: what more is held for backward, and kept."""
    if cost.parameters is None or reference.parameters is None:
        return base + round((peak - base) * cost.saved / reference.saved)
    kept = STATE_BYTES * (cost.parameters - reference.parameters)
    return max(base, peak + cost.saved - reference.saved + kept)


def _expected(index: int, measured: Mapping[int, _Measured], costs: Sequence[Cost]) -> float:
    """Seconds of a step of the stage, by the dearest one that was measured."""
    dearest = _dearest(measured)
    return measured[dearest].later * costs[index].work / costs[dearest].work


def _dearest(measured: Mapping[int, _Measured]) -> int:
    return max(measured, key=lambda index: measured[index].later)


def _steps(planned: PlannedStage) -> int:
    return math.ceil((planned.end - planned.start) / planned.images_per_step)


OPERATIONS_PER_BYTE = 10
"""How many additions or multiplications take the time of writing a byte: about a CPU's balance, as on a GPU hardly a
stage is too dear to be measured. So what convolves nothing counts too: activations, normalisations, resampling.
"""

LONGEST_PERIOD = 16
"""The rarest that is common: Karras et al. (2020) penalise the discriminator at every 16th step."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one step of a stage.

    Args:
        work: additions and multiplications, with what is written weighed by `OPERATIONS_PER_BYTE`.
        saved: bytes that the dearest turn holds for its backward pass; the pixels of a batch where they are not known.
        parameters: how many get a gradient, over all turns; None where that is not known.
    """

    work: float
    saved: int
    parameters: int | None


def count_costs(
    family: Family[Any], recipe: Recipe, stages: Sequence[PlannedStage], dtype: torch.dtype, *, period: int = 1
) -> list[Cost] | None:
    """The mean cost of a step of each stage; None if a loss looks into its tensors, which are empty here.

    Args:
        family: that declares the stages.
        recipe: says what a batch holds, and in how many parts it comes.
        stages: as planned.
        dtype: of mixed precision, or float32.
        period: over so many steps.
    """
    try:
        with _empty(family) as cast:
            return [
                _mean([_count(cast, family, recipe, planned, dtype, step) for step in range(period)])
                for planned in stages
            ]
    except Exception:  # a stranger's code, on tensors that it was not written for
        return None


def find_period(family: Family[Any], recipe: Recipe, planned: PlannedStage) -> int:
    """After how many steps the losses of a stage cost the same again, as where they penalise only now and then.

    1 if they never do within `LONGEST_PERIOD`, or look into their tensors.
    """
    try:
        with _empty(family) as cast:
            first = _count(cast, family, recipe, planned, torch.float32, 0)
            for step in range(1, LONGEST_PERIOD + 1):
                if _count(cast, family, recipe, planned, torch.float32, step) == first:
                    return step
    except Exception:  # as above
        pass
    return 1


@contextmanager
def _empty(family: Family[Any]) -> Iterator[Players]:
    """The players over networks without content."""
    with fork_torch_rng(torch.device("cpu")), FakeTensorMode():
        yield Players(family.build(), [replace(player, ema=None) for player in family.players()])


def _mean(costs: Sequence[Cost]) -> Cost:
    return Cost(
        work=sum(cost.work for cost in costs) / len(costs),
        saved=max(cost.saved for cost in costs),
        parameters=max(cost.parameters or 0 for cost in costs),
    )


def cost_of_batches(family: Family[Any], planned: PlannedStage) -> Cost:
    """The cost of a step of the stage if every pixel cost the same: too much where a network narrows as images grow."""
    height, width = _resolution(family, planned)
    pixels = planned.batch_size * height * width
    return Cost(work=float(pixels * planned.draws), saved=pixels, parameters=None)


def _count(
    cast: Players, family: Family[Any], recipe: Recipe, planned: PlannedStage, dtype: torch.dtype, step: int
) -> Cost:
    device, parts = torch.device("cpu"), recipe.train.accumulate
    batch = _batch(family, recipe, planned, planned.batch_size // parts)
    context = Context(device=device, generator=torch.Generator(), step=step, stage=planned.stage)
    work, saved = 0.0, 0
    used: dict[int, int] = {}
    for turn in planned.stage.turns:
        actor = cast.turn(turn.player)
        tally = _Tally()
        with tally, saved_tensors_hooks(tally.save, lambda tensor: tensor):
            with autocast(device, dtype):
                terms = turn.loss(cast.nets, batch, context)
            sum(terms.values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
        work += tally.work * parts * turn.repeat / turn.every
        saved = max(saved, tally.saved)
        used |= {id(tensor): tensor.numel() for tensor in actor.parameters if tensor.grad is not None}
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
    """Sees every operation, those of the backward pass too."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.work = 0.0
        self._saved: dict[StorageWeakRef, int] = {}

    @property
    def saved(self) -> int:
        """Bytes, each counted once however many operations hold it."""
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
