"""Maxout. Goodfellow et al. 2013, "Maxout Networks"."""

from __future__ import annotations

from torch import Tensor, nn


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
