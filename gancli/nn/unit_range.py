"""Between the [-1, 1] of images in the toolkit and the [0, 1] in which some papers' networks work."""

from __future__ import annotations

from torch import Tensor, nn


class UnitSigmoid(nn.Module):
    """The sigmoid of a network that works in [0, 1], given in [-1, 1]: 2 sigmoid(x) - 1 = tanh(x / 2)."""

    def forward(self, x: Tensor) -> Tensor:
        return (x / 2).tanh()


class ToUnitRange(nn.Module):
    """Images from [-1, 1] to [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + 1) / 2
