"""A model and its data as a metric is handed them, and a measurement as it is written down."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch

import gancli
from gancli.data.source import PackedDataset
from gancli.errors import UsageError
from gancli.evaluation.reference_data import ModelData
from gancli.inference.model import Model, open_model, untrained
from gancli.inference.sample import sample_images
from gancli.metrics.context import FeatureModel, FullSizeSplit, Measurement, Metric, MetricContext, Options
from gancli.plugins.hookspecs import MetricInfo
from gancli.plugins.registry import import_class
from gancli.runs.eval_log import Record

Read = TypeVar("Read", PackedDataset, FullSizeSplit)


def subject_of(model: Model, data: ModelData, options: Options) -> MetricContext:
    """What a metric is handed: the model, its data and what the person chose."""
    return MetricContext(
        family=model.family,
        nets=model.nets,
        untrained=lambda: untrained(model, options.seed),
        labels=model.labels,
        device=model.device,
        draw=lambda seeds, labels: sample_images(model, seeds, labels, truncation=options.truncation),
        train=lambda: data.train,
        test=lambda: data.test,
        every_class=lambda: data.every_class,
        held_out=lambda: data.held_out,
        whole=lambda: data.whole,
        options=options,
        judge=lambda path: _judge(path, model.device),
    )


def judged(info: MetricInfo, subject: MetricContext, data: ModelData) -> list[Measurement]:
    """What the metric measures of the subject, each with a protocol that also says which images it looked at.

    Args:
        info: names the metric.
        subject: that `data` is the data of.
        data: what the subject is held against.

    Raises:
        GanError: whatever the metric refuses.
    """
    uses = _Uses()
    found = take(info, uses.watched(subject))
    splits = sorted(uses.fingerprints)
    before = {"split": " and ".join(splits) or None, "resize": data.resize if uses.resized else None, "backbone": None}
    after = {
        "by": info.name,
        "truncation": subject.options.truncation if "sample" in info.needs else None,
        "data_limit": data.limit if {"train", "held out"} & set(splits) else None,
        "fingerprint": {split: uses.fingerprints[split] for split in splits},
    }
    return [replace(each, protocol={**before, **each.protocol, **after}) for each in found]


def record_of(measurement: Measurement, model: Model, data: ModelData, options: Options) -> Record:
    """The measurement with the whole protocol: what `judged` says of it, and what holds for all."""
    of_all = {
        "data": data.source,
        "trained_on": data.trained_on,
        "seed": options.seed,
        "ema": model.ema,
        "gancli": gancli.__version__,
        "run": model.run,
        "images": model.images,
        "checkpoint": model.digest,
    }
    return {**measurement.to_json(), "protocol": {**measurement.protocol, **of_all}}


def _judge(path: Path, device: torch.device) -> FeatureModel:
    opened = open_model(path, device=device)
    return FeatureModel(
        name=opened.run, digest=opened.digest, family=opened.family, nets=opened.nets, labels=opened.labels
    )


class _Uses:
    """The data that a metric reads, for its protocol.

    Attributes:
        fingerprints: by split.
        resized: whether any of it was brought to the model's size.
    """

    def __init__(self) -> None:
        self.fingerprints: dict[str, str] = {}
        self.resized = False

    def watched(self, subject: MetricContext) -> MetricContext:
        """The same, but what is read of it is remembered here."""
        return replace(
            subject,
            train=self._noting("train", subject.train),
            test=self._noting("test", subject.test),
            every_class=self._noting("test, every class", subject.every_class),
            held_out=self._noting("held out", subject.held_out),
            whole=self._noting("whole", subject.whole),
        )

    def _noting(self, split: str, read: Callable[[], Read]) -> Callable[[], Read]:
        def reading() -> Read:
            found = read()
            if isinstance(found, FullSizeSplit):
                self.fingerprints |= {f"{found.split} {key}": part.fingerprint for key, part in found.parts.items()}
            else:
                self.fingerprints[split] = found.fingerprint
                self.resized = True
            return found

        return reading


def take(info: MetricInfo, subject: MetricContext) -> list[Measurement]:
    """What the metric measures of the subject.

    Raises:
        UsageError: the metric's module cannot be imported, or what it measured is no finite number.
        GanError: whatever the metric refuses.
    """
    try:
        metric: Metric = import_class(info.metric)
    except Exception as error:  # a stranger's module may raise anything at import
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UsageError(f"the plugin of the metric {info.name!r} is broken: {reason}") from None
    found = list(metric(subject))
    for measurement in found:
        if not isinstance(measurement, Measurement) or not math.isfinite(measurement.value):
            raise UsageError(f"the plugin of the metric {info.name!r} is broken: it measured {measurement!r}")
    return found
