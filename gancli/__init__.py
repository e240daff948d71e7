"""gancli: train and use generative adversarial networks from the command line.

The names here are the ones that the torch-free modules of a plugin need; each is imported on first use, so that
`import gancli` is cheap. The contract of a family is in `gancli.family`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

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


def lazy_names(package: str, homes: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], list[str]]:
    """Return `__getattr__` and `__all__` of a package that imports its public names on first use.

    Args:
        package: name of the package.
        homes: public names by the module that defines them.
    """
    modules = {name: module for module, names in homes.items() for name in names}

    def load(name: str) -> Any:
        if name not in modules:
            from gancli.plugins.moved_modules import old_names

            return old_names(package, stacklevel=4)(name)
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


class _MovedModules:
    """Finds modules by the names that they had in version 0.1; asked only if no other finder knows the name."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if not name.startswith("gancli."):
            return None
        from gancli.plugins.moved_modules import find_spec

        return find_spec(name)


sys.meta_path.append(_MovedModules)
