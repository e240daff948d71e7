"""How far images are from known ones by plain means, which need no network: what a model's score is held against."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

AXES_FROM = 4_096
"""Known images that principal axes are taken from, at most, where an image has more numbers than that."""

DISTANCE_BATCH = 500


def pca_error(known: Tensor, images: Tensor, *, components: int = 20) -> Tensor:
    """The mean squared error (M,) of images (M, ...) after projection onto principal components of known ones (N, ...).

    With fewer known images, or fewer numbers in an image, there are as many components as there can be.
    """
    table = known.flatten(1).double()
    mean = table.mean(0)
    rest = images.flatten(1).double() - mean
    found = rest @ principal_axes(table - mean, components)
    # The axes are orthonormal, so that by Pythagoras what they explain is what is missing from the error.
    error: Tensor = (rest.square().sum(1) - found.square().sum(1)).clamp(min=0) / rest.shape[1]
    return error


def principal_axes(table: Tensor, components: int) -> Tensor:
    """Orthonormal axes (D, components) of rows (N, D) whose mean is zero, those of the largest variance."""
    if table.shape[1] > AXES_FROM:
        table = table[_evenly_spaced(len(table), AXES_FROM)]
    if len(table) < table.shape[1]:
        values, rows = torch.linalg.eigh(table @ table.T)
        kept = values[-components:] > values[-1] * 1e-12
        axes = F.normalize(table.T @ rows[:, -components:][:, kept], dim=0)
    else:
        axes = torch.linalg.eigh(table.T @ table).eigenvectors[:, -components:]
    return axes


def nearest_distance(known: Tensor, images: Tensor) -> Tensor:
    """The Euclidean distance (M,) of images (M, ...) from the nearest of known ones (N, ...)."""
    table, rows = known.flatten(1), images.flatten(1)
    parts = (rows[start : start + DISTANCE_BATCH] for start in range(0, len(rows), DISTANCE_BATCH))
    return torch.cat([torch.cdist(part, table).amin(1) for part in parts])


def _evenly_spaced(count: int, wanted: int) -> Tensor:
    return torch.arange(min(count, wanted)) * count // min(count, wanted)
