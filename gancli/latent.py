"""Latent spaces: where z comes from."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from gancli.family import Context

Noise = Literal["normal", "uniform"]


def noise(kind: Noise, n: int, latent_dim: int, ctx: Context) -> Tensor:
    """`n` latent vectors (n, latent_dim) of independent numbers with mean 0 and variance 1.

    `uniform` is on [-sqrt(3), sqrt(3)], the prior of Goodfellow et al. 2014's published settings.
    """
    if kind == "normal":
        return ctx.randn(n, latent_dim)
    return (2 * ctx.rand(n, latent_dim) - 1) * math.sqrt(3)
