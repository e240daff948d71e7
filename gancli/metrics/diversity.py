"""Whether samples differ: the plainest sign of a collapsed generator is that it repeats itself.

Two samples count as the same where they are nearer to each other than any two training images are. So the measure needs
no threshold of ours, and training images themselves would score 1.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.data.batches import images_at, some_rows
from gancli.metrics.context import Measurement, MetricContext

SAMPLES = 1_000

REAL = 2_000


def measure(subject: MetricContext) -> list[Measurement]:
    """The share of samples that no other sample repeats."""
    train = subject.train()
    rows = some_rows(train, min(REAL, len(train.images)), seed=subject.options.seed)
    real = nearest(images_at(train, rows, subject.device))
    between = float(real[real > 0].min()) if bool((real > 0).any()) else 0.0
    samples = subject.samples(SAMPLES)
    found = nearest(samples)
    protocol = {
        "samples": len(samples),
        "train": len(rows),
        "distance": "root mean square of pixels in [-1, 1]",
        "threshold": between,
    }
    share = float((found >= between).float().mean())
    observed = {"nearest": float(found.min())}
    return [Measurement(metric="distinct", value=share, protocol=protocol, observed=observed)]


def nearest(images: Tensor) -> Tensor:
    """Of each image (N, ...), the root mean square distance to the nearest other one, (N,)."""
    flat = images.flatten(1).float().cpu()
    # The direct form: the one through products is off by more than the distances of images that are nearly the same.
    distances = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(math.inf)
    shortest: Tensor = distances.min(1).values
    return shortest / math.sqrt(flat.shape[1])


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
