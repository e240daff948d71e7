"""The hooks that a plugin may implement, and what it hands over through them.

A plugin is a module named by an entry point of the group `gancli`. Nothing here, and nothing on the way from here to a
plugin's module, imports torch: classes are named as `"package.module:Class"` and imported when they are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pluggy

ENTRY_POINT_GROUP = "gancli"

hookspec = pluggy.HookspecMarker("gancli")

hookimpl = pluggy.HookimplMarker("gancli")


@dataclass(frozen=True, kw_only=True)
class FamilyInfo:
    """A GAN family, described without importing it.

    Args:
        name: what recipes write after `family:`; lower case, words joined by hyphens.
        summary: one line for listings.
        paper: authors, year and title, or an address.
        tasks: what a trained model of it can do, out of `sample`, `upscale`, `translate`, `detect`.
        batch: the keys of a training batch that its losses read, such as `("image",)` or `("image", "label")`. A family
            that reads labels is one that takes `--label`.
        family: `"package.module:Class"` of the subclass of `gancli.family.Family`.
        config: `"package.module:Class"` of the subclass of `gancli.FamilyConfig`; its module must not import torch.
    """

    name: str
    summary: str
    paper: str
    tasks: tuple[str, ...]
    batch: tuple[str, ...]
    family: str
    config: str


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """A source of training data, described without importing it.

    Args:
        name: what recipes write after `source:`.
        summary: one line for listings.
        yields: the keys of a batch it can fill, such as `("image", "label")`.
        needs: what it takes to use it: `""` (bundled), `"download"` or `"files"`.
        source: `"package.module:Class"` of the subclass of `gancli.data.source.Source`.
        config: `"package.module:Class"` of the subclass of `gancli.SourceConfig`; its module must not import torch.
    """

    name: str
    summary: str
    yields: tuple[str, ...]
    needs: str
    source: str
    config: str

    @property
    def serves(self) -> tuple[str, ...]:
        """`yields`, and what `gancli.data.dataset` makes of it: `attributes` of labels, and `dataset` of either."""
        derived = []
        if "label" in self.yields:
            derived.append("attributes")
        if "label" in self.yields or "attributes" in self.yields:
            derived.append("dataset")
        return (*self.yields, *(key for key in derived if key not in self.yields))


@dataclass(frozen=True, kw_only=True)
class MetricInfo:
    """A metric of trained models, described without importing it.

    Args:
        name: what `gan eval --metrics` takes; lower case, words joined by underscores.
        summary: one line for listings.
        needs: what a model must be able to do to be measured: tasks, such as `sample`; `discriminate`, to have a
            discriminator that can be asked about an image; `label`, to take labels; `image` or `points`, to have been
            trained on that kind of data.
        metric: `"package.module:function"` that takes a `gancli.metrics.context.MetricContext` and returns a list of
            `gancli.metrics.context.Measurement`, the one to go by first.
        better: which values of it are better, `"lower"` or `"higher"`: a recipe may keep the best checkpoint by it, or
            stop by it. None: neither.
    """

    name: str
    summary: str
    needs: tuple[str, ...]
    metric: str
    better: Literal["lower", "higher"] | None = None


@dataclass(frozen=True, kw_only=True)
class TrackerInfo:
    """A place that training also reports to, described without importing it.

    Args:
        name: what `gan train --track` takes; lower case, words joined by hyphens.
        summary: one line for listings.
        tracker: `"package.module:Class"` of the subclass of `gancli.trackers.Tracker`, made without arguments.
        needs: the module that it cannot do without, such as `tensorboard`, if there is one: it is looked for before
            training.
        install: what pip is to install where that module is missing, such as `gancli[tensorboard]`.
    """

    name: str
    summary: str
    tracker: str
    needs: str = ""
    install: str = ""


@hookspec
def gan_families() -> FamilyInfo | list[FamilyInfo]:  # type: ignore[empty-body]
    """The GAN families of this plugin."""


@hookspec
def gan_datasets() -> DatasetInfo | list[DatasetInfo]:  # type: ignore[empty-body]
    """The data sources of this plugin."""


@hookspec
def gan_metrics() -> MetricInfo | list[MetricInfo]:  # type: ignore[empty-body]
    """The metrics of this plugin."""


@hookspec
def gan_trackers() -> TrackerInfo | list[TrackerInfo]:  # type: ignore[empty-body]
    """The trackers of this plugin."""
