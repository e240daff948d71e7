"""THE CONTRACT: what a GAN family states, and what it is handed.

A family says who plays, in which order, for how long, and what each loss is. Everything else (freezing the opponent,
accumulation, mixed precision, checks, updates, averaging, logging, checkpoints, resuming) is the engine's. So a loss is
a pure function of networks, batch and context: it never calls backward, steps an optimizer, detaches, freezes, reads a
value back from the device or keeps a tensor on `self`. What a loss has to remember from step to step is the content of
a module without parameters, among the networks: the engine moves, saves and restores it with them.

What a trained family can do is in `gancli.tasks`.

Images are float tensors (N, C, H, W) in [-1, 1]. Points of a toy distribution are (N, D, 1, 1), without bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from gancli.dataspec import DataSpec, LabelSet
from gancli.optim import SGD, Adam, Constant, Exponential, Linear, Optimizer, RMSprop, Schedule, Steps, Warmup
from gancli.recipe import FamilyConfig
from gancli.tasks import Detects, Discriminates, Found, KnowsOptimum, Samples, Translates, Translation, Upscales

__all__ = [
    "SGD",
    "Adam",
    "Batch",
    "Constant",
    "Context",
    "DataSpec",
    "Detects",
    "Discriminates",
    "Exponential",
    "Family",
    "FamilyConfig",
    "Found",
    "KnowsOptimum",
    "LabelSet",
    "Linear",
    "Loss",
    "Nets",
    "Optimizer",
    "Player",
    "RMSprop",
    "Samples",
    "Stage",
    "Steps",
    "Terms",
    "Translates",
    "Translation",
    "Turn",
    "Upscales",
    "Warmup",
]

C = TypeVar("C", bound=FamilyConfig)

Batch = Mapping[str, Tensor]
"""One batch of training data by key: `image` (N, C, H, W) in [-1, 1] with `label` (N,) int64 or `attributes` (N, K)
of 0 and 1, and `dataset` (N,) int64, the one of `DataSpec.known` that each comes from; pairs have `source` and
`target`, unpaired domains `a` and `b`.
"""

Terms = Mapping[str, Tensor]
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

    No network may be called `modules`, `stage`, `fade`, `eager` or `holding`.
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
    def eager(self) -> Nets:
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
        carry: what `keep` kept in earlier turns of the same step.
        truncation: largest absolute value of a normal number; None: no limit. Tasks set it, training does not.
    """

    device: torch.device
    generator: torch.Generator
    step: int = 0
    stage: Stage | None = None
    fade: Tensor = field(default_factory=lambda: torch.ones(()))
    carry: dict[str, Tensor] = field(default_factory=dict)
    observed: dict[str, Tensor] = field(default_factory=dict)
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

    def keep(self, **tensors: Tensor) -> None:
        """Hands tensors to the later turns of this step, cut from the graph: `ctx.carry["fake"]`."""
        self.carry.update({name: tensor.detach() for name, tensor in tensors.items()})

    def observe(self, **values: Tensor) -> None:
        """Logs 0-dim values that are not part of the loss, such as the discriminator's mean answer."""
        self.observed.update({name: value.detach() for name, value in values.items()})


Loss = Callable[[Nets, Batch, Context], Terms]


@dataclass(frozen=True, kw_only=True)
class Player:
    """The owner of one optimizer.

    Args:
        name: such as `generator`; its terms are logged as `<name>/<term>`.
        modules: the names of the networks whose parameters it updates. A network that no player owns is frozen and in
            eval mode.
        optimizer: its declaration.
        lr_schedule: a factor on the optimizer's learning rate.
        momentum_schedule: a factor on the momentum of `SGD`.
        clip: largest norm of all its gradients together; none where None.
        weight_clip: after every update each of its parameters is brought into [-weight_clip, weight_clip], as the
            Wasserstein GAN's critic wants it; None: never.
        ema: decay per update of an averaged copy of its networks, which tasks then use: of n updates, the k-th weighs
            decay**(n - k). 0: no copy, unless the recipe asks for one with `train.ema`; None: never.
    """

    name: str
    modules: tuple[str, ...]
    optimizer: Optimizer
    lr_schedule: Schedule = Constant()
    momentum_schedule: Schedule = Constant()
    clip: float | None = None
    weight_clip: float | None = None
    ema: float | None = None


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


class Family(Generic[C]):
    """Base of every GAN family.

    Args:
        config: the recipe's `model:` section.
        data: shape and labels of the training data.
    """

    references: ClassVar[Mapping[str, float]] = {}
    """Where theory puts a logged value at the optimum, by its full name: shown beside the value."""

    def __init__(self, config: C, data: DataSpec) -> None:
        self.config = config
        self.data = data

    def build(self) -> dict[str, nn.Module]:
        """The networks by name, freshly initialised from torch's global generator, on the CPU."""
        raise NotImplementedError

    def players(self) -> Sequence[Player]:
        """Who plays."""
        raise NotImplementedError

    def stages(self) -> Sequence[Stage]:
        """In which order, and for how long."""
        raise NotImplementedError
