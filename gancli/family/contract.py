"""THE CONTRACT: what a GAN family states, and what it is handed.

A family says who plays, in which order, for how long, and what each loss is. Everything else (freezing the opponent,
accumulation, mixed precision, checks, updates, averaging, logging, checkpoints, resuming) is the engine's. So a loss is
a pure function of networks, batch and context: it never calls backward, steps an optimizer, detaches, freezes, reads a
value back from the device or keeps a tensor on `self`. What a loss has to remember from step to step is the content of
a module without parameters, among the networks: the engine moves, saves and restores it with them.

What a trained family can do is in `gancli.family.tasks`.

Images are float tensors (N, C, H, W) in [-1, 1]. Points of a toy distribution are (N, D, 1, 1), without bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from torch import nn

from gancli.data.spec import DataSpec
from gancli.family.context import Stage
from gancli.family.optim import Constant, Optimizer, Schedule
from gancli.plugins.moved_modules import deprecated
from gancli.recipes.options import FamilyConfig

C = TypeVar("C", bound=FamilyConfig)


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


class Family(Generic[C]):
    """Base of every GAN family.

    Args:
        config: the recipe's `model:` section.
        data: shape and labels of the training data.
    """

    optimum_values: ClassVar[Mapping[str, float]] = {}
    """Where theory puts a logged value at the optimum, by its full name: shown beside the value."""

    renamed: ClassVar[Mapping[str, str]] = {}
    """New network name by old one, for networks that an earlier version of the family built under another name.
    Checkpoints with the old names can then still be loaded.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "references" in vars(cls):
            deprecated(f"{cls.__name__}.references", f"{cls.__name__}.optimum_values")
            cls.optimum_values = vars(cls)["references"]

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
