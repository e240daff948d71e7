"""Latent spaces: sampling latent vectors, and interpolation between them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.family.context import Context, Nets
from gancli.plugins.moved_modules import old_names

Noise = Literal["normal", "uniform"]

Interpolation = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Function from two batches of vectors (N, ...) and t (N,) in [0, 1] to the points (N, ...) between them."""

Distance = Callable[[Tensor, Tensor], Tensor]
"""Function from two batches of vectors (N, ...) to the lengths (N,) of the paths between them."""


class LatentSampler:
    """The task `sample` of a family whose network `generator` maps latent vectors to images.

    Inherit from it after `Family`. The family needs the option `latent_dim` and may have the option `noise` (`normal`
    or `uniform`, default `normal`).
    """

    config: Any

    def latent(self, n: int, ctx: Context) -> Tensor:
        return noise(getattr(self.config, "noise", "normal"), n, self.config.latent_dim, ctx)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        images: Tensor = nets.generator(z)
        return images


def noise(kind: Noise, n: int, latent_dim: int, ctx: Context) -> Tensor:
    """Return `n` latent vectors (n, latent_dim) of independent numbers with mean 0 and variance 1.

    `uniform` numbers are in [-sqrt(3), sqrt(3)], as in the code of Goodfellow et al. 2014.
    """
    if kind == "normal":
        return ctx.randn(n, latent_dim)
    return (2 * ctx.rand(n, latent_dim) - 1) * math.sqrt(3)


def label_weights(label: Tensor, count: int) -> Tensor:
    """Return weights (N, count) that sum to one, for labels given as indices (N,) or already as weights (N, count)."""
    return F.one_hot(label, count).float() if label.dim() == 1 else label


def lerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Interpolate linearly from a to b (N, ...) at t (N,) in [0, 1]; exactly a and b at 0 and 1.

    Points stay in the cube of uniform latents, but are short vectors in many dimensions: the middle of two latents of d
    independent numbers has a length of about sqrt(d/2), and almost all latents one of about sqrt(d).
    """
    shape = (-1, *[1] * (a.dim() - 1))
    points: Tensor = torch.lerp(a.double(), b.double(), t.double().view(shape)).to(a.dtype)
    return points


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Interpolate spherically from a to b (N, ...) at t (N,) in [0, 1]; exactly a and b at 0 and 1.

    The direction moves on a great circle at constant angular speed, and the length changes linearly, so points between
    two latents are as long as the latents (Shoemake 1985; White 2016). This also suits uniform latents, whose lengths
    are as similar, although single numbers can leave the cube a little; `lerp` stays inside. For opposite vectors, the
    great circle through the axis that is closest to perpendicular is used. Single numbers are interpolated linearly.
    """
    start, end, share = a.double().flatten(1), b.double().flatten(1), t.double()[:, None]
    if start.shape[1] < 2:
        return lerp(a, b, t)
    first, last = _directions(start, end)
    turn = share * _angle(first, last)[:, None]
    direction = turn.cos() * first + turn.sin() * _perpendicular(first, last)
    length = torch.lerp(start.norm(dim=1, keepdim=True), end.norm(dim=1, keepdim=True), share)
    points: Tensor = torch.where(share == 0, start, torch.where(share == 1, end, direction * length))
    return points.to(a.dtype).view(a.shape)


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the length (N,) of the straight line from a to b (N, ...)."""
    length: Tensor = (b.double() - a.double()).flatten(1).norm(dim=1)
    return length


def angle(a: Tensor, b: Tensor) -> Tensor:
    """Return the angle (N,) in radians between vectors a and b (N, ...); 0 if one of them is zero."""
    return _angle(*_directions(a.double().flatten(1), b.double().flatten(1)))


PATHS: dict[str, tuple[Interpolation, Distance]] = {"slerp": (slerp, angle), "linear": (lerp, distance)}
"""Interpolations by name, each with the distance in which its speed is constant."""


def segments(keys: Tensor, *, loop: bool) -> tuple[Tensor, Tensor]:
    """Return the start and end points of the segments of a path through keys (K, ...); a loop returns to the first."""
    ends = keys.roll(-1, 0)
    return (keys, ends) if loop else (keys[:-1], ends[:-1])


def frame_positions(lengths: Tensor, frames: int, *, loop: bool) -> Tensor:
    """Return the positions (frames,) of frames on a path: 1.25 is a quarter of the second segment after its start.

    Every key has a frame. The number of steps of a segment is proportional to its length, rounded so that the longest
    step is as short as possible. The last frame of a loop is one step before its first.

    Args:
        lengths: lengths (S,) of the segments.
        frames: number of frames.
        loop: return to the first key at the end.

    Raises:
        ValueError: there are fewer frames than keys.
    """
    steps = [1] * len(lengths)
    spare = (frames if loop else frames - 1) - len(steps)
    if spare < 0:
        raise ValueError(f"{frames} frames are fewer than the keys; use at least as many")
    for _ in range(spare):
        longest = max(range(len(steps)), key=lambda index: float(lengths[index]) / steps[index])
        steps[longest] += 1
    positions = [index + step / count for index, count in enumerate(steps) for step in range(count)]
    return torch.tensor(positions if loop else [*positions, len(steps)], dtype=torch.float64)


def walk(keys: Tensor, positions: Tensor, *, loop: bool, between: Interpolation = slerp) -> Tensor:
    """Return the points (frames, ...) of a path through keys (K, ...), at positions from `frame_positions`."""
    starts, ends = segments(keys, loop=loop)
    positions = positions.to(keys.device)
    index = positions.long().clamp(max=len(starts) - 1)
    return between(starts[index], ends[index], positions - index)


def _directions(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the unit vectors (N, D) of a and b; a zero vector gets the direction of the other."""
    a, b = torch.where(a.any(1, keepdim=True), a, b), torch.where(b.any(1, keepdim=True), b, a)
    return F.normalize(a, dim=1), F.normalize(b, dim=1)


def _angle(first: Tensor, last: Tensor) -> Tensor:
    """Return the angle between unit vectors (N, D); unlike the arc cosine, exact for angles near 0 and pi."""
    return 2 * torch.atan2((last - first).norm(dim=1), (last + first).norm(dim=1))


def _perpendicular(first: Tensor, last: Tensor) -> Tensor:
    """Return unit vectors (N, D) perpendicular to `first`, in the plane of `first` and `last` if they span one."""
    axis = F.one_hot(first.abs().argmin(1), first.shape[1]).to(first)
    rest = last - (last * first).sum(1, keepdim=True) * first
    rest = F.normalize(torch.where(rest.norm(dim=1, keepdim=True) < 1e-12, axis, rest), dim=1)
    # Repeated, because a short rest is mostly rounding error, which need not be perpendicular.
    return F.normalize(rest - (rest * first).sum(1, keepdim=True) * first, dim=1)


if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)
