"""Discovery of plugins through entry points. A broken plugin never affects the others.

A family's entry point has the family's name, so only the plugin of a recipe's family is read. All plugins are read for
a listing, or to suggest the closest name if a name is not found. Reading a plugin runs none of its code in this process
(`gancli.plugins.listing`); its classes are imported when they are used.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from importlib import metadata
from typing import Any, TypeVar

from gancli.errors import UsageError, unknown_name
from gancli.io.text import error_line, visible
from gancli.plugins.hookspecs import ENTRY_POINT_GROUP, DatasetInfo, FamilyInfo, MetricInfo, TrackerInfo
from gancli.plugins.listing import importable, read_plugins
from gancli.plugins.loading import KINDS, Plugin, top_package

SUBSET_VARIABLE = "GANCLI_PLUGINS"
"""Environment variable: comma-separated names of the entry points to load (default: all). Those of gancli itself are
always loaded.
"""

Info = TypeVar("Info", FamilyInfo, DatasetInfo, MetricInfo, TrackerInfo)

WithOptions = TypeVar("WithOptions", FamilyInfo, DatasetInfo)


class Registry:
    """The installed plugins, each read at most once.

    Args:
        entry_points: entry points (default: those of the installed distributions).
    """

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        points = metadata.entry_points(group=ENTRY_POINT_GROUP) if entry_points is None else entry_points
        self._entry_points = sorted(_selected(points), key=lambda point: (not _is_core(point), point.name))
        self._plugins: dict[metadata.EntryPoint, Plugin] = {}

    def plugins(self, *, recheck: bool = False) -> list[Plugin]:
        """Read every plugin. A plugin that provides a name which is already taken provides nothing.

        Args:
            recheck: read plugins again that were broken when they were read last.
        """
        self._read(self._entry_points, recheck=recheck)
        owners: dict[str, str] = {}
        for point in sorted(self._entry_points, key=self._precedence):
            plugin = self._plugins[point]
            infos = [(kind.noun, info) for kind in KINDS for info in getattr(plugin, kind.field)]
            for name in [f"{noun} {name!r}" for noun, info in infos for name in getattr(info, "names", (info.name,))]:
                owner = owners.setdefault(name, plugin.package)
                if owner != plugin.package:
                    plugin.clear()
                    plugin.fault = f"the {name} is already provided by {owner}"
        return [self._plugins[point] for point in self._entry_points]

    def families(self) -> dict[str, FamilyInfo]:
        """Return all GAN families by name."""
        return {info.name: info for plugin in self.plugins() for info in plugin.families}

    def datasets(self) -> dict[str, DatasetInfo]:
        """Return all data sources by name."""
        return {info.name: info for plugin in self.plugins() for info in plugin.datasets}

    def metrics(self) -> dict[str, MetricInfo]:
        """Return all metrics by name."""
        return {info.name: info for plugin in self.plugins() for info in plugin.metrics}

    def trackers(self) -> dict[str, TrackerInfo]:
        """Return all trackers by name."""
        return {info.name: info for plugin in self.plugins() for info in plugin.trackers}

    def family(self, name: str) -> FamilyInfo:
        """Return the family called `name`.

        Raises:
            UsageError: there is none; the message has the closest name, or the fault of the plugin of that name.
        """
        for info in (info for plugin in self._named(name) for info in plugin.families):
            if info.name == name:
                return info
        families = self.families()
        if name in families:
            return families[name]
        faults = [plugin.fault for plugin in self.plugins() if plugin.name == name and plugin.fault]
        if faults:
            raise UsageError(f"the plugin of the family {name!r} is broken: {faults[0]}")
        raise UsageError(unknown_name("family", name, families) + "; `gan plugins ls` lists what is installed")

    def dataset(self, name: str) -> DatasetInfo:
        """Return the data source with this name or alias; raise UsageError with the closest name if there is none."""
        for plugin in self._core():
            for info in plugin.datasets:
                if name in info.names:
                    return info
        datasets = self.datasets()
        aliases = {alias: info for info in datasets.values() for alias in info.aliases}
        return aliases.get(name) or _find("data source", name, datasets, "gan data ls")

    def metric(self, name: str) -> MetricInfo:
        """Return the metric called `name`; raise UsageError with the closest name if there is none."""
        own = {info.name: info for plugin in self._core() for info in plugin.metrics}
        return own.get(name) or _find("metric", name, self.metrics(), "gan plugins ls")

    def tracker(self, name: str) -> TrackerInfo:
        """Return the tracker called `name`; raise UsageError with the closest name if there is none."""
        own = {info.name: info for plugin in self._core() for info in plugin.trackers}
        return own.get(name) or _find("tracker", name, self.trackers(), "gan plugins ls")

    def with_options(self, infos: Iterable[WithOptions]) -> list[WithOptions]:
        """Return the families or data sources of which the class of options can be imported in this process.

        Every class is tried in the process that reads plugins, because a plugin may end the process that imports it.
        """
        wanted = list(infos)
        asked = []
        for point in self._entry_points:
            provided = {id(info) for kind in KINDS for info in getattr(self._read([point])[0], kind.field)}
            asked.append((point, [info.config for info in wanted if id(info) in provided]))
        sound = importable([(point, references) for point, references in asked if references])
        return [info for info in wanted if info.config in sound]

    def owner(self, family: str) -> Plugin:
        """Return the plugin that provides a family, for manifests."""
        named = [plugin for plugin in self._named(family) if any(info.name == family for info in plugin.families)]
        for plugin in named or self.plugins():
            if any(info.name == family for info in plugin.families):
                return plugin
        raise UsageError(unknown_name("family", family, self.families()))

    def _precedence(self, point: metadata.EntryPoint) -> tuple[bool, bool]:
        """Sort key that decides who keeps a name that two plugins provide: gancli, then the plugin with that name."""
        named_after_family = any(info.name == point.name for info in self._plugins[point].families)
        return not _is_core(point), not named_after_family

    def _named(self, name: str) -> list[Plugin]:
        points = [point for point in self._entry_points if point.name == name]
        return self._read(points) if len(points) == 1 else []

    def _core(self) -> list[Plugin]:
        return self._read([point for point in self._entry_points if _is_core(point)])

    def _read(self, points: Sequence[metadata.EntryPoint], *, recheck: bool = False) -> list[Plugin]:
        unread = [point for point in points if point not in self._plugins]
        self._plugins.update(zip(unread, read_plugins(unread, recheck=recheck), strict=True))
        return [self._plugins[point] for point in points]


_registry: Registry | None = None


def registry() -> Registry:
    """Return the registry of the installed plugins."""
    global _registry
    if _registry is None:
        _registry = Registry()
    return _registry


def import_class(reference: str) -> Any:
    """Import `"package.module:Class"`. References come from installed plugins, never from a file of a user.

    What the module prints goes to standard error: standard output is the output of a command, and may be JSON.

    Raises:
        UsageError: the module of a plugin raises an error, or has no such class.
    """
    module, _, name = reference.partition(":")
    if module.partition(".")[0] == "gancli":
        return getattr(importlib.import_module(module), name)
    try:
        with redirect_stdout(sys.stderr):
            return getattr(importlib.import_module(module), name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything, SystemExit included, and must not end the program
        raise UsageError(f"{visible(reference)} of a plugin cannot be imported: {error_line(error)}") from error


def named_metrics(metrics: str) -> list[MetricInfo]:
    """Return the metrics of comma-separated names, without duplicates.

    Raises:
        UsageError: a name is unknown, or there is no name.
    """
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    if not names:
        raise UsageError(f"--metrics names no metric; choose from {', '.join(sorted(registry().metrics()))}")
    return [registry().metric(name) for name in dict.fromkeys(names)]


def named_trackers(names: Sequence[str]) -> list[TrackerInfo]:
    """Return the trackers of some names, without duplicates and without importing them.

    Raises:
        UsageError: a name is unknown, or a module that the tracker needs is not installed.
    """
    infos = [registry().tracker(name) for name in dict.fromkeys(names)]
    for info in infos:
        if info.needs and importlib.util.find_spec(info.needs) is None:
            raise UsageError(
                f"--track {info.name} needs the module {info.needs}, which is not installed: "
                f"pip install '{info.install or info.needs}'"
            )
    return infos


def _find(noun: str, name: str, infos: dict[str, Info], listing: str) -> Info:
    if name not in infos:
        raise UsageError(f"{unknown_name(noun, name, infos)}; `{listing}` lists them")
    return infos[name]


def _selected(points: Iterable[metadata.EntryPoint]) -> list[metadata.EntryPoint]:
    subset = os.environ.get(SUBSET_VARIABLE)
    if subset is None:
        return list(points)
    names = {name.strip() for name in subset.split(",")}
    return [point for point in points if point.name in names or _is_core(point)]


def _is_core(point: metadata.EntryPoint) -> bool:
    return top_package(point) == "gancli"
