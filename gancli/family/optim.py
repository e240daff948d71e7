"""Declarations of optimizers and schedules, from which the training engine builds torch's.

Importing this module does not import torch, so that a family's configuration may use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam (Kingma and Ba 2015). GANs usually use a first beta of 0.5 or 0 instead of 0.9."""

    lr: float
    betas: tuple[float, float] = (0.5, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SGD:
    """Stochastic gradient descent with momentum."""

    lr: float
    momentum: float = 0.0
    weight_decay: float = 0.0


@dataclass(frozen=True, kw_only=True)
class RMSprop:
    """RMSprop (Tieleman and Hinton 2012), the optimizer of the Wasserstein GAN with clipped weights."""

    lr: float
    alpha: float = 0.99
    eps: float = 1e-8


Optimizer = Adam | SGD | RMSprop


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Progress of a run, the argument of a schedule.

    Args:
        images: training images shown so far, over all stages.
        total: training images of the whole run.
        updates: number of updates of this player.
    """

    images: int
    total: int
    updates: int


class Schedule(Protocol):
    """Factor on a setting of an optimizer: a pure function of the clock, without state."""

    def __call__(self, clock: Clock) -> float: ...


@dataclass(frozen=True, kw_only=True)
class Constant:
    """The factor 1."""

    def __call__(self, clock: Clock) -> float:
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Linear interpolation from `first` to `last`; constant before and after.

    Args:
        first: factor up to `start`.
        last: factor from `end` on.
        start: start in training images.
        end: end in training images (default: end of the run).
    """

    first: float = 1.0
    last: float = 0.0
    start: int = 0
    end: int | None = None

    def __call__(self, clock: Clock) -> float:
        end = clock.total if self.end is None else self.end
        done = (clock.images - self.start) / max(1, end - self.start)
        return self.first + (self.last - self.first) * min(1.0, max(0.0, done))


@dataclass(frozen=True, kw_only=True)
class Exponential:
    """Exponential decay: divide by `divisor` at every update of the player, down to `floor`."""

    divisor: float
    floor: float = 0.0

    def __call__(self, clock: Clock) -> float:
        return max(self.floor, float(self.divisor**-clock.updates))


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Piecewise constant factor, 1 before the first step.

    Args:
        factors: pairs (images, factor) in ascending order: the factor from that number of training images on.
    """

    factors: tuple[tuple[int, float], ...]

    def __call__(self, clock: Clock) -> float:
        return next((factor for start, factor in reversed(self.factors) if clock.images >= start), 1.0)


@dataclass(frozen=True, kw_only=True)
class Warmup:
    """Linear rise from 0 over the first `images` training images, multiplied by another schedule."""

    images: int
    then: Schedule = Constant()

    def __call__(self, clock: Clock) -> float:
        return min(1.0, clock.images / max(1, self.images)) * self.then(clock)
