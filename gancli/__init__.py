"""gancli: train and use generative adversarial networks from the command line.

The names here are the ones that the torch-free modules of a plugin need; each is imported on first use, so that
`import gancli` is cheap. The contract of a family is in `gancli.family`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from gancli.data.spec import DataSpec as DataSpec
    from gancli.data.spec import LabelSet as LabelSet
    from gancli.plugins.hookspecs import DatasetInfo as DatasetInfo
    from gancli.plugins.hookspecs import FamilyInfo as FamilyInfo
    from gancli.plugins.hookspecs import MetricInfo as MetricInfo
    from gancli.plugins.hookspecs import TrackerInfo as TrackerInfo
    from gancli.plugins.hookspecs import hookimpl as hookimpl
    from gancli.recipes.options import FamilyConfig as FamilyConfig
    from gancli.recipes.options import SourceConfig as SourceConfig


def lazy_names(package: str, homes: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], list[str]]:
    """The module functions `__getattr__` and `__all__` of a package that imports its public names on first use.

    Args:
        package: name of the package, for errors.
        homes: public names by the module that defines them.
    """
    modules = {name: module for module, names in homes.items() for name in names}

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(modules[name]), name)

    return load, sorted(modules)


__getattr__, __all__ = lazy_names(
    __name__,
    {
        "gancli.data.spec": ("DataSpec", "LabelSet"),
        "gancli.plugins.hookspecs": ("DatasetInfo", "FamilyInfo", "MetricInfo", "TrackerInfo", "hookimpl"),
        "gancli.recipes.options": ("FamilyConfig", "SourceConfig"),
    },
)
