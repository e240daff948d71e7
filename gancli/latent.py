"""Latent spaces: where z comes from, and the ways from one z to another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.family.context import Context

Noise = Literal["normal", "uniform"]

Between = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A way from one batch of vectors (N, ...) to another: where it is at t (N,), which runs from 0 to 1."""

Distance = Callable[[Tensor, Tensor], Tensor]
"""How long such a way is, (N,)."""


def noise(kind: Noise, n: int, latent_dim: int, ctx: Context) -> Tensor:
    """`n` latent vectors (n, latent_dim) of independent numbers with mean 0 and variance 1.

    `uniform` is on [-sqrt(3), sqrt(3)], the prior of Goodfellow et al. 2014's published settings.
    """
    if kind == "normal":
        return ctx.randn(n, latent_dim)
    return (2 * ctx.rand(n, latent_dim) - 1) * math.sqrt(3)


def label_weights(label: Tensor, count: int) -> Tensor:
    """Labels as weights (N, count) that sum to one: indices (N,) become one-hot rows, weights (N, count) stay."""
    return F.one_hot(label, count).float() if label.dim() == 1 else label


def straight(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Points (N, ...) on the straight line from a to b (N, ...) at t (N,) in [0, 1]; a and b themselves at 0 and 1.

    It never leaves the cube of uniform latents, but in many dimensions it runs through short vectors: half way between
    two latents of d independent numbers the length is about sqrt(d/2), where nearly all draws have about sqrt(d).
    """
    shape = (-1, *[1] * (a.dim() - 1))
    between: Tensor = torch.lerp(a.double(), b.double(), t.double().view(shape)).to(a.dtype)
    return between


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Points (N, ...) on the way from a to b (N, ...) at t (N,) in [0, 1]; a and b themselves at 0 and 1.

    The direction moves on a great circle at constant angular speed and the length changes linearly, so that a point
    between two latents is as long as they are (Shoemake 1985; White 2016). This suits uniform latents as well, whose
    lengths agree as closely, though single numbers may leave the cube a little; `straight` stays inside. Opposite
    vectors have no shortest circle, so one is taken through the axis to which they are most nearly perpendicular; a
    single number has no direction to turn, so its way is straight.
    """
    start, end, share = a.double().flatten(1), b.double().flatten(1), t.double()[:, None]
    if start.shape[1] < 2:
        return straight(a, b, t)
    first, last = _directions(start, end)
    turned = share * _angle(first, last)[:, None]
    direction = turned.cos() * first + turned.sin() * _perpendicular(first, last)
    length = torch.lerp(start.norm(dim=1, keepdim=True), end.norm(dim=1, keepdim=True), share)
    between: Tensor = torch.where(share == 0, start, torch.where(share == 1, end, direction * length))
    return between.to(a.dtype).view(a.shape)


def distance(a: Tensor, b: Tensor) -> Tensor:
    """The length (N,) of the straight way from a to b (N, ...)."""
    length: Tensor = (b.double() - a.double()).flatten(1).norm(dim=1)
    return length


def angle(a: Tensor, b: Tensor) -> Tensor:
    """The angle (N,) in radians between vectors a and b (N, ...); 0 where one of them is zero."""
    return _angle(*_directions(a.double().flatten(1), b.double().flatten(1)))


PATHS: dict[str, tuple[Between, Distance]] = {"slerp": (slerp, angle), "linear": (straight, distance)}
"""The ways between latents by name, each with the measure by which it runs at constant speed."""


def stretches(keys: Tensor, *, loop: bool) -> tuple[Tensor, Tensor]:
    """Where each stretch of a path through keys (K, ...) begins and ends; a loop has one more, back to the first."""
    ends = keys.roll(-1, 0)
    return (keys, ends) if loop else (keys[:-1], ends[:-1])


def pace(lengths: Tensor, frames: int, *, loop: bool) -> Tensor:
    """The places (frames,) of a walk's frames, in stretches: 1.25 is a quarter of the way from the second key on.

    Every key is hit exactly. The steps go to the stretches (S,) in proportion to their lengths, rounded so that the
    longest step is as short as it can be. The last frame of a loop is one step before its first.

    Raises:
        ValueError: there are fewer frames than keys.
    """
    steps = [1] * len(lengths)
    spare = (frames if loop else frames - 1) - len(steps)
    if spare < 0:
        raise ValueError(f"{frames} frames are fewer than the keys")
    for _ in range(spare):
        longest = max(range(len(steps)), key=lambda index: float(lengths[index]) / steps[index])
        steps[longest] += 1
    places = [index + step / count for index, count in enumerate(steps) for step in range(count)]
    return torch.tensor(places if loop else [*places, len(steps)], dtype=torch.float64)


def walk(keys: Tensor, places: Tensor, *, loop: bool, between: Between = slerp) -> Tensor:
    """The points (frames, ...) of a path through keys (K, ...), at places as `pace` gives them."""
    starts, ends = stretches(keys, loop=loop)
    places = places.to(keys.device)
    index = places.long().clamp(max=len(starts) - 1)
    return between(starts[index], ends[index], places - index)


def _directions(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors (N, D) along a and b; a zero vector has the direction of the other."""
    a, b = torch.where(a.any(1, keepdim=True), a, b), torch.where(b.any(1, keepdim=True), b, a)
    return F.normalize(a, dim=1), F.normalize(b, dim=1)


def _angle(first: Tensor, last: Tensor) -> Tensor:
    """Between unit vectors (N, D); unlike the arc cosine, exact for small angles and for those near pi."""
    return 2 * torch.atan2((last - first).norm(dim=1), (last + first).norm(dim=1))


def _perpendicular(first: Tensor, last: Tensor) -> Tensor:
    """Unit vectors (N, D) perpendicular to `first`, in its plane with `last` where the two span one."""
    axis = F.one_hot(first.abs().argmin(1), first.shape[1]).to(first)
    rest = last - (last * first).sum(1, keepdim=True) * first
    rest = F.normalize(torch.where(rest.norm(dim=1, keepdim=True) < 1e-12, axis, rest), dim=1)
    # Once more, because a short rest is mostly rounding, which need not be perpendicular.
    return F.normalize(rest - (rest * first).sum(1, keepdim=True) * first, dim=1)
