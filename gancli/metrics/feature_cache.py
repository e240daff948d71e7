"""The features of samples and of real images, each taken once.

Those of samples are remembered as long as the subject lives; those of real images are kept in the cache, by data, rows,
backbone and kind of device, so that the next `gan eval` need not take them again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from gancli.data.batches import Rows, batches, images_at, some_rows
from gancli.data.source import PackedDataset
from gancli.errors import DataError, NumericalError
from gancli.io.cache_folder import cache_folder
from gancli.io.files import write_atomically
from gancli.io.types import Labels
from gancli.metrics.backbones.backbone import Answers, Backbone
from gancli.metrics.backbones.select import backbone_of
from gancli.metrics.context import MetricContext
from gancli.weights.safetensors_file import read_tensors

TRAIN = 50_000
"""Training images that samples are held against, at most: as many as published figures take."""

SAMPLES = 10_000
"""Samples, at most and where there is no test split."""

VERSION = 1
"""Of what a table holds."""

_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Answers to training images, to samples, and to test images, which say what no generator can do better.

    Args:
        backbone: whose answers they are.
        train: in a random order, the same always.
        sides: by what follows the metric's name: `""` of samples, and `"/real"` of test images where there are any.
        accuracy: the share of test images that the backbone names rightly; None where that cannot be said.
    """

    backbone: Backbone
    train: Answers
    sides: Mapping[str, Answers]
    accuracy: float | None = None

    def protocol(self, side: str) -> dict[str, Any]:
        """What is true of every metric of a side."""
        return {
            "split": "train",
            "samples": len(self.sides[side].features),
            "train": len(self.train.features),
            "dimensions": self.train.features.shape[1],
            **self.of_backbone,
        }

    @property
    def of_backbone(self) -> dict[str, Any]:
        """What the backbone is, and how well it knows the data."""
        return {**self.backbone.protocol, "backbone_accuracy": self.accuracy}


def tables_of(subject: MetricContext) -> Tables:
    """The answers of the chosen backbone.

    There are as many samples as test images, at most 10,000, so that the two compare: a distance falls with the number.
    `--samples` asks for another number, of both as far as there are test images.

    Raises:
        GanError: there is no such backbone, or a sample is not finite.
    """
    backbone, test = backbone_of(subject), _test(subject)
    available = SAMPLES if test is None else len(test.images)
    count = subject.options.samples or min(SAMPLES, available, subject.options.limit or SAMPLES)
    train = of_real(subject, backbone, subject.train(), TRAIN)
    sides = {"": of_samples(subject, backbone, count)}
    if test is None:
        return Tables(backbone=backbone, train=train, sides=sides)
    sides["/real"] = of_real(subject, backbone, test, min(count, subject.options.limit or count))
    accuracy = None
    if test.labels is not None and set(test.spec.labels) <= set(backbone.labels):
        known = of_real(subject, backbone, test, SAMPLES)
        accuracy = share_named(backbone, known, test.spec.labels, test.labels[real_rows(test, SAMPLES)])
    return Tables(backbone=backbone, train=train, sides=sides, accuracy=accuracy)


def share_named(backbone: Backbone, answers: Answers, names: Sequence[str], labels: Labels) -> float:
    """The share of images (N,) whose label the backbone names.

    Args:
        backbone: that knows all of `names`.
        answers: its answers to the images.
        names: of the labels.
        labels: (N,), indices into `names`.
    """
    assert answers.logits is not None
    place = np.array([backbone.labels.index(name) for name in names])
    return float((answers.logits.argmax(1).numpy() == place[labels]).mean())


def of_samples(subject: MetricContext, backbone: Backbone, count: int) -> Answers:
    """The answers to that many samples, as bytes have them.

    Raises:
        NumericalError: one is not finite.
    """
    key = ("samples", backbone.digest, count)
    if key not in subject.memory:
        places = batches(np.arange(count), _AT_ONCE)
        drawn = (subject.samples_at(part.tolist()).to(subject.device) for part in places)
        found = _asked(backbone, (_as_bytes(images) for images in drawn))
        if not found.features.isfinite().all():
            raise NumericalError(
                "samples of this model are not finite numbers, so nothing can be said of them; train anew"
            )
        subject.memory[key] = found
    answers: Answers = subject.memory[key]
    return answers


def of_real(subject: MetricContext, backbone: Backbone, packed: PackedDataset, count: int) -> Answers:
    """The answers to that many images of the data, or to all if there are fewer; `real_rows` says to which."""
    rows = real_rows(packed, count)
    about = [VERSION, packed.fingerprint, list(packed.images.shape), len(rows), backbone.digest, backbone.input]
    about.append(subject.device.type)
    name = hashlib.sha256(json.dumps(about).encode()).hexdigest()
    if name not in subject.memory:
        path = cache_folder() / "features" / f"{name}.safetensors"
        found = _kept(path, len(rows))
        if found is None:
            found = _asked(backbone, (images_at(packed, part, subject.device) for part in batches(rows, _AT_ONCE)))
            with suppress(OSError):  # what is not kept is only taken again
                _keep(path, found)
        subject.memory[name] = found
    answers: Answers = subject.memory[name]
    return answers


def real_rows(packed: PackedDataset, count: int) -> Rows:
    """Rows in a random order, which does not depend on the seed, so that they are the same at the next evaluation."""
    return some_rows(packed, count, seed=0)


def _test(subject: MetricContext) -> PackedDataset | None:
    with suppress(DataError):
        return subject.test()
    return None


@torch.no_grad()
def _asked(backbone: Backbone, parts: Iterable[Tensor]) -> Answers:
    found = [backbone.ask(images) for images in parts]
    logits = [answers.logits.float().cpu() for answers in found if answers.logits is not None]
    features = torch.cat([answers.features.float().cpu() for answers in found])
    return Answers(features, torch.cat(logits) if logits else None)


def _as_bytes(images: Tensor) -> Tensor:
    """As they would come back from a file, since a generator is measured by its pictures; NaN stays."""
    return images.float().add(1).mul(127.5).round().clamp(0, 255).div(127.5).sub(1)


def _keep(path: Path, answers: Answers) -> None:
    tensors = {name: tensor for name, tensor in answers._asdict().items() if tensor is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, save(tensors))


def _kept(path: Path, count: int) -> Answers | None:
    if path.is_file():
        with suppress(DataError, KeyError):  # damaged: taken again
            tensors = read_tensors(path)
            if len(tensors["features"]) == count:
                return Answers(tensors["features"], tensors.get("logits"))
    return None
