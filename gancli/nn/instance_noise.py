"""Noise on everything that a discriminator sees."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class InstanceNoise(nn.Module):
    """Adds normal noise to images (N, C, H, W) in training, real and fake alike; does nothing in evaluation.

    Both distributions are blurred in the same way, so that the optimum stays, while a discriminator can no longer tell
    them apart by details too fine for the noise. Sonderby et al. 2017, "Amortised MAP Inference for Image
    Super-resolution"; Arjovsky and Bottou 2017.

    Args:
        std: of the noise, where images are in [-1, 1].
    """

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, images: Tensor) -> Tensor:
        return images + self.std * torch.randn_like(images) if self.training else images

    def extra_repr(self) -> str:
        return f"std={self.std}"
