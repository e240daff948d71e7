"""What optimizes a player: declarations of optimizers and schedules. The engine turns them into torch's.

Torch-free, so that a family's configuration may use them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Kingma and Ba 2015. GANs usually take a first beta of 0.5 or 0, not 0.9."""

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
    """Tieleman and Hinton 2012; the optimizer of the Wasserstein GAN with clipped weights."""

    lr: float
    alpha: float = 0.99
    eps: float = 1e-8


Optimizer = Adam | SGD | RMSprop


@dataclass(frozen=True, kw_only=True)
class Clock:
    """How far a run is.

    Args:
        images: training images shown so far, over all stages.
        total: training images of the whole run.
        updates: updates that this player has made.
    """

    images: int
    total: int
    updates: int


class Schedule(Protocol):
    """A factor on an optimizer's setting, as a pure function of the clock: nothing to save, nothing to restore."""

    def __call__(self, clock: Clock) -> float: ...


@dataclass(frozen=True, kw_only=True)
class Constant:
    """The factor 1."""

    def __call__(self, clock: Clock) -> float:
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Linear:
    """From `first` to `last`, straight, between two points of the run; constant before and after.

    Args:
        first: factor up to `start`.
        last: factor from `end` on.
        start: in images.
        end: in images; the end of the run where it is left out.
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
    """Divided by `divisor` at every update of the player, but never below `floor`."""

    divisor: float
    floor: float = 0.0

    def __call__(self, clock: Clock) -> float:
        return max(self.floor, float(self.divisor**-clock.updates))


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A factor of its own from each of some points of the run on, 1 before the first.

    Args:
        factors: (images, factor), in the order of the images; of those that begin at once, the last one counts.
    """

    factors: tuple[tuple[int, float], ...]

    def __call__(self, clock: Clock) -> float:
        return next((factor for start, factor in reversed(self.factors) if clock.images >= start), 1.0)


@dataclass(frozen=True, kw_only=True)
class Warmup:
    """Rises from 0 over the first `images`, on top of another schedule."""

    images: int
    then: Schedule = Constant()

    def __call__(self, clock: Clock) -> float:
        return min(1.0, clock.images / max(1, self.images)) * self.then(clock)
