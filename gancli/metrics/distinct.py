"""Whether samples differ: the plainest sign of a collapsed generator is that it repeats itself.

Two samples count as the same where they are nearer to each other than any two training images are. So the measure needs
no threshold of ours, and training images themselves would score 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gancli.data.tensors import images_at, some_rows
from gancli.metrics.subject import Measurement, Subject

SAMPLES = 1_000
REAL = 2_000


def measure(subject: Subject) -> list[Measurement]:
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
