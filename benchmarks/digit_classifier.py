"""The classification accuracy score: what a classifier that learned from samples alone reads of real test images.

Ravuri and Vinyals 2019. It falls where a label's samples are all alike, which the accuracy of the labels does not see.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPOCHS = 5
BATCH = 128


def classification_accuracy(images: Tensor, labels: Tensor, test: Tensor, answers: Tensor) -> float:
    """The share of test images that a small network reads after learning from `images`.

    Args:
        images: (N, 1, H, W) in [-1, 1], samples or real.
        labels: (N,), what they were asked to show.
        test: (M, 1, H, W), prepared as the training images were.
        answers: (M,).
    """
    torch.manual_seed(0)
    channels, height, width = images.shape[1:]
    network = nn.Sequential(
        nn.Conv2d(channels, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * (height // 4) * (width // 4), 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[rows]), labels[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        read = torch.cat([network(part).argmax(1) for part in test.split(1_000)])
    return float((read == answers).float().mean())
