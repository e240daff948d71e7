"""Features of samples and of real images, each computed once.

Features of samples are cached in the `MetricContext`. Features of real images are also cached on disk by data, rows,
backbone and type of device, so that the next `gan eval` loads them.
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

from gancli.data.loader import Rows, batches, images_at, random_rows
from gancli.data.source import PackedDataset
from gancli.errors import DataError, NumericalError
from gancli.io.files import cache_folder, write_atomically
from gancli.io.images import normalize
from gancli.io.types import Labels
from gancli.metrics.backbones import Backbone, BackboneOutput
from gancli.metrics.backbones.select import select_backbone
from gancli.metrics.context import MetricContext
from gancli.weights.safetensors_file import CONTENT, content_digest, read_metadata, read_tensors

TRAIN = 50_000
"""Maximum number of training images to compare with, the number used for published results."""

SAMPLES = 10_000
"""Maximum number of samples, and their number if there is no test split."""

VERSION = 2
"""Version of the cached files."""

_BATCH_SIZE = 64


@dataclass(frozen=True, kw_only=True)
class Features:
    """Backbone outputs for training images, samples and test images.

    Args:
        backbone: the backbone.
        train: outputs for training images, in a fixed random order.
        evaluated: outputs to compare with `train`, by suffix of the metric's name: `""` for samples, and `"/real"` for
            test images if there are any. Test images give the value that a perfect generator would reach.
        accuracy: share of test images that the backbone classifies correctly; None if unknown.
    """

    backbone: Backbone
    train: BackboneOutput
    evaluated: Mapping[str, BackboneOutput]
    accuracy: float | None = None

    def protocol(self, suffix: str) -> dict[str, Any]:
        """Return the common protocol of all metrics that compare `evaluated[suffix]` with the training images."""
        return {
            "split": "train",
            "samples": len(self.evaluated[suffix].features),
            "train": len(self.train.features),
            "dimensions": self.train.features.shape[1],
            **self.backbone_protocol,
        }

    @property
    def backbone_protocol(self) -> dict[str, Any]:
        """The backbone and its accuracy on the data."""
        return {**self.backbone.protocol, "backbone_accuracy": self.accuracy}

    def metric_name(self, metric: str, suffix: str) -> str:
        return f"{self.backbone.metric_name(metric)}{suffix}"


def compute_features(context: MetricContext) -> Features:
    """Compute or load the outputs of the selected backbone.

    By default, there are as many samples as test images, up to 10,000, so that both are comparable: distances decrease
    as the number of images grows. `--samples` sets another number for both, limited by the number of test images.

    Raises:
        GanError: the backbone does not exist, or a sample is not finite.
    """
    backbone, test = select_backbone(context), _test_split(context)
    available = SAMPLES if test is None else len(test.images)
    count = context.options.samples or min(SAMPLES, available, context.options.limit or SAMPLES)
    train = real_features(context, backbone, context.train(), TRAIN)
    evaluated = {"": sample_features(context, backbone, count)}
    if test is None:
        return Features(backbone=backbone, train=train, evaluated=evaluated)
    evaluated["/real"] = real_features(context, backbone, test, min(count, context.options.limit or count))
    accuracy = None
    if test.labels is not None and set(test.spec.labels) <= set(backbone.labels):
        output = real_features(context, backbone, test, SAMPLES)
        accuracy = share_correct(backbone, output, test.spec.labels, test.labels[real_rows(test, SAMPLES)])
    return Features(backbone=backbone, train=train, evaluated=evaluated, accuracy=accuracy)


def share_correct(backbone: Backbone, output: BackboneOutput, names: Sequence[str], labels: Labels) -> float:
    """Return the share of images (N,) whose label the backbone predicts.

    Args:
        backbone: a classifier of all labels in `names`.
        output: its output for the images.
        names: names of the labels.
        labels: (N,), indices into `names`.
    """
    assert output.logits is not None
    class_of_label = np.array([backbone.labels.index(name) for name in names])
    return float((output.logits.argmax(1).numpy() == class_of_label[labels]).mean())


def sample_features(context: MetricContext, backbone: Backbone, count: int) -> BackboneOutput:
    """Return the outputs for `count` samples, quantised to bytes.

    Raises:
        NumericalError: a sample is not finite.
    """
    key = ("samples", backbone.digest, count)
    if key not in context.cache:
        samples = context.sample_batches(np.arange(count), _BATCH_SIZE)
        output = _extract(backbone, (normalize(levels) for levels in samples))
        if not output.features.isfinite().all():
            raise NumericalError(
                "samples of this model contain values that are not finite, so it cannot be measured; train it again"
            )
        context.cache[key] = output
    cached: BackboneOutput = context.cache[key]
    return cached


def real_features(context: MetricContext, backbone: Backbone, packed: PackedDataset, count: int) -> BackboneOutput:
    """Return the outputs for the images at `real_rows(packed, count)`, from the cache if possible."""
    rows = real_rows(packed, count)
    key = [VERSION, packed.fingerprint, list(packed.images.shape), len(rows), backbone.digest, backbone.input]
    key.append(context.device.type)
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    if name not in context.cache:
        path = cache_folder() / "features" / f"{name}.safetensors"
        output = _load(path, len(rows))
        if output is None:
            images = (images_at(packed, part, context.device) for part in batches(rows, _BATCH_SIZE))
            output = _extract(backbone, images)
            with suppress(OSError):  # the cache is optional
                _save(path, output)
        context.cache[name] = output
    cached: BackboneOutput = context.cache[name]
    return cached


def real_rows(packed: PackedDataset, count: int) -> Rows:
    """Return up to `count` random rows, independent of the seed so that the next evaluation uses the same rows."""
    return random_rows(packed, count, seed=0)


def _test_split(context: MetricContext) -> PackedDataset | None:
    with suppress(DataError):
        return context.test()
    return None


@torch.no_grad()
def _extract(backbone: Backbone, images: Iterable[Tensor]) -> BackboneOutput:
    outputs = [backbone.extract(batch) for batch in images]
    logits = [output.logits.float().cpu() for output in outputs if output.logits is not None]
    features = torch.cat([output.features.float().cpu() for output in outputs])
    return BackboneOutput(features, torch.cat(logits) if logits else None)


def _save(path: Path, output: BackboneOutput) -> None:
    tensors = {name: tensor for name, tensor in output._asdict().items() if tensor is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, save(tensors, {CONTENT: content_digest(tensors)}))


def _load(path: Path, count: int) -> BackboneOutput | None:
    if path.is_file():
        with suppress(DataError, KeyError):  # a damaged file is computed again
            tensors = read_tensors(path)
            if read_metadata(path).get(CONTENT) != content_digest(tensors):
                return None
            if len(tensors["features"]) == count:
                return BackboneOutput(tensors["features"], tensors.get("logits"))
    return None
