"""Images that are remembered from one step to the next, as a discriminator may be shown again what it saw before."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImageMemory(nn.Module):
    """Holds up to `capacity` images, and how many it holds.

    It has no parameters, so it is state of the run: moved, checkpointed and restored with the networks, and never
    compiled. It changes with every call, so it is called once for every batch that a discriminator is to be trained on:
    in that player's loss, which runs once for every part of a batch, and nowhere else.

    Args:
        capacity: images that it keeps; 0: none, and every image passes by.
        shape: (C, H, W) of an image.
    """

    images: Tensor
    count: Tensor

    def __init__(self, capacity: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.capacity = capacity
        self.register_buffer("images", torch.zeros(capacity, *shape))
        self.register_buffer("count", torch.zeros(1, dtype=torch.long))

    def extra_repr(self) -> str:
        return f"capacity={self.capacity}"
