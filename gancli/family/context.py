"""Arguments of a loss (networks, batch, context), and the turns and stages of training.

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
"""A batch of training data by key. Images are (N, C, H, W) in [-1, 1]: `image`, or `source` and `target` of pairs, or
`a` and `b` of unpaired domains. `label` is (N,) int64, `attributes` (N, K) of 0 and 1, and `dataset` (N,) int64, the
index of each image's data set in `DataSpec.known`.
"""

Losses = Mapping[str, Tensor]
"""Terms of a loss by name: weighted 0-dim tensors, each a mean over the batch. Their sum is minimised."""


class Nets:
    """Networks of a family by name: `nets.generator(z)`.

    `stage` and `fade` tell a task how far a growing network has grown; a loss uses those of its context.

    Args:
        modules: networks from `Family.build`, or their averages.
        compiled: compiled versions of some networks, which attribute access prefers.
        stage: stage of the last training step; None if unknown or untrained.
        fade: progress of that stage's fade, in [0, 1].

    A network must not be named `modules`, `stage`, `fade`, `uncompiled` or `holding`.
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
            uncompiled: nn.Module = old_attribute(self, name, {"eager": "uncompiled"})
            return uncompiled
        if name not in self._modules:
            raise AttributeError(f"this family has no network {name!r}; it has {', '.join(self._modules)}")
        return self._compiled.get(name, self._modules[name])

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Uncompiled networks by name."""
        return self._modules

    def holding(self, modules: Mapping[str, nn.Module]) -> Nets:
        """Other networks of the same names, with the same stage and fade."""
        return Nets(modules, stage=self.stage, fade=self.fade)

    @property
    def uncompiled(self) -> Nets:
        """The same networks uncompiled, for gradient penalties: a compiled graph cannot be differentiated twice."""
        return self.holding(self.modules) if self._compiled else self


@dataclass
class Context:
    """State of training for a loss or task, and its only source of random numbers.

    Args:
        device: device of the networks.
        generator: random stream of the run or call, on `device`.
        step: steps done since the run began.
        stage: current stage.
        fade: progress of the stage's fade, a 0-dim tensor in [0, 1]; 1 in a stage without fade.
        saved: tensors that earlier turns of this step passed to `save`.
        logged: values that were passed to `log`.
        truncation: largest absolute value of normal numbers; None for no limit. Set by tasks, not in training.
        truncated: True once truncated numbers were drawn.
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
        """Standard normal numbers. Under `truncation`, numbers beyond the limit are drawn again from within it, and all
        others are those of an untruncated draw (Brock et al. 2019).
        """
        numbers = torch.randn(*shape, generator=self.generator, device=self.device)
        if self.truncation is None:
            return numbers
        self.truncated = True
        # Inverting the distribution function needs no third draw.
        tail = torch.special.ndtr(torch.tensor(-self.truncation, dtype=torch.float64))
        within = torch.special.ndtri(tail + (1 - 2 * tail) * self.rand(*shape).double().cpu())
        within = within.clamp(-self.truncation, self.truncation)
        return torch.where(numbers.abs() > self.truncation, within.to(numbers), numbers)

    def rand(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1)."""
        return torch.rand(*shape, generator=self.generator, device=self.device)

    def save(self, **tensors: Tensor) -> None:
        """Save detached tensors for later turns of this step: `ctx.saved["fake"]`."""
        self.saved.update({name: tensor.detach() for name, tensor in tensors.items()})

    def log(self, **values: Tensor) -> None:
        """Log 0-dim values that are not minimised, such as the mean output of the discriminator."""
        self.logged.update({name: value.detach() for name, value in values.items()})

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return old_attribute(self, name, _OLD_NAMES)


_OLD_NAMES = {"observe": "log", "keep": "save", "carry": "saved", "observed": "logged"}
"""Attributes of `Context` by their names in version 0.1."""

Loss = Callable[[Nets, Batch, Context], Losses]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """An update of one player.

    Args:
        player: name of the player.
        loss: loss to minimise, a bound method of the family.
        repeat: number of updates in a row; each after the first takes a new batch.
        every: interval in steps; not together with `repeat`.
    """

    player: str
    loss: Loss
    repeat: int = 1
    every: int = 1


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A phase of training with the same turns in every step.

    A step takes one batch, and one more for each repetition of a turn; each counts as `batch_size` images.

    Args:
        name: name in the log.
        turns: turns of a step, in order.
        images: length in training images; without it and `steps`, the stage lasts until the recipe's `train.images`.
        steps: length in steps.
        batch_size: batch size, if not the recipe's.
        resolution: (height, width) of the batches, if not the data's.
        fade: part of the stage, in [0, 1], over which `ctx.fade` rises from 0 to 1; 0 keeps it at 1.
        reset_optimizers: clear the optimizers' moments when the stage begins.
    """

    name: str
    turns: tuple[Turn, ...]
    images: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    resolution: tuple[int, int] | None = None
    fade: float = 0.0
    reset_optimizers: bool = False
