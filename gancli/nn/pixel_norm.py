"""Normalisation of every pixel by itself. Karras et al. 2018, "Progressive Growing of GANs for Improved Quality,
Stability, and Variation", section 4.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

NORM_EPSILON = 1e-8


class PixelNorm(nn.Module):
    """x / sqrt(mean(x^2) + 1e-8) over the channels of (N, C, ...), so that every pixel has a mean square of 1.

    A latent vector (N, latent_dim) is brought to the length sqrt(latent_dim), not to 1. There is nothing to learn.
    """

    def forward(self, x: Tensor) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)  # half precision would round the sum
        length = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=exact)
        normed: Tensor = x * (length.square() / x.shape[1] + NORM_EPSILON).rsqrt().to(x.dtype)
        return normed
