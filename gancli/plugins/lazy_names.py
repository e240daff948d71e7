"""Packages that import their public names on first use, so that importing the package is cheap."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


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
