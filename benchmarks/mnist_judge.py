"""Evaluation of generated MNIST digits with a LeNet that was trained elsewhere.

The Fréchet distance of its features is called FD(LeNet). It is no FID, which uses Inception, and is not comparable with
published values. For scale: real test images 0.7, one digit missing 25, noise 938.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.metrics.fd import frechet_distance_of_features

BATCH = 1_000


class LeNet(nn.Module):
    """From digits (N, 1, H, W) in [-1, 1] to features (N, 84) and logits (N, 10).

    Args:
        weights: `mnist_lenet.pth`, with an accuracy of 99.08 % on MNIST's test images; its input is 32x32 in [0, 1].
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.c1, self.c3, self.c5 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5), nn.Conv2d(16, 120, 5)
        self.f6, self.f7 = nn.Linear(120, 84), nn.Linear(84, 10)
        state = torch.load(weights, map_location="cpu", weights_only=True)
        self.load_state_dict({key.split(".", 1)[1]: value for key, value in state.items()})
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = F.interpolate((images + 1) / 2, (32, 32), mode="bilinear", align_corners=False)
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c3(x)), 2)
        features = F.relu(self.f6(F.relu(self.c5(x)).flatten(1)))
        return features, self.f7(features)

    def features(self, images: Tensor) -> Tensor:
        return torch.cat([self(part)[0] for part in images.split(BATCH)])

    def read(self, images: Tensor) -> Tensor:
        """Return the predicted digits, (N,)."""
        return torch.cat([self(part)[1].argmax(1) for part in images.split(BATCH)])


def distance(judge: LeNet, images: Tensor, real: Tensor) -> float:
    """Return FD(LeNet) between two sets of images."""
    return frechet_distance_of_features(judge.features(images), judge.features(real))
