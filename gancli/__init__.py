"""gancli: train and use generative adversarial networks from the command line.

The names here are the ones a plugin's torch-free modules need; each is imported on first use, so that `import gancli`
costs nothing. The contract of a family is in `gancli.family`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from gancli.dataspec import DataSpec as DataSpec
    from gancli.dataspec import LabelSet as LabelSet
    from gancli.hookspecs import DatasetInfo as DatasetInfo
    from gancli.hookspecs import FamilyInfo as FamilyInfo
    from gancli.hookspecs import MetricInfo as MetricInfo
    from gancli.hookspecs import TrackerInfo as TrackerInfo
    from gancli.hookspecs import hookimpl as hookimpl
    from gancli.recipe import FamilyConfig as FamilyConfig
    from gancli.recipe import SourceConfig as SourceConfig

_HOME = {
    "DataSpec": "gancli.dataspec",
    "DatasetInfo": "gancli.hookspecs",
    "FamilyConfig": "gancli.recipe",
    "FamilyInfo": "gancli.hookspecs",
    "LabelSet": "gancli.dataspec",
    "MetricInfo": "gancli.hookspecs",
    "SourceConfig": "gancli.recipe",
    "TrackerInfo": "gancli.hookspecs",
    "hookimpl": "gancli.hookspecs",
}

__all__ = [
    "DataSpec",
    "DatasetInfo",
    "FamilyConfig",
    "FamilyInfo",
    "LabelSet",
    "MetricInfo",
    "SourceConfig",
    "TrackerInfo",
    "__version__",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gancli' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
