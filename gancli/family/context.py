"""The arguments of a loss (networks, batch, context), and the turns and stages in which losses are minimised.

Part of the contract; families import these from `gancli.family`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gancli.plugins.moved_modules import old_attribute

Batch = Mapping[str, Tensor]
"""One batch of training data by key: `image` (N, C, H, W) in [-1, 1] with `label` (N,) int64 or `attributes` (N, K)
of 0 and 1, and `dataset` (N,) int64, the one of `DataSpec.known` that each comes from; pairs have `source` and
`target`, unpaired domains `a` and `b`.
"""

Losses = Mapping[str, Tensor]
"""The named, weighted, 0-dim terms of a loss, each a mean over the batch. Their sum is minimised."""


class Nets:
    """A family's networks by name: `nets.generator(z)`.

    A task has no `Context` that would say how far a growing network has come, so these say it, as of the last step that
    they were trained for. A loss asks its context.

    Args:
        modules: what `Family.build` returned, or averaged copies of it.
        compiled: compiled forms of some of them, which attribute access prefers.
        stage: the stage that they stand in; None: not known, as where they never trained.
        fade: how far that stage has faded, in [0, 1].

    No network may be called `modules`, `stage`, `fade`, `uncompiled` or `holding`.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        compiled: Mapping[str, nn.Module] | None = None,
        *,
        stage: Stage | None = None,
        fade: float = 1.0,
    ) -> None:
        self._modules = dict(modules)
        self.stage = stage
        self.fade = fade
        self._compiled = dict(compiled or {})

    def __getattr__(self, name: str) -> nn.Module:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "eager" and name not in self._modules:
            return old_attribute(self, name, {"eager": "uncompiled"})
        if name not in self._modules:
            raise AttributeError(f"this family has no network {name!r}; it has {', '.join(self._modules)}")
        return self._compiled.get(name, self._modules[name])

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The networks by name, none of them compiled."""
        return self._modules

    def holding(self, modules: Mapping[str, nn.Module]) -> Nets:
        """Other modules of the same names, standing where these stand."""
        return Nets(modules, stage=self.stage, fade=self.fade)

    @property
    def uncompiled(self) -> Nets:
        """The same parameters, never compiled: for penalties, since a compiled graph has no double backward."""
        return self.holding(self.modules) if self._compiled else self


@dataclass
class Context:
    """Where a loss or a task stands, and the only randomness it may use.

    Args:
        device: where the networks are.
        generator: the random stream of this run or of this call, on `device`.
        step: steps done since the run began.
        stage: the stage that is running; its `name` tells stages apart.
        fade: 0-dim tensor in [0, 1], how far a fading stage has come; 1 in any other.
        saved: what `save` saved in earlier turns of the same step.
        truncation: largest absolute value of a normal number; None: no limit. Tasks set it, training does not.
    """

    device: torch.device
    generator: torch.Generator
    step: int = 0
    stage: Stage | None = None
    fade: Tensor = field(default_factory=lambda: torch.ones(()))
    saved: dict[str, Tensor] = field(default_factory=dict)
    logged: dict[str, Tensor] = field(default_factory=dict)
    truncation: float | None = None
    truncated: bool = False

    def randn(self, *shape: int) -> Tensor:
        """Standard normal numbers; under `truncation`, those beyond it are drawn again from what lies within.

        So a truncated draw keeps every number of the untruncated one that was within (Brock et al. 2019).
        """
        numbers = torch.randn(*shape, generator=self.generator, device=self.device)
        if self.truncation is None:
            return numbers
        self.truncated = True
        # The second draw is made by inverting the distribution function, so that it never needs a third.
        tail = torch.special.ndtr(torch.tensor(-self.truncation, dtype=torch.float64))
        within = torch.special.ndtri(tail + (1 - 2 * tail) * self.rand(*shape).double().cpu())
        within = within.clamp(-self.truncation, self.truncation)
        return torch.where(numbers.abs() > self.truncation, within.to(numbers), numbers)

    def rand(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1)."""
        return torch.rand(*shape, generator=self.generator, device=self.device)

    def save(self, **tensors: Tensor) -> None:
        """Hands tensors to the later turns of this step, cut from the graph: `ctx.saved["fake"]`."""
        self.saved.update({name: tensor.detach() for name, tensor in tensors.items()})

    def log(self, **values: Tensor) -> None:
        """Logs 0-dim values that are not part of the loss, such as the discriminator's mean answer."""
        self.logged.update({name: value.detach() for name, value in values.items()})

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return old_attribute(self, name, _OLD_NAMES)


_OLD_NAMES = {"observe": "log", "keep": "save", "carry": "saved", "observed": "logged"}
"""Attributes of `Context` by their names in version 0.1."""

Loss = Callable[[Nets, Batch, Context], Losses]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One update of one player.

    Args:
        player: its name.
        loss: what it minimises; a bound method of the family.
        repeat: so many updates in a row, each after the first on a fresh batch.
        every: only at every so many steps; not together with `repeat`.
    """

    player: str
    loss: Loss
    repeat: int = 1
    every: int = 1


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stretch of training in which the same turns alternate.

    A step draws one batch, plus one for every repetition after a turn's first; each counts as `batch_size` images.

    Args:
        name: for the log.
        turns: what happens in one step, in this order.
        images: how long, in training images; neither this nor `steps`: until the recipe's `train.images`.
        steps: how long, in steps.
        batch_size: instead of the recipe's.
        resolution: (height, width) at which batches are delivered, instead of the data's.
        fade: the part of the stage over which `ctx.fade` rises from 0 to 1; 0 keeps it at 1.
        reset_optimizers: forget the optimizers' moments when the stage begins.
    """

    name: str
    turns: tuple[Turn, ...]
    images: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    resolution: tuple[int, int] | None = None
    fade: float = 0.0
    reset_optimizers: bool = False
