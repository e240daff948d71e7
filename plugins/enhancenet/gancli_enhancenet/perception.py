"""Distances between features (N, C, H, W) of images, as in Sajjadi et al. 2017.

The features of an image are first divided by their mean over all channels and pixels, so that the weight of a layer
does not depend on the scale of its features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST_MEAN = 1e-6
"""Smallest divisor of features; features that are all zero stay zero."""


def normalised(features: Tensor) -> Tensor:
    """Return features with a mean of 1 for each image."""
    return features / features.mean((1, 2, 3), keepdim=True).clamp_min(SMALLEST_MEAN)


def distance(features: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference of normalised features."""
    return F.mse_loss(normalised(features), normalised(target))


def texture_distance(features: Tensor, target: Tensor, *, patch: int) -> Tensor:
    """Return the mean squared difference of the Gram matrices of all patches of normalised features.

    A Gram matrix contains the correlations of channels, but not their positions in the patch. Incomplete patches at the
    lower and right borders are ignored.

    Args:
        features: (N, C, H, W).
        target: (N, C, H, W).
        patch: side of the square patches, at most H and W.
    """
    actual_gram, target_gram = (_gram(_patches(normalised(x), patch)) for x in (features, target))
    return F.mse_loss(actual_gram, target_gram)


def _patches(features: Tensor, patch: int) -> Tensor:
    """Return the patches (P, C, patch * patch) of all images."""
    count, channels, height, width = features.shape
    rows, columns = height // patch, width // patch
    complete = features[:, :, : rows * patch, : columns * patch]
    blocks = complete.reshape(count, channels, rows, patch, columns, patch).permute(0, 2, 4, 1, 3, 5)
    return blocks.reshape(count * rows * columns, channels, patch * patch)


def _gram(patches: Tensor) -> Tensor:
    """Return Gram matrices (P, C, C) of patches (P, C, pixels), summed over pixels; never in reduced precision."""
    with torch.autocast(patches.device.type, enabled=False):
        return patches @ patches.transpose(1, 2)
