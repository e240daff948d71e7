"""Interface of a metric: a function of a `MetricContext` that returns a list of `Measurement`.

A measurement is a number with its protocol, the settings that affect it. Only numbers with equal protocols are
comparable.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gancli.data.loader import Rows, batches, images_at
from gancli.data.source import PackedDataset
from gancli.errors import UsageError
from gancli.family.context import Nets
from gancli.family.contract import Family
from gancli.io.images import Pixels, quantize
from gancli.plugins.moved_modules import deprecated, old_attribute


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of `gan eval`.

    Args:
        labelled: number of labelled training images for metrics that train a classifier.
        samples: number of images to generate; None: the metric's default.
        limit: maximum number of test images; None: all.
        seed: seed of all random choices.
        backbone: the network that computes the features to compare, as accepted by
            `gancli.metrics.backbones.select`, or one of the networks of LPIPS; None: the classifier of the data's
            labels, or AlexNet.
        truncation: largest absolute value of a normal number in a latent; None: no limit.
        fetch: True if a metric may download its weights; False if the user did not name the metric.
    """

    labelled: int = 1_000
    samples: int | None = None
    limit: int | None = None
    seed: int = 0
    backbone: str | None = None
    truncation: float | None = None
    fetch: bool = True


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A number and its protocol.

    Args:
        metric: name of the metric; `<name>/<detail>` if it has several values.
        value: finite number.
        protocol: everything that affects the value, JSON-compatible; `gan eval` adds the checkpoint, the data and the
            seed. Only numbers with equal protocols are shown side by side.
        observed: other results, JSON-compatible, such as a standard error or a kernel width chosen on the data.
        image: image to show beside the number, (H, W, C) as in `gancli.io.images`; `gan eval` writes it to the run.
        picture: name of `image` in version 0.1.
    """

    metric: str
    value: float
    protocol: Mapping[str, Any] = field(default_factory=dict)
    observed: Mapping[str, Any] = field(default_factory=dict)
    image: Pixels | None = field(default=None, compare=False, repr=False)
    picture: InitVar[Pixels | None] = None

    def __post_init__(self, picture: Pixels | None) -> None:
        if picture is not None:
            deprecated("Measurement(picture=...)", "Measurement(image=...)", stacklevel=4)
            object.__setattr__(self, "image", picture)

    def to_json(self) -> dict[str, Any]:
        observed = {"observed": dict(self.observed)} if self.observed else {}
        return {"metric": self.metric, "value": self.value, **observed, "protocol": dict(self.protocol)}


@dataclass(frozen=True, kw_only=True)
class FullSizeSplit:
    """Images of a split at their original sizes, with the model's channels.

    Args:
        split: name of the split: train, test or all.
        parts: images by key: `image`, or `source` and `target` for pairs.
    """

    split: str
    parts: Mapping[str, PackedDataset]


@dataclass(frozen=True, kw_only=True)
class FeatureModel:
    """Another trained model whose discriminator serves as a feature extractor.

    Args:
        name: name of its run.
        digest: SHA-256 of its checkpoint.
        family: its family.
        nets: its networks, on the context's device, in eval mode and without gradients.
        labels: names of the labels that the model takes; empty if it takes none.
    """

    name: str
    digest: str
    family: Family[Any]
    nets: Nets
    labels: tuple[str, ...]


def _no_feature_model(path: Path) -> FeatureModel:
    raise UsageError(f"the run {path} cannot be opened here for its features; use another --backbone")


@dataclass(frozen=True, kw_only=True)
class MetricContext:
    """The model to measure, its data and the options. A context is valid until the weights of the model change.

    Args:
        family: family of the model.
        nets: its networks, on `device`, in eval mode and without gradients; read-only.
        untrained: returns newly initialised networks of the same architecture, seeded by `options.seed`.
        labels: names of the labels that the model takes; empty if it takes none.
        device: device of the networks.
        generate: returns images (N, C, H, W) in [-1, 1] on the CPU from seeds (N) and label indices (N or 0).
        train: returns the training split at the model's resolution and channels.
        test: returns the test split at the model's resolution and channels; raises DataError if there is none.
        full_size: returns the test split at its original sizes, or the data named by the user.
        every_class: returns the test split with all its labels, whatever `data.classes` says; raises DataError if
            there is none.
        held_out: returns the training images beyond the recipe's `data.limit`, which were not trained on; raises
            DataError if there are none.
        options: options of the user.
        feature_model: opens the model of a run or checkpoint directory as a feature extractor; raises GanError if it
            cannot be opened.
        cache: results that several metrics use, for the lifetime of this context.
    """

    family: Family[Any]
    nets: Nets
    untrained: Callable[[], Nets]
    labels: tuple[str, ...]
    device: torch.device
    generate: Callable[[Sequence[int], Sequence[int]], Tensor]
    train: Callable[[], PackedDataset]
    test: Callable[[], PackedDataset]
    every_class: Callable[[], PackedDataset]
    held_out: Callable[[], PackedDataset]
    full_size: Callable[[], FullSizeSplit]
    options: Options = Options()
    feature_model: Callable[[Path], FeatureModel] = _no_feature_model
    cache: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    def samples(self, default: int) -> Tensor:
        """Return `options.samples`, or else `default`, images (N, C, H, W) of consecutive seeds and cycling labels."""
        return self.samples_at(range(self.options.samples or default))

    def samples_at(self, indices: Sequence[int]) -> Tensor:
        """Return the images (N, C, H, W) at these indices of `samples`, for metrics that work in batches."""
        labels = [index % len(self.labels) for index in indices] if self.labels else []
        return self.generate([self.options.seed + index for index in indices], labels)

    def sample_batches(self, indices: Rows, size: int) -> Iterator[Tensor]:
        """Yield the samples at these indices in batches of `size`, on `device`, as whole numbers in 0..255."""
        return (quantize(self.samples_at(part.tolist()).to(self.device).float()) for part in batches(indices, size))

    def data_batches(self, packed: PackedDataset, rows: Rows, size: int) -> Iterator[Tensor]:
        """Yield images of the data in batches of `size`, on `device`, as whole numbers in 0..255."""
        return (quantize(images_at(packed, part, self.device)) for part in batches(rows, size))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return old_attribute(self, name, _OLD_NAMES)


_OLD_NAMES = {"draw": "generate", "judge": "feature_model", "memory": "cache", "whole": "full_size"}
"""Attributes of `MetricContext` by their names in version 0.1."""

Metric = Callable[[MetricContext], Sequence[Measurement]]
