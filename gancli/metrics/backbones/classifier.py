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

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from gancli.data.batches import images_at
from gancli.data.source import PackedDataset
from gancli.errors import DataError
from gancli.io.files import write_atomically
from gancli.metrics.backbones.backbone import Answers
from gancli.weights.download import sha256_of
from gancli.weights.safetensors_file import read_tensors

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


def train(packed: PackedDataset) -> Classifier:
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


KEY = "gancli-classifier"


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a classifier reads, and what it tells apart.

    Args:
        channels: of the images.
        height: of them, before it averages them down.
        width: of them.
        labels: their names, in the order of the logits.
        version: of the code that trained it.
    """

    channels: int
    height: int
    width: int
    labels: tuple[str, ...]
    version: int = VERSION

    def build(self) -> Classifier:
        return Classifier(self.channels, self.height, self.width, len(self.labels)).requires_grad_(False).eval()


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A classifier that lies in a file, whose SHA-256 is its digest."""

    network: Classifier
    description: Description
    digest: str


def write(path: Path, network: Classifier, description: Description) -> None:
    """Writes a classifier.

    Raises:
        OSError: the disk refuses; nothing half written is left.
    """
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    content = save(tensors, metadata={KEY: json.dumps(asdict(description))})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)


def read(path: Path) -> Saved:
    """The classifier of a file.

    Raises:
        DataError: it is none that `write` wrote, or one of another version of gancli.
    """
    described = _described(path)
    try:
        description = Description(**{**described, "labels": tuple(map(str, described["labels"]))})
        if description.version != VERSION:
            raise DataError(f"{path} is a classifier of another version of gancli; have it trained again")
        network = description.build()
        network.load_state_dict(read_tensors(path))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{path} is a damaged classifier ({str(error).splitlines()[0]}); have it trained again"
        ) from None
    return Saved(network=network, description=description, digest=sha256_of(path))


def _described(path: Path) -> dict[str, Any]:
    read_tensors(path)  # refuses what claims too much before anything else opens it
    with suppress(SafetensorError, OSError, ValueError):
        with safe_open(path, "pt") as opened:
            described = json.loads((opened.metadata() or {})[KEY]) if KEY in (opened.metadata() or {}) else None
        if isinstance(described, dict):
            return described
    raise DataError(f"{path} is no classifier that gancli trained; name one, the directory of a run, or `inception`")
