"""The backbone that a person chose, or the one that the data's labels allow."""

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
from gancli.io.cache_folder import cache_folder
from gancli.io.files import disk_errors
from gancli.metrics.backbones import classifier
from gancli.metrics.backbones.backbone import INCEPTION, Answers, Backbone
from gancli.metrics.backbones.classifier import Description, Saved, train
from gancli.metrics.backbones.inception import WEIGHTS, load_inception
from gancli.metrics.context import FeatureModel, MetricContext
from gancli.metrics.discriminator_features import features

CLASSIFIER = "classifier"


def backbone_of(subject: MetricContext) -> Backbone:
    """What `--backbone` names: `classifier`, `inception`, a file of either's weights, or the directory of a run.

    Raises:
        DataError: there are no labels to train a classifier on, or weights cannot be had.
        UsageError: nothing has that name.
    """
    key = ("backbone", subject.options.backbone)
    if key not in subject.memory:
        subject.memory[key] = _chosen(subject, subject.options.backbone or CLASSIFIER)
    backbone: Backbone = subject.memory[key]
    return backbone


def _chosen(subject: MetricContext, wanted: str) -> Backbone:
    path = Path(wanted)
    if wanted == CLASSIFIER:
        return _classifier(subject)
    if wanted == INCEPTION:
        return _inception(subject, None)
    if path.is_dir():
        return of_run(subject.judge(path))
    if path.suffix == ".safetensors" and path.is_file():
        return of_file(path, subject.device)
    if path.suffix == ".pth" and path.is_file():
        return _inception(subject, path)
    raise UsageError(
        f"there is no backbone {wanted!r}; name `classifier`, `inception`, Inception's {WEIGHTS.file}, a classifier's "
        ".safetensors file, or the directory of a run"
    )


def _inception(subject: MetricContext, file: Path | None) -> Backbone:
    return Backbone(
        name=INCEPTION,
        digest=WEIGHTS.sha256,
        input="299x299, bilinear as TensorFlow 1 samples",
        ask=load_inception(file).to(subject.device),
    )


def _classifier(subject: MetricContext) -> Backbone:
    train = subject.train()
    if train.labels is None or len(np.unique(train.labels)) < 2:
        few = "no labels" if train.labels is None else "one label only"
        raise DataError(
            f"features need a backbone, and this data has {few} to train a classifier on; name one with --backbone "
            "inception or --backbone PATH, or take --metrics swd or ms_ssim, which need none"
        )
    saved = classifier_of(train)
    network = saved.network.to(subject.device)
    return Backbone(
        name=CLASSIFIER,
        digest=saved.digest,
        input=network.input,
        ask=network,
        labels=saved.description.labels,
    )


def classifier_of(packed: PackedDataset) -> Saved:
    """The classifier of labelled data, trained once and kept in the cache by the data's fingerprint.

    Raises:
        DiskError: the cache cannot be written to.
    """
    spec = packed.spec
    description = Description(channels=spec.channels, height=spec.height, width=spec.width, labels=spec.labels)
    about = json.dumps([packed.fingerprint, len(packed.images), asdict(description)], sort_keys=True)
    path = cache_folder() / "classifiers" / f"{hashlib.sha256(about.encode()).hexdigest()}.safetensors"
    if path.is_file():
        with suppress(DataError):  # damaged: it is trained again
            return classifier.read(path)
    network = train(packed)
    with disk_errors(path):
        classifier.write(path, network, description)
    return classifier.read(path)


def of_file(path: Path, device: torch.device) -> Backbone:
    """The classifier that a file holds, which may have learned other data than the subject's.

    Raises:
        DataError: it holds none.
    """
    saved = classifier.read(path)
    network, description = saved.network.to(device), saved.description
    shape = description.channels, description.height, description.width
    return Backbone(
        name=path.stem,
        digest=saved.digest,
        input=_input_text(shape),
        ask=lambda images: network(fitted(images, shape)),
        labels=description.labels,
    )


def of_run(judge: FeatureModel) -> Backbone:
    """Features of a discriminator (Radford et al. 2015); see `gancli.metrics.discriminator_features`.

    Raises:
        UsageError: the family has no discriminator that can be asked about an image.
    """
    family = judge.family
    if not isinstance(family, Discriminates) or family.data.kind != "image":
        raise UsageError(
            f"{judge.name} has no discriminator that could be asked about an image; name another run with --backbone"
        )
    spec, stage = family.data, judge.nets.stage
    height, width = (stage.resolution if stage else None) or (spec.height, spec.width)
    shape = spec.channels, height, width
    asked = Discriminator(family=family, nets=judge.nets, conditional=bool(judge.labels))
    return Backbone(
        name=judge.name,
        digest=judge.digest,
        input=_input_text(shape),
        ask=lambda images: Answers(features(asked, fitted(images, shape)), None),
    )


def fitted(images: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Images (N, C, H, W) with the channels, height and width of `shape`.

    Grey is repeated, colour becomes its mean, opacity is left out or full.
    """
    channels, *size = shape
    if channels != images.shape[1]:
        colour = images[:, :3] if images.shape[1] > 1 else images.expand(-1, 3, -1, -1)
        grey = colour.mean(1, keepdim=True)
        images = {1: grey, 3: colour, 4: torch.cat([colour, torch.ones_like(grey)], 1)}[channels]
    if images.shape[2:] == tuple(size):
        return images
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


def _input_text(shape: tuple[int, int, int]) -> str:
    channels, height, width = shape
    return f"{channels}x{height}x{width}, bilinear"
