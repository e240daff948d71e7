"""Normalisation of networks that translate images, where one image must not depend on those beside it."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NormKind = Literal["batch", "instance", "instance_affine", "none"]


class OwnBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation of (N, C, H, W) that remembers no statistics: those of the batch in training, those of each
    image by itself in evaluation.

    Isola et al. 2017 normalise a test image by its own statistics. In a batch of one the two are the same, and equal
    instance normalisation.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return super().forward(x)
        return instance_norm(x, self.weight, self.bias, eps=self.eps)


class InstanceNorm2d(nn.InstanceNorm2d):
    """`torch.nn.InstanceNorm2d` without running statistics, through `instance_norm`."""

    def forward(self, x: Tensor) -> Tensor:
        return instance_norm(x, self.weight, self.bias, eps=self.eps)


def instance_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None, *, eps: float) -> Tensor:
    """`torch.nn.functional.instance_norm` of (N, C, H, W), which on a CPU does not mind channels being last.

    The library's turns them first, which takes several times as long as normalising. Of a batch of one, batch
    normalisation is the same, and does not.
    """
    if x.device.type != "cpu" or (len(x) > 1 and x.is_contiguous()):
        return F.instance_norm(x, weight=weight, bias=bias, eps=eps)
    images = [F.batch_norm(image, None, None, weight, bias, training=True, eps=eps) for image in x.chunk(len(x))]
    return images[0] if len(images) == 1 else torch.cat(images)


def make_norm(kind: NormKind, channels: int) -> nn.Module:
    """The layer: `instance` scales and shifts nothing, `instance_affine` and `batch` do so by channel."""
    if kind == "batch":
        return OwnBatchNorm2d(channels)
    if kind == "none":
        return nn.Identity()
    return InstanceNorm2d(channels, affine=kind == "instance_affine")


class Maxout(nn.Module):
    """A fully connected layer whose units are each the largest of several linear pieces: (N, inputs) to (N, units)."""

    def __init__(self, inputs: int, units: int, *, pieces: int) -> None:
        super().__init__()
        self.units = units
        self.pieces = pieces
        self.linear = nn.Linear(inputs, units * pieces)

    def forward(self, x: Tensor) -> Tensor:
        pieces: Tensor = self.linear(x).unflatten(1, (self.units, self.pieces))
        return pieces.amax(2)


class UnitSigmoid(nn.Module):
    """The sigmoid of a network that works in [0, 1], given in [-1, 1]: 2 sigmoid(x) - 1 = tanh(x / 2)."""

    def forward(self, x: Tensor) -> Tensor:
        return (x / 2).tanh()


class ToUnitRange(nn.Module):
    """Images from [-1, 1] to [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + 1) / 2
