"""How different images are from each other, coarsely: what a collapse takes from a generator.

The distance of two images is the root mean square of the difference of their pixels, after both were reduced to at most
16x16: what differs in fine noise alone hardly counts. Points are taken as they are.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 16


def coarse(images: Tensor) -> Tensor:
    """Images (N, C, H, W) as vectors (N, D), float32, of at most `SIDE` x `SIDE` pixels."""
    height, width = images.shape[2:]
    return F.adaptive_avg_pool2d(images.float(), (min(SIDE, height), min(SIDE, width))).flatten(1)


def diversity(vectors: Tensor, groups: Tensor | None = None) -> float:
    """The mean distance between two of them, 0 where there are no two.

    Args:
        vectors: (N, D).
        groups: (N,), compares only those of one group, as of one label; None: all.
    """
    # The direct form: the one through products is off by more than the distances of images that are nearly the same.
    distances = torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")
    pairs = torch.ones_like(distances, dtype=torch.bool) if groups is None else groups[:, None] == groups[None, :]
    chosen = distances[pairs.triu(1)]
    return float(chosen.mean()) / math.sqrt(vectors.shape[1]) if len(chosen) else 0.0
