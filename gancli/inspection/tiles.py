"""Weights and gradients as images that a person can read."""

from __future__ import annotations

import torch
from torch import Tensor


def filter_tiles(filters: Tensor) -> Tensor:
    """Filters (N, C, h, w), each stretched from its least to its largest weight, as images in [-1, 1].

    With 1 or 3 channels a filter is one grey or coloured image; with any other number its channels are grey images
    side by side, (N, 1, h, C w). One whose weights are all alike is grey.
    """
    if filters.shape[1] not in (1, 3):
        filters = torch.cat(torch.split(filters, 1, dim=1), dim=3)
    least, largest = filters.flatten(1).aminmax(dim=1)
    middle, half = (least + largest) / 2, (largest - least) / 2
    return (filters - _spread(middle)) / _spread(half.where(half > 0, 1.0))


def around_zero(gradients: Tensor) -> Tensor:
    """Gradients (N, C, H, W), each divided by its largest absolute value: in [-1, 1], and 0 is grey."""
    largest = gradients.abs().flatten(1).amax(1)
    return gradients / _spread(largest.where(largest > 0, 1.0))


def in_colour(images: Tensor) -> Tensor:
    """Images (N, C, H, W) without their opacity: 1 or 3 channels."""
    return images[:, :3] if images.shape[1] > 3 else images


def _spread(values: Tensor) -> Tensor:
    return values[:, None, None, None]
