"""The backbone that a person chose, or the one that the data's labels allow."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gancli.cache_folder import cache_folder
from gancli.data.source import Packed
from gancli.errors import DataError, UsageError
from gancli.metrics.backbones import classifier_file, local
from gancli.metrics.backbones.backbone import INCEPTION, Backbone
from gancli.metrics.backbones.classifier import train
from gancli.metrics.backbones.classifier_file import Description, Saved
from gancli.metrics.backbones.inception_weights import WEIGHTS, load_inception
from gancli.metrics.subject import Subject
from gancli.run import disk_errors

CLASSIFIER = "classifier"


def backbone_of(subject: Subject) -> Backbone:
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


def _chosen(subject: Subject, wanted: str) -> Backbone:
    path = Path(wanted)
    if wanted == CLASSIFIER:
        return _classifier(subject)
    if wanted == INCEPTION:
        return _inception(subject, None)
    if path.is_dir():
        return local.of_run(subject.judge(path))
    if path.suffix == ".safetensors" and path.is_file():
        return local.of_file(path, subject.device)
    if path.suffix == ".pth" and path.is_file():
        return _inception(subject, path)
    raise UsageError(
        f"there is no backbone {wanted!r}; name `classifier`, `inception`, Inception's {WEIGHTS.file}, a classifier's "
        ".safetensors file, or the directory of a run"
    )


def _inception(subject: Subject, file: Path | None) -> Backbone:
    return Backbone(
        name=INCEPTION,
        digest=WEIGHTS.sha256,
        input="299x299, bilinear as TensorFlow 1 samples",
        ask=load_inception(file).to(subject.device),
    )


def _classifier(subject: Subject) -> Backbone:
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


def classifier_of(packed: Packed) -> Saved:
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
            return classifier_file.read(path)
    network = train(packed)
    with disk_errors(path):
        classifier_file.write(path, network, description)
    return classifier_file.read(path)
