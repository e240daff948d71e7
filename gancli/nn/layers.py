"""Layers that several networks share: normalisation that treats each image on its own, residual blocks, maxout units
and conversions of the value range.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from gancli.nn.cpu_convolution import instance_norm

NormKind = Literal["batch", "instance", "instance_affine", "none"]


class PerImageBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation of (N, C, H, W) without running statistics: uses the statistics of the batch in training
    mode, and those of each single image in eval mode.

    Isola et al. 2017 normalise a test image by its own statistics. For a batch of one image both are the same, and
    equal to instance normalisation.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return super().forward(x)
        return instance_norm(x, self.weight, self.bias, eps=self.eps)


class InstanceNorm2d(nn.InstanceNorm2d):
    """`torch.nn.InstanceNorm2d` without running statistics, which keeps the channels-last format on a CPU."""

    keeps_channels_last = True

    def forward(self, x: Tensor) -> Tensor:
        return instance_norm(x, self.weight, self.bias, eps=self.eps)


def make_norm(kind: NormKind, channels: int) -> nn.Module:
    """Return a normalisation layer; `batch` and `instance_affine` have a scale and a shift per channel."""
    if kind == "batch":
        return PerImageBatchNorm2d(channels)
    if kind == "none":
        return nn.Identity()
    return InstanceNorm2d(channels, affine=kind == "instance_affine")


class Residual(nn.Module):
    """x + f(x) for layers f that keep the shape of x (He et al. 2016)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.layers(x)
        return x + change


class Maxout(nn.Module):
    """Fully connected layer, (N, inputs) to (N, units), whose units are the maximum of several linear pieces
    (Goodfellow et al. 2013).
    """

    def __init__(self, inputs: int, units: int, *, pieces: int) -> None:
        super().__init__()
        self.units = units
        self.pieces = pieces
        self.linear = nn.Linear(inputs, units * pieces)

    def forward(self, x: Tensor) -> Tensor:
        pieces: Tensor = self.linear(x).unflatten(1, (self.units, self.pieces))
        return pieces.amax(2)


class UnitSigmoid(nn.Module):
    """The sigmoid of a network with pixels in [0, 1], mapped to [-1, 1]: 2 sigmoid(x) - 1 = tanh(x / 2)."""

    def forward(self, x: Tensor) -> Tensor:
        return (x / 2).tanh()


class ToUnitRange(nn.Module):
    """Map images from [-1, 1] to [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + 1) / 2
