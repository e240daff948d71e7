"""The contract of a GAN family: its networks, its players, and the stages in which their losses are minimised.

The training engine does everything else: freezing the other players, gradient accumulation, mixed precision, checks of
losses and gradients, updates, averages, logging, checkpoints and resuming. A loss is therefore a pure function of
networks, batch and context: it never calls backward, steps an optimizer, detaches, freezes, reads a value back from the
device or stores a tensor on `self`. State that a loss needs from step to step is held in the buffers of a module
without parameters, which is moved, saved and restored like any network.

The tasks of a trained family are in `gancli.family.tasks`.

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
    """Networks that are updated together by one optimizer.

    Args:
        name: name such as `generator`; the terms of its loss are logged as `<name>/<term>`.
        modules: names of the networks whose parameters it updates. A network without a player is frozen and in eval
            mode.
        optimizer: declaration of the optimizer.
        lr_schedule: factor on the learning rate.
        momentum_schedule: factor on the momentum of `SGD`.
        clip: maximum norm of all gradients together; None for no clipping.
        weight_clip: bound to which parameters are clamped after every update, as for the critic of the Wasserstein GAN;
            None for no clamping.
        ema: decay per update of an exponential moving average of the networks, which tasks then use; of n updates, the
            k-th has the weight decay**(n - k). 0 for none unless the recipe sets `train.ema`; None for never.
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
    """Base class of every GAN family.

    Args:
        config: `model:` section of the recipe.
        data: shape and labels of the training data.
    """

    optimum_values: ClassVar[Mapping[str, float]] = {}
    """Theoretical optimum of logged values, by full name such as `discriminator/D(x)`; shown beside the values."""

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
        """Networks by name, initialised from torch's global random stream, on the CPU."""
        raise NotImplementedError

    def min_batch_size(self, modules: Mapping[str, nn.Module]) -> int:
        """Smallest number of images that the losses can be computed on at once.

        A recipe whose micro-batches (`train.batch_size` divided by `train.accumulate`) are smaller is refused before
        training. Default: 2 if a network normalizes vectors over the batch (BatchNorm1d), else 1. Override it for
        losses that compare images with each other, or for BatchNorm2d on maps of one pixel.

        Args:
            modules: networks from `build`.
        """
        layers = (layer for module in modules.values() for layer in module.modules())
        return 2 if any(isinstance(layer, nn.BatchNorm1d) for layer in layers) else 1

    def players(self) -> Sequence[Player]:
        """Players, each with its networks and optimizer."""
        raise NotImplementedError

    def stages(self) -> Sequence[Stage]:
        """Stages of training, in order."""
        raise NotImplementedError
