"""Distances of images by their features, (N, C, H, W), as Sajjadi et al. 2017 measure them.

Features of an image are divided by their mean over all channels and places first, so that a layer's weight means the
same whatever the scale of its features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST_MEAN = 1e-6
"""By which features are divided at least: an image without any has none after it either."""


def normalised(features: Tensor) -> Tensor:
    """Features of mean 1 for each image."""
    return features / features.mean((1, 2, 3), keepdim=True).clamp_min(SMALLEST_MEAN)


def distance(features: Tensor, wanted: Tensor) -> Tensor:
    """The mean squared difference of normalised features."""
    return F.mse_loss(normalised(features), normalised(wanted))


def texture_distance(features: Tensor, wanted: Tensor, *, patch: int) -> Tensor:
    """The mean squared difference of the Gram matrices of every patch of normalised features.

    A Gram matrix holds which channels answer together, and not where within its patch; what is left at the lower and
    right borders of no whole patch does not count.

    Args:
        features: (N, C, H, W).
        wanted: the same.
        patch: side of the square patches, at most H and W.
    """
    drawn, real = (_gram(_patches(normalised(each), patch)) for each in (features, wanted))
    return F.mse_loss(drawn, real)


def _patches(features: Tensor, patch: int) -> Tensor:
    """(patches of all images, C, patch * patch)."""
    count, channels, height, width = features.shape
    rows, columns = height // patch, width // patch
    whole = features[:, :, : rows * patch, : columns * patch]
    blocks = whole.reshape(count, channels, rows, patch, columns, patch).permute(0, 2, 4, 1, 3, 5)
    return blocks.reshape(count * rows * columns, channels, patch * patch)


def _gram(patches: Tensor) -> Tensor:
    """(P, C, C) of patches (P, C, places), summed over the places; never in a shorter precision."""
    with torch.autocast(patches.device.type, enabled=False):
        return patches @ patches.transpose(1, 2)
