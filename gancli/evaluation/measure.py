"""Measuring a trained model: the context of a metric, running it, and the record of its measurements."""

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
from gancli.evaluation.reference_data import ReferenceData
from gancli.inference.model import Model, open_model, untrained
from gancli.inference.sample import sample_images
from gancli.metrics.context import FeatureModel, FullSizeSplit, Measurement, Metric, MetricContext, Options
from gancli.plugins.hookspecs import MetricInfo
from gancli.plugins.registry import import_class
from gancli.runs.eval_log import Record

Split = TypeVar("Split", PackedDataset, FullSizeSplit)


def metric_context(model: Model, data: ReferenceData, options: Options) -> MetricContext:
    """Return the context of a metric from a model, its data and the options of the user."""
    return MetricContext(
        family=model.family,
        nets=model.nets,
        untrained=lambda: untrained(model, options.seed),
        labels=model.labels,
        device=model.device,
        generate=lambda seeds, labels: sample_images(model, seeds, labels, truncation=options.truncation),
        train=lambda: data.train,
        test=lambda: data.test,
        every_class=lambda: data.every_class,
        held_out=lambda: data.held_out,
        full_size=lambda: data.full_size,
        options=options,
        feature_model=lambda path: _feature_model(path, model.device),
    )


def run_metric(info: MetricInfo, context: MetricContext, data: ReferenceData) -> list[Measurement]:
    """Return the measurements of a metric, with the data it read added to their protocols.

    Args:
        info: description of the metric.
        context: context with `data` as its data.
        data: data to measure with.

    Raises:
        UsageError: the metric cannot be imported, or its result is not a finite number.
        GanError: an error raised by the metric.
    """
    used = _UsedData()
    measurements = _call(info, used.recording(context))
    splits = sorted(used.fingerprints)
    before = {"split": " and ".join(splits) or None, "resize": data.resize if used.resized else None, "backbone": None}
    after = {
        "by": info.name,
        "truncation": context.options.truncation if "sample" in info.needs else None,
        "data_limit": data.limit if {"train", "held out"} & set(splits) else None,
        "fingerprint": {split: used.fingerprints[split] for split in splits},
    }
    return [replace(each, protocol={**before, **each.protocol, **after}) for each in measurements]


def to_record(measurement: Measurement, model: Model, data: ReferenceData, options: Options) -> Record:
    """Return a measurement as JSON, with the entries added to its protocol that are common to all metrics."""
    common = {
        "data": data.source,
        "trained_on": data.trained_on,
        "seed": options.seed,
        "ema": model.ema,
        "gancli": gancli.__version__,
        "run": model.run,
        "images": model.images,
        "checkpoint": model.digest,
    }
    return {**measurement.to_json(), "protocol": {**measurement.protocol, **common}}


def _call(info: MetricInfo, context: MetricContext) -> list[Measurement]:
    try:
        metric: Metric = import_class(info.metric)
    except Exception as error:  # importing a third-party module may raise anything
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UsageError(f"the plugin of the metric {info.name!r} is broken: {reason}") from None
    measurements = list(metric(context))
    for measurement in measurements:
        if not isinstance(measurement, Measurement) or not math.isfinite(measurement.value):
            raise UsageError(f"the plugin of the metric {info.name!r} is broken: it returned {measurement!r}")
    return measurements


def _feature_model(path: Path, device: torch.device) -> FeatureModel:
    model = open_model(path, device=device)
    return FeatureModel(name=model.run, digest=model.digest, family=model.family, nets=model.nets, labels=model.labels)


class _UsedData:
    """Record of the data that a metric reads, for its protocol.

    Attributes:
        fingerprints: fingerprints of the data, by split.
        resized: True if some of the data was resized to the model's size.
    """

    def __init__(self) -> None:
        self.fingerprints: dict[str, str] = {}
        self.resized = False

    def recording(self, context: MetricContext) -> MetricContext:
        """Return the same context, which records here what is read from it."""
        return replace(
            context,
            train=self._record("train", context.train),
            test=self._record("test", context.test),
            every_class=self._record("test, every class", context.every_class),
            held_out=self._record("held out", context.held_out),
            full_size=self._record("full size", context.full_size),
        )

    def _record(self, split: str, read: Callable[[], Split]) -> Callable[[], Split]:
        def read_and_record() -> Split:
            data = read()
            if isinstance(data, FullSizeSplit):
                self.fingerprints |= {f"{data.split} {key}": part.fingerprint for key, part in data.parts.items()}
            else:
                self.fingerprints[split] = data.fingerprint
                self.resized = True
            return data

        return read_and_record
