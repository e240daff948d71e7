"""Diversity of samples: the share of distinct samples, and the mean distance between samples.

A collapsed generator repeats itself. The metric `distinct` counts two samples as equal if their distance is below the
smallest distance between two training images. It thus needs no other threshold, and training images would score 1.

`diversity` detects a collapse during training. It is the root mean square difference of pixels after images are reduced
to at most 16x16, which suppresses fine noise. Points are not reduced.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.data.loader import images_at, random_rows
from gancli.metrics.context import Measurement, MetricContext

SAMPLES = 1_000

TRAIN = 2_000

MAX_SIDE = 16


def measure(context: MetricContext) -> list[Measurement]:
    """Measure the share of samples that no other sample repeats."""
    train = context.train()
    rows = random_rows(train, min(TRAIN, len(train.images)), seed=context.options.seed)
    real = nearest_distances(images_at(train, rows, context.device))
    threshold = float(real[real > 0].min()) if bool((real > 0).any()) else 0.0
    samples = context.samples(SAMPLES)
    distances = nearest_distances(samples)
    protocol = {
        "samples": len(samples),
        "train": len(rows),
        "distance": "root mean square of pixels in [-1, 1]",
        "threshold": threshold,
    }
    share = float((distances >= threshold).float().mean())
    observed = {"nearest": float(distances.min())}
    return [Measurement(metric="distinct", value=share, protocol=protocol, observed=observed)]


def nearest_distances(images: Tensor) -> Tensor:
    """Return the root mean square distance of each image (N, ...) to the nearest other one, (N,)."""
    vectors = images.flatten(1).float().cpu()
    shortest: Tensor = _distances(vectors).fill_diagonal_(math.inf).min(1).values
    return shortest / math.sqrt(vectors.shape[1])


def coarse(images: Tensor) -> Tensor:
    """Reduce images (N, C, H, W) to at most `MAX_SIDE` x `MAX_SIDE` pixels, as vectors (N, D) in float32."""
    height, width = images.shape[2:]
    return F.adaptive_avg_pool2d(images.float(), (min(MAX_SIDE, height), min(MAX_SIDE, width))).flatten(1)


def diversity(vectors: Tensor, groups: Tensor | None = None) -> float:
    """Return the mean distance between pairs of vectors, 0 if there are no pairs.

    Args:
        vectors: (N, D).
        groups: (N,), such as labels: only vectors of the same group are compared; None: all.
    """
    distances = _distances(vectors)
    pairs = torch.ones_like(distances, dtype=torch.bool) if groups is None else groups[:, None] == groups[None, :]
    compared = distances[pairs.triu(1)]
    return float(compared.mean()) / math.sqrt(vectors.shape[1]) if len(compared) else 0.0


def _distances(vectors: Tensor) -> Tensor:
    # Without matrix products, whose rounding error exceeds the distances between nearly equal images.
    return torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")
