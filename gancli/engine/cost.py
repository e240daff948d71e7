"""What a stage's steps cost, counted without computing anything: on tensors that have a shape and no content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

from gancli.engine.cast import Cast
from gancli.engine.device import autocast
from gancli.engine.plan import PlannedStage
from gancli.engine.randomness import aside
from gancli.family import Context, Family
from gancli.recipe import Recipe

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
def _empty(family: Family[Any]) -> Iterator[Cast]:
    """The players over networks without content."""
    with aside(torch.device("cpu")), FakeTensorMode():
        yield Cast(family.build(), [replace(player, ema=None) for player in family.players()])


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
    cast: Cast, family: Family[Any], recipe: Recipe, planned: PlannedStage, dtype: torch.dtype, step: int
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
