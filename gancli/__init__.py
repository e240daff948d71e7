"""gancli: train and use generative adversarial networks from the command line.

The names here are the ones that the torch-free modules of a plugin need; each is imported on first use, so that
`import gancli` is cheap. The contract of a family is in `gancli.family`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gancli.plugins.lazy_names import lazy_names

__version__ = "0.2.0"

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from gancli.data.spec import DataSpec as DataSpec
    from gancli.data.spec import LabelSet as LabelSet
    from gancli.plugins.hookspecs import DatasetInfo as DatasetInfo
    from gancli.plugins.hookspecs import FamilyInfo as FamilyInfo
    from gancli.plugins.hookspecs import MetricInfo as MetricInfo
    from gancli.plugins.hookspecs import TrackerInfo as TrackerInfo
    from gancli.plugins.hookspecs import hookimpl as hookimpl
    from gancli.recipes.options import FamilyConfig as FamilyConfig
    from gancli.recipes.options import SourceConfig as SourceConfig


__getattr__, __all__ = lazy_names(
    __name__,
    {
        "gancli.data.spec": ("DataSpec", "LabelSet"),
        "gancli.plugins.hookspecs": ("DatasetInfo", "FamilyInfo", "MetricInfo", "TrackerInfo", "hookimpl"),
        "gancli.recipes.options": ("FamilyConfig", "SourceConfig"),
    },
)


class _MovedModules:
    """Finds modules by the names that they had in version 0.1; asked only if no other finder knows the name."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if not name.startswith("gancli."):
            return None
        from gancli.plugins.moved_modules import find_spec

        return find_spec(name)


sys.meta_path.append(_MovedModules)
