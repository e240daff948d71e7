"""Hooks that plugins implement, and the descriptions that these return.

A plugin is a module named by an entry point of the group `gancli`. Neither this module nor loading a plugin imports
torch: classes are named as `"package.module:Class"` and imported when they are used.
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
    """Description of a GAN family, which is not imported.

    Args:
        name: name in recipes after `family:`; lower case, with hyphens between words.
        summary: one line for listings.
        paper: authors, year and title, or an address.
        tasks: tasks of a trained model: `sample`, `upscale`, `translate`, `detect`.
        batch: keys of a training batch that the losses read, such as `("image",)` or `("image", "label")`. Families
            that read labels support `--label`.
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
    """Description of a source of training data, which is not imported.

    Args:
        name: name in recipes after `source:`.
        summary: one line for listings.
        yields: keys of a batch that it provides, such as `("image", "label")`.
        needs: requirement for using it: `""` (bundled), `"download"` or `"files"`.
        source: `"package.module:Class"` of the subclass of `gancli.data.source.Source`.
        config: `"package.module:Class"` of the subclass of `gancli.SourceConfig`; its module must not import torch.
        aliases: former names that recipes may still use.
    """

    name: str
    summary: str
    yields: tuple[str, ...]
    needs: str
    source: str
    config: str
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """`name` and `aliases`."""
        return (self.name, *self.aliases)

    @property
    def serves(self) -> tuple[str, ...]:
        """`yields`, and keys that `gancli.data.dataset` derives: `attributes` from labels, `dataset` from either."""
        derived = []
        if "label" in self.yields:
            derived.append("attributes")
        if "label" in self.yields or "attributes" in self.yields:
            derived.append("dataset")
        return (*self.yields, *(key for key in derived if key not in self.yields))


@dataclass(frozen=True, kw_only=True)
class MetricInfo:
    """Description of a metric of trained models, which is not imported.

    Args:
        name: name for `gan eval --metrics`; lower case, with underscores between words.
        summary: one line for listings.
        needs: abilities that a model must have: tasks, such as `sample`; `discriminate`, a discriminator that scores
            images; `label`, support of labels; `image` or `points`, training on that kind of data.
        metric: `"package.module:function"` that takes a `gancli.metrics.context.MetricContext` and returns a list of
            `gancli.metrics.context.Measurement`, the most important first.
        better: `"lower"` or `"higher"` values are better, so that a recipe can keep the best checkpoint by this metric
            or stop by it; None: neither.
    """

    name: str
    summary: str
    needs: tuple[str, ...]
    metric: str
    better: Literal["lower", "higher"] | None = None


@dataclass(frozen=True, kw_only=True)
class TrackerInfo:
    """Description of an experiment tracker that training reports to, which is not imported.

    Args:
        name: name for `gan train --track`; lower case, with hyphens between words.
        summary: one line for listings.
        tracker: `"package.module:Class"` of the subclass of `gancli.trackers.Tracker`, created without arguments.
        needs: module that it requires, such as `tensorboard`; checked before training.
        install: requirement for pip if that module is missing, such as `gancli[tensorboard]`.
    """

    name: str
    summary: str
    tracker: str
    needs: str = ""
    install: str = ""


@hookspec
def gan_families() -> FamilyInfo | list[FamilyInfo]:  # type: ignore[empty-body]
    """Return the GAN families of this plugin."""


@hookspec
def gan_datasets() -> DatasetInfo | list[DatasetInfo]:  # type: ignore[empty-body]
    """Return the data sources of this plugin."""


@hookspec
def gan_metrics() -> MetricInfo | list[MetricInfo]:  # type: ignore[empty-body]
    """Return the metrics of this plugin."""


@hookspec
def gan_trackers() -> TrackerInfo | list[TrackerInfo]:  # type: ignore[empty-body]
    """Return the trackers of this plugin."""
