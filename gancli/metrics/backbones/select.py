"""Selection of the backbone: the one named by `--backbone`, or a classifier of the data's labels."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.data.source import PackedDataset
from gancli.errors import DataError, UsageError
from gancli.family.tasks import Discriminates
from gancli.inspection.discriminator import Discriminator
from gancli.io.files import cache_folder, disk_errors
from gancli.io.images import to_rgb
from gancli.metrics.backbones import INCEPTION, Backbone, BackboneOutput, classifier
from gancli.metrics.backbones.classifier import Description, SavedClassifier, train
from gancli.metrics.backbones.inception import WEIGHTS, load_inception
from gancli.metrics.context import FeatureModel, MetricContext

CLASSIFIER = "classifier"


def select_backbone(context: MetricContext) -> Backbone:
    """Load the backbone of `--backbone`: `classifier`, `inception`, a file of weights of either, or a run directory.

    Raises:
        DataError: there are no labels to train a classifier on, or weights are unavailable.
        UsageError: there is no backbone of this name.
    """
    key = ("backbone", context.options.backbone)
    if key not in context.cache:
        context.cache[key] = _load(context, context.options.backbone or CLASSIFIER)
    backbone: Backbone = context.cache[key]
    return backbone


def classifier_for(packed: PackedDataset) -> SavedClassifier:
    """Return the classifier of labelled data, trained once and cached by the data's fingerprint.

    Raises:
        DiskError: the cache cannot be written.
    """
    spec = packed.spec
    description = Description(channels=spec.channels, height=spec.height, width=spec.width, labels=spec.labels)
    key = json.dumps([packed.fingerprint, len(packed.images), asdict(description)], sort_keys=True)
    path = cache_folder() / "classifiers" / f"{hashlib.sha256(key.encode()).hexdigest()}.safetensors"
    if path.is_file():
        with suppress(DataError):  # a damaged file is trained again
            return classifier.read(path)
    network = train(packed)
    with disk_errors(path):
        classifier.write(path, network, description)
    return classifier.read(path)


def file_backbone(path: Path, device: torch.device) -> Backbone:
    """Load a classifier from a file, which may have been trained on other data.

    Raises:
        DataError: the file contains no classifier.
    """
    saved = classifier.read(path)
    network, description = saved.network.to(device), saved.description
    shape = description.channels, description.height, description.width
    return Backbone(
        name=path.stem,
        digest=saved.digest,
        input=_input_text(shape),
        extract=lambda images: network(convert_images(images, shape)),
        labels=description.labels,
    )


def run_backbone(model: FeatureModel) -> Backbone:
    """Use the features of a run's discriminator; see `gancli.inspection.discriminator`.

    Raises:
        UsageError: the family does not implement `discriminate` for images.
    """
    family = model.family
    if not isinstance(family, Discriminates) or family.data.kind != "image":
        raise UsageError(f"{model.name} has no discriminator of images; use another run as --backbone")
    spec, stage = family.data, model.nets.stage
    height, width = (stage.resolution if stage else None) or (spec.height, spec.width)
    shape = spec.channels, height, width
    discriminator = Discriminator(family=family, nets=model.nets, conditional=bool(model.labels))
    return Backbone(
        name=model.name,
        digest=model.digest,
        input=_input_text(shape),
        extract=lambda images: BackboneOutput(discriminator.features(convert_images(images, shape)), None),
    )


def convert_images(images: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Convert images (N, C, H, W) to the channels, height and width of `shape`.

    Grey is repeated, colour is averaged to grey, opacity is dropped or set to full.
    """
    channels, *size = shape
    if channels != images.shape[1]:
        colour = to_rgb(images)
        grey = colour.mean(1, keepdim=True)
        images = {1: grey, 3: colour, 4: torch.cat([colour, torch.ones_like(grey)], 1)}[channels]
    if images.shape[2:] == tuple(size):
        return images
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


def _load(context: MetricContext, name: str) -> Backbone:
    path = Path(name)
    if name == CLASSIFIER:
        return _classifier_backbone(context)
    if name == INCEPTION:
        return _inception_backbone(context, None)
    if path.is_dir():
        return run_backbone(context.feature_model(path))
    if path.suffix == ".safetensors" and path.is_file():
        return file_backbone(path, context.device)
    if path.suffix == ".pth" and path.is_file():
        return _inception_backbone(context, path)
    raise UsageError(
        f"there is no backbone {name!r}; use `classifier`, `inception`, Inception's {WEIGHTS.file}, a classifier's "
        ".safetensors file, or the directory of a run"
    )


def _inception_backbone(context: MetricContext, file: Path | None) -> Backbone:
    return Backbone(
        name=INCEPTION,
        digest=WEIGHTS.sha256,
        input="299x299, bilinear as TensorFlow 1 samples",
        extract=load_inception(file).to(context.device),
    )


def _classifier_backbone(context: MetricContext) -> Backbone:
    train = context.train()
    if train.labels is None or len(np.unique(train.labels)) < 2:
        labels = "no labels" if train.labels is None else "only one label"
        raise DataError(
            f"this data has {labels} to train a classifier on; use another backbone with --backbone inception or "
            "--backbone PATH, or --metrics swd or ms_ssim, which need no backbone"
        )
    saved = classifier_for(train)
    network = saved.network.to(context.device)
    return Backbone(
        name=CLASSIFIER,
        digest=saved.digest,
        input=network.input,
        extract=network,
        labels=saved.description.labels,
    )


def _input_text(shape: tuple[int, int, int]) -> str:
    channels, height, width = shape
    return f"{channels}x{height}x{width}, bilinear"
