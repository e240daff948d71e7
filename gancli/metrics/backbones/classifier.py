"""Classifier of the data's own labels: the backbone that needs nothing but the data.

It has two convolutions and two linear layers, with batch normalisation and dropout. Training images are randomly
shifted, rotated, sheared and rescaled, since the network would otherwise memorise a few thousand images. The features
are the 64 activations before the last layer, scaled so that their mean square on training images is 1. Images larger
than 32x32 are averaged down first, so that training takes less than a minute for any data.

The weights depend on images and labels only: training runs on the CPU, in one thread, with its own random stream, so
the same machine always produces the same bytes, whatever number of threads the program uses. Another processor or
another version of PyTorch rounds differently; the hash shows it.

A classifier is stored as a safetensors file. Its description is one JSON entry of the header, since the order of
several entries would vary: equal classifiers are equal files.
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

from gancli.data.loader import images_at
from gancli.data.source import PackedDataset
from gancli.errors import DataError
from gancli.io.files import write_atomically
from gancli.metrics.backbones import BackboneOutput
from gancli.weights.download import sha256_of
from gancli.weights.safetensors_file import CONTENT, content_digest, read_tensors

VERSION = 1
"""Version of this module; classifiers of another version are trained again."""

FEATURES = 64

MAX_SIDE = 32
"""Larger images are averaged down to this side."""

BATCH_SIZE = 128

MIN_IMAGES, MAX_IMAGES = 50_000, 100_000
"""Bounds of the length of training, in images; within them it is two epochs."""

LEARNING_RATE = 3e-3

SCALE_IMAGES = 1_000
"""Number of training images that determine the scale of the features."""

METADATA_KEY = "gancli-classifier"


class Classifier(nn.Module):
    """From images (N, C, H, W) in [-1, 1] to `BackboneOutput`.

    Args:
        channels: number of channels of the images.
        height: height of the images.
        width: width of the images.
        labels: number of labels.
    """

    def __init__(self, channels: int, height: int, width: int, labels: int) -> None:
        super().__init__()
        self.size = min(height, MAX_SIDE), min(width, MAX_SIDE)
        positions = math.prod(math.ceil(side / 4) for side in self.size)
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
        self.last = nn.Linear(64 * positions, FEATURES)
        self.head = nn.Linear(FEATURES, labels)

    def forward(self, images: Tensor) -> BackboneOutput:
        features = self.last(self.body(self.reduce(images))).relu()
        return BackboneOutput(features, self.head(features))

    def reduce(self, images: Tensor) -> Tensor:
        """Reduce the images to the size that the network uses."""
        return images if images.shape[2:] == self.size else F.adaptive_avg_pool2d(images, self.size)

    @property
    def input(self) -> str:
        return f"{self.size[0]}x{self.size[1]}, averaged where larger"


@dataclass(frozen=True, kw_only=True)
class Description:
    """Input and labels of a classifier.

    Args:
        channels: number of channels of the images.
        height: height of the images, before they are averaged down.
        width: width of the images.
        labels: names of the labels, in the order of the logits.
        version: version of the code that trained it.
    """

    channels: int
    height: int
    width: int
    labels: tuple[str, ...]
    version: int = VERSION

    def build(self) -> Classifier:
        return Classifier(self.channels, self.height, self.width, len(self.labels)).requires_grad_(False).eval()


@dataclass(frozen=True, kw_only=True)
class SavedClassifier:
    """A classifier read from a file, with the SHA-256 of the file as digest."""

    network: Classifier
    description: Description
    digest: str


def train(packed: PackedDataset) -> Classifier:
    """Train a classifier on labelled images; returned in eval mode and without gradients, on the CPU."""
    assert packed.labels is not None
    labels = torch.from_numpy(packed.labels)
    spec, count = packed.spec, len(packed.images)
    with _reproducible():
        network = Classifier(spec.channels, spec.height, spec.width, len(spec.labels))
        network.to(memory_format=torch.channels_last)  # a fifth faster
        generator = torch.Generator().manual_seed(0)
        steps = math.ceil(min(max(MIN_IMAGES, 2 * count), MAX_IMAGES) / BATCH_SIZE)
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
        for rows in islice(_shuffled_batches(count, generator), steps):
            images = network.reduce(images_at(packed, rows.numpy(), torch.device("cpu")))
            optimizer.zero_grad()
            logits = network(augment(images, generator)).logits
            F.cross_entropy(logits, labels[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        network.requires_grad_(False).eval()
        rows = torch.randperm(count, generator=generator)[:SCALE_IMAGES]
        _rescale_features(network, network(images_at(packed, rows.numpy(), torch.device("cpu"))).features)
    return network


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Transform images (N, C, H, W) randomly, with replicated edges.

    Each image is rotated by up to 12 degrees, sheared by up to 0.14, rescaled by up to a tenth and shifted by up to
    0.08 of its side.
    """
    angle, shear, scale, right, down = (2 * torch.rand(5, len(images), generator=generator) - 1).unbind()
    angle, shear, scale = angle * math.radians(12), shear * 0.14, 1 + scale / 10
    cos, sin = angle.cos() / scale, angle.sin() / scale
    # Positions are in [-1, 1], so 0.08 of a side is 0.16.
    rows = torch.stack([cos, shear * cos - sin, 0.16 * right, sin, shear * sin + cos, 0.16 * down], 1).view(-1, 2, 3)
    grid = F.affine_grid(rows, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def write(path: Path, network: Classifier, description: Description) -> None:
    """Write a classifier to a file.

    Raises:
        OSError: the file cannot be written; no partial file is left.
    """
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    fields = {**asdict(description), CONTENT: content_digest(tensors)}  # one entry, because their order is random
    content = save(tensors, metadata={METADATA_KEY: json.dumps(fields)})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)


def read(path: Path) -> SavedClassifier:
    """Read a classifier from a file.

    Raises:
        DataError: the file was not written by `write`, or by another version of gancli.
    """
    fields = _read_description(path)
    expected = fields.pop(CONTENT, None)  # missing in files of earlier versions
    try:
        description = Description(**{**fields, "labels": tuple(map(str, fields["labels"]))})
        if description.version != VERSION:
            raise DataError(f"{path} is a classifier of another version of gancli; train it again")
        tensors = read_tensors(path)
        if expected not in (None, content_digest(tensors)):
            raise ValueError("its weights have changed since they were written")
        network = description.build()
        network.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is a damaged classifier ({reason}); train it again") from None
    return SavedClassifier(network=network, description=description, digest=sha256_of(path))


def _rescale_features(network: Classifier, features: Tensor) -> None:
    """Scale the mean square of these features to 1. The logits do not change, since a rectifier is homogeneous."""
    length = features.square().mean().sqrt().clamp(min=1e-6)
    for parameter in network.last.parameters():
        parameter.div_(length)
    network.head.weight.mul_(length)


def _shuffled_batches(count: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield batches of row indices forever, from successive random orders, so that every batch is full."""
    remaining = torch.empty(0, dtype=torch.int64)
    while True:
        while len(remaining) < BATCH_SIZE:
            remaining = torch.cat([remaining, torch.randperm(count, generator=generator)])
        yield remaining[:BATCH_SIZE]
        remaining = remaining[BATCH_SIZE:]


@contextmanager
def _reproducible() -> Iterator[None]:
    """Fix threads, precision and random state, and restore them, since the caller may be training a model."""
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
            torch.default_generator.manual_seed(0)  # for initial weights and dropout; CPU only
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)


def _read_description(path: Path) -> dict[str, Any]:
    read_tensors(path)  # rejects files that claim too much memory before anything else opens them
    with suppress(SafetensorError, OSError, ValueError, RecursionError):
        with safe_open(path, "pt") as opened:
            metadata = opened.metadata() or {}
        fields = json.loads(metadata[METADATA_KEY]) if METADATA_KEY in metadata else None
        if isinstance(fields, dict):
            return fields
    raise DataError(f"{path} is no classifier trained by gancli; use one, the directory of a run, or `inception`")
