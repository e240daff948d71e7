"""A small network that learns the data's own labels: the backbone that needs nothing but the data.

Two convolutions and two rows, with batch normalisation and dropout. It sees images moved, turned, sheared and resized a
little, without which it would know a few thousand images by heart. Its features are the 64 activations before the last
row, in a unit in which their mean square on training images is 1. Images beyond 32x32 are averaged down first, so that
it is trained in less than a minute whatever the data.

It is a function of its images and labels alone: it is trained on the CPU, in one thread, from a stream of its own, so
that the same machine gives the same bytes again, however many threads the program has. On another processor, or with
another version of PyTorch, sums round otherwise; its hash tells.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.data.source import Packed
from gancli.data.tensors import images_at
from gancli.metrics.backbones.backbone import Answers

VERSION = 1
"""Of all that is in this module: of networks trained by another one, none is used again."""

FEATURES = 64
SIDE = 32
"""Larger images are averaged down to it."""

BATCH = 128
SEEN, MOST = 50_000, 100_000
"""Images that it sees in training: twice all of them, but at least the one and at most the other."""

RATE = 3e-3

KNOWN = 1_000
"""Training images that set the unit of features."""


class Classifier(nn.Module):
    """Images (N, C, H, W) in [-1, 1] to `Answers`.

    Args:
        channels: of the images.
        height: of them.
        width: of them.
        labels: how many.
    """

    def __init__(self, channels: int, height: int, width: int, labels: int) -> None:
        super().__init__()
        self.size = min(height, SIDE), min(width, SIDE)
        places = math.prod(math.ceil(side / 4) for side in self.size)
        self.body = nn.Sequential(
            nn.Conv2d(channels, 32, 5, stride=2, padding=2),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 5, stride=2, padding=2),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.3),
        )
        self.last = nn.Linear(64 * places, FEATURES)
        self.head = nn.Linear(FEATURES, labels)

    def forward(self, images: Tensor) -> Answers:
        features = self.last(self.body(self.reduced(images))).relu()
        return Answers(features, self.head(features))

    def reduced(self, images: Tensor) -> Tensor:
        """The images at the size that it works at."""
        return images if images.shape[2:] == self.size else F.adaptive_avg_pool2d(images, self.size)

    @property
    def input(self) -> str:
        return f"{self.size[0]}x{self.size[1]}, averaged where larger"


def train(packed: Packed) -> Classifier:
    """A network that has learned the labels of the images, in eval mode and without gradients, on the CPU."""
    assert packed.labels is not None
    labels = torch.from_numpy(packed.labels)
    spec, count = packed.spec, len(packed.images)
    with _apart():
        network = Classifier(spec.channels, spec.height, spec.width, len(spec.labels))
        network.to(memory_format=torch.channels_last)  # a fifth faster
        generator = torch.Generator().manual_seed(0)
        steps = math.ceil(min(max(SEEN, 2 * count), MOST) / BATCH)
        optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        for rows in islice(_rows(count, generator), steps):
            shown = network.reduced(images_at(packed, rows.numpy(), torch.device("cpu")))
            optimizer.zero_grad()
            logits = network(moved(shown, generator)).logits
            F.cross_entropy(logits, labels[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        network.requires_grad_(False).eval()
        known = torch.randperm(count, generator=generator)[:KNOWN].numpy()
        _rescale(network, network(images_at(packed, known, torch.device("cpu"))).features)
    return network


def moved(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images (N, C, H, W), each turned by up to 12 degrees, sheared by 0.14, resized by a tenth and moved by 0.08 of
    its side; what comes in at the edges is the edge.
    """
    angle, shear, scale, right, down = (2 * torch.rand(5, len(images), generator=generator) - 1).unbind()
    angle, shear, scale = angle * math.radians(12), shear * 0.14, 1 + scale / 10
    cos, sin = angle.cos() / scale, angle.sin() / scale
    # Of positions in [-1, 1], so that 0.08 of a side is 0.16.
    rows = torch.stack([cos, shear * cos - sin, 0.16 * right, sin, shear * sin + cos, 0.16 * down], 1).view(-1, 2, 3)
    grid = F.affine_grid(rows, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _rescale(network: Classifier, features: Tensor) -> None:
    """Makes the mean square of these features 1. No logit changes, since a rectifier hands a factor on."""
    length = features.square().mean().sqrt().clamp(min=1e-6)
    for parameter in network.last.parameters():
        parameter.div_(length)
    network.head.weight.mul_(length)


def _rows(count: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Batches of row numbers, without end: one random order after the other, so that every batch is full."""
    left = torch.empty(0, dtype=torch.int64)
    while True:
        while len(left) < BATCH:
            left = torch.cat([left, torch.randperm(count, generator=generator)])
        yield left[:BATCH]
        left = left[BATCH:]


@contextmanager
def _apart() -> Iterator[None]:
    """Exact and repeatable, and without a trace: whatever calls this may itself be in the middle of a training."""
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("highest")
    try:
        with (
            torch.random.fork_rng(devices=[]),
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast("cpu", enabled=False),
        ):
            torch.default_generator.manual_seed(0)  # the first weights and the dropout; of no other device
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
