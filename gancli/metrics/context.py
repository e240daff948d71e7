"""The arguments and results of a metric: a trained model, reference data, and measurements with their protocol.

A metric is a function of a `MetricContext` that returns its measurements, each a number with the protocol of how it was
measured; numbers are only comparable under the same protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancli.data.source import PackedDataset
from gancli.errors import UsageError
from gancli.family.context import Nets
from gancli.family.contract import Family
from gancli.io.images import Pixels


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `gan eval` lets a person choose.

    Args:
        labelled: labelled training images for what is learned on top of the model.
        samples: images to draw; None leaves it to the metric.
        limit: test images at most; None takes all.
        seed: of everything that is drawn at random.
        backbone: the network whose features are compared, as `gancli.metrics.backbones.select` takes it, or one of
            LPIPS; None: the classifier of the data's labels, or AlexNet.
        truncation: largest absolute value of a normal number in a latent; None: no limit.
        fetch: whether a metric may download what it needs; not where nobody asked for it by name.
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
    """A number and how it was taken.

    Args:
        metric: the metric's name; of several values, `<name>/<which>`.
        value: finite.
        protocol: whatever changes the value, as JSON has it; `gan eval` adds the checkpoint, the data and the seed.
            Only numbers of one protocol are put side by side.
        observed: what else came out, as JSON has it, such as a standard error or a width that was chosen by the data.
        picture: image to show beside the number, (H, W, C) as in `gancli.io.images`; `gan eval` writes it to the run.
    """

    metric: str
    value: float
    protocol: Mapping[str, Any] = field(default_factory=dict)
    observed: Mapping[str, Any] = field(default_factory=dict)
    picture: Pixels | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        observed = {"observed": dict(self.observed)} if self.observed else {}
        return {"metric": self.metric, "value": self.value, **observed, "protocol": dict(self.protocol)}


@dataclass(frozen=True, kw_only=True)
class FullSizeSplit:
    """Images as they are, each at its own size, with the model's channels.

    Args:
        split: that they are of: train, test or all.
        parts: by key: `image`, or `source` and `target` of pairs.
    """

    split: str
    parts: Mapping[str, PackedDataset]


@dataclass(frozen=True, kw_only=True)
class FeatureModel:
    """Another trained model, whose discriminator has features to lend.

    Args:
        name: of its run.
        digest: SHA-256 of its checkpoint.
        family: of it.
        nets: its networks, on the subject's device, in eval mode and without gradients.
        labels: the names of the labels that it takes; empty if it takes none.
    """

    name: str
    digest: str
    family: Family[Any]
    nets: Nets
    labels: tuple[str, ...]


def _no_judge(path: Path) -> FeatureModel:
    raise UsageError(f"no model can be opened here, so {path} cannot lend its features; name another backbone")


@dataclass(frozen=True, kw_only=True)
class MetricContext:
    """A model and its data, at one moment: when the weights change, it takes another subject.

    Args:
        family: of the model.
        nets: its networks, on `device`, in eval mode and without gradients. Not to be changed.
        untrained: makes networks of the same architecture that have learned nothing, from `options.seed`.
        labels: the names of the labels that the model takes; empty if it takes none.
        device: where the networks are.
        draw: images (N, C, H, W) on the CPU, in [-1, 1], from seeds (N) and label indices (N, or none at all).
        train: the training split of the data, at the model's resolution and channels.
        test: the test split, likewise; a DataError where there is none.
        whole: the test split as it is, or what of other data the person named.
        every_class: the test split with all its labels, whatever `data.classes` says; a DataError where there is none.
        held_out: the images of the training split beyond the recipe's `data.limit`, which training never showed; a
            DataError where there are none.
        options: what the person chose.
        judge: opens the model of a run or checkpoint directory as a judge of this one; a GanError where it cannot.
        memory: what one metric found that another would find again. Not for anything that outlives the subject.
    """

    family: Family[Any]
    nets: Nets
    untrained: Callable[[], Nets]
    labels: tuple[str, ...]
    device: torch.device
    draw: Callable[[Sequence[int], Sequence[int]], Tensor]
    train: Callable[[], PackedDataset]
    test: Callable[[], PackedDataset]
    every_class: Callable[[], PackedDataset]
    held_out: Callable[[], PackedDataset]
    whole: Callable[[], FullSizeSplit]
    options: Options = Options()
    judge: Callable[[Path], FeatureModel] = _no_judge
    memory: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    def samples(self, default: int) -> Tensor:
        """Images (N, C, H, W) of consecutive seeds, `options.samples` or `default` many; labels take turns."""
        return self.samples_at(range(self.options.samples or default))

    def samples_at(self, places: Sequence[int]) -> Tensor:
        """The images (N, C, H, W) at these places of `samples`, for metrics that take many, a few at a time."""
        labels = [place % len(self.labels) for place in places] if self.labels else []
        return self.draw([self.options.seed + place for place in places], labels)


Metric = Callable[[MetricContext], Sequence[Measurement]]
