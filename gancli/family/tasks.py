"""What a trained family can do: each a protocol of methods, which a family has or has not.

Part of the contract; families import these from `gancli.family`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

if TYPE_CHECKING:
    from gancli.family.context import Context, Nets


@runtime_checkable
class Samples(Protocol):
    """The task `sample`: images out of noise."""

    def latent(self, n: int, ctx: Context) -> Tensor:
        """`n` latent vectors, (n, ...), drawn from `ctx` alone."""
        ...

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] for latents (N, ...) and, in a family that reads labels, a label each.

        Args:
            nets: the family's networks.
            z: what `latent` draws, or a point between.
            label: indices (N,), or weights (N, labels) that sum to one, for a point between labels;
                `gancli.latent.label_weights` makes weights of either.
        """
        ...


@runtime_checkable
class Discriminates(Protocol):
    """A family whose discriminator can be asked about an image: to be drawn, inspected, or used for its features."""

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        """The discriminator's answer (N,), higher for more real, for images (N, C, H, W).

        The answer is what the paper calls D: a probability in the 2014 game, the unbounded output of a least-squares or
        Wasserstein loss. `label` is as for `Samples.sample`, in a family that reads labels.
        """
        ...


@runtime_checkable
class KnowsOptimum(Protocol):
    """A family whose best discriminator is known in closed form."""

    def optimal_discriminator(self, data_density: Tensor, model_density: Tensor) -> Tensor:
        """What `discriminate` would answer at its best where data and generator have these densities (same shapes)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Translation:
    """One way in which a family translates images.

    Args:
        to: the domain that images come to, such as `b`: what `gan translate --to` takes.
        reads: the key of a training batch that holds such images as go in; their channels are those of this key.
        truth: the key that holds what should come out, where training data are pairs; None: nobody knows.
        multiple: sides of the images that go in are multiples of this.
    """

    to: str
    reads: str
    truth: str | None = None
    multiple: int = 1


@runtime_checkable
class Translates(Protocol):
    """The task `translate`: images out of images."""

    def translations(self) -> Sequence[Translation]:
        """Every way, the one to take if nobody says which first; no two lead to the same domain."""
        ...

    def translate(self, nets: Nets, image: Tensor, to: str) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] for images (N, C', H, W) in [-1, 1], each by itself.

        Noise, if there is any, is drawn from torch's global stream, which the caller seeds.

        Args:
            nets: the family's networks.
            image: with sides that are multiples of what the translation says; they need not be those of training.
            to: the domain of one of `translations`.
        """
        ...


class Detection(NamedTuple):
    """What a family says of images that it has tried to make itself.

    Args:
        score: (N,), higher for more anomalous.
        heat: (N, 1, H, W), at least 0: how far each pixel departs from what could be made.
        nearest: (N, C, H, W) in [-1, 1], the nearest that could be made.
    """

    score: Tensor
    heat: Tensor
    nearest: Tensor


@runtime_checkable
class Detects(Protocol):
    """The task `detect`: how far images are from those of training."""

    def detect(self, nets: Nets, image: Tensor, ctx: Context) -> Detection:
        """Scores images (N, C, H, W) in [-1, 1], each by itself: others in the batch make no difference.

        Called with gradients on, since a search may need them; it leaves every tensor of `nets` as it was.

        Args:
            nets: the family's networks.
            image: of the size of training.
            ctx: all randomness; every image gets the same.
        """
        ...


@runtime_checkable
class Upscales(Protocol):
    """The task `upscale`: larger images out of small ones."""

    @property
    def scale(self) -> int:
        """How many times as wide and as high images become."""
        ...

    def upscale(self, nets: Nets, image: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] to (N, C, H * scale, W * scale), about in [-1, 1], each by itself.

        Args:
            nets: the family's networks.
            image: of any size.
        """
        ...
