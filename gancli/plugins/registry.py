"""Discovery of plugins through entry points. A broken plugin never affects the others.

A family's entry point has the family's name, so only the plugin of a recipe's family is loaded. All plugins are loaded
for a listing, or to suggest the closest name if a name is not found. Plugin code is loaded with a timeout and with
stdout sent to stderr.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, fields
from importlib import metadata
from types import FrameType
from typing import Any, NamedTuple, TypeVar

import pluggy

from gancli.errors import UsageError, unknown_name
from gancli.plugins import hookspecs
from gancli.plugins.hookspecs import ENTRY_POINT_GROUP, DatasetInfo, FamilyInfo, MetricInfo, TrackerInfo
from gancli.plugins.source_location import SourceLocation, location_of_error

SUBSET_VARIABLE = "GANCLI_PLUGINS"
"""Environment variable: comma-separated names of the entry points to load (default: all). Those of gancli itself are
always loaded.
"""

TIMEOUT_VARIABLE = "GANCLI_PLUGIN_SECONDS"
"""Environment variable: seconds that a plugin may take to load (default: 30)."""

Info = TypeVar("Info", FamilyInfo, DatasetInfo, MetricInfo, TrackerInfo)


class Kind(NamedTuple):
    """One kind of plugin contribution: the field of `Plugin` that lists it, its class, and its noun in messages."""

    field: str
    info: type[Any]
    noun: str

    @property
    def hook(self) -> str:
        """Name of its hook."""
        return f"gan_{self.field}"


KINDS = (
    Kind("families", FamilyInfo, "family"),
    Kind("datasets", DatasetInfo, "data source"),
    Kind("metrics", MetricInfo, "metric"),
    Kind("trackers", TrackerInfo, "tracker"),
)


@dataclass
class Plugin:
    """One entry point and the result of loading it.

    Attributes:
        fault: first line of the error if it could not be loaded.
        where: line of the plugin that caused the fault, if there is one.
    """

    name: str
    package: str
    version: str
    families: list[FamilyInfo] = field(default_factory=list)
    datasets: list[DatasetInfo] = field(default_factory=list)
    metrics: list[MetricInfo] = field(default_factory=list)
    trackers: list[TrackerInfo] = field(default_factory=list)
    fault: str | None = None
    where: SourceLocation | None = None


class PluginTimeout(BaseException):
    """Raised inside plugin code that takes too long to load; not an `Exception`, because that code might catch it."""


class Registry:
    """The installed plugins, each loaded at most once.

    Args:
        entry_points: entry points (default: those of the installed distributions).
    """

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        points = metadata.entry_points(group=ENTRY_POINT_GROUP) if entry_points is None else entry_points
        self._entry_points = sorted(_selected(points), key=lambda point: (not _is_core(point), point.name))
        self._loaded: dict[metadata.EntryPoint, Plugin] = {}

    def plugins(self) -> list[Plugin]:
        """Load every plugin. A plugin that provides a name which is already taken provides nothing."""
        owners: dict[str, str] = {}
        for point in sorted(self._entry_points, key=self._precedence):
            plugin = self._load(point)
            infos = [(kind.noun, info) for kind in KINDS for info in getattr(plugin, kind.field)]
            for name in [f"{noun} {name!r}" for noun, info in infos for name in getattr(info, "names", (info.name,))]:
                owner = owners.setdefault(name, plugin.package)
                if owner != plugin.package:
                    _clear(plugin)
                    plugin.fault = f"the {name} is already provided by {owner}"
        return [self._loaded[point] for point in self._entry_points]

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
        for point in filter(_is_core, self._entry_points):
            for info in self._load(point).datasets:
                if name in info.names:
                    return info
        datasets = self.datasets()
        aliases = {alias: info for info in datasets.values() for alias in info.aliases}
        return aliases.get(name) or _find("data source", name, datasets, "gan data ls")

    def metric(self, name: str) -> MetricInfo:
        """Return the metric called `name`; raise UsageError with the closest name if there is none."""
        return _find("metric", name, self.metrics(), "gan plugins ls")

    def tracker(self, name: str) -> TrackerInfo:
        """Return the tracker called `name`; raise UsageError with the closest name if there is none."""
        return _find("tracker", name, self.trackers(), "gan plugins ls")

    def owner(self, family: str) -> Plugin:
        """Return the plugin that provides a family, for manifests."""
        for plugin in (*self._named(family), *self.plugins()):
            if any(info.name == family for info in plugin.families):
                return plugin
        raise UsageError(unknown_name("family", family, self.families()))

    def _precedence(self, point: metadata.EntryPoint) -> tuple[bool, bool]:
        """Sort key that decides who keeps a name that two plugins provide: gancli, then the plugin with that name."""
        named_after_family = any(info.name == point.name for info in self._load(point).families)
        return not _is_core(point), not named_after_family

    def _named(self, name: str) -> list[Plugin]:
        points = [point for point in self._entry_points if point.name == name]
        return [self._load(point) for point in points] if len(points) == 1 else []

    def _load(self, point: metadata.EntryPoint) -> Plugin:
        if point not in self._loaded:
            self._loaded[point] = _load(point)
        return self._loaded[point]


_registry: Registry | None = None


def registry() -> Registry:
    """Return the registry of the installed plugins."""
    global _registry
    if _registry is None:
        _registry = Registry()
    return _registry


def import_class(reference: str) -> Any:
    """Import `"package.module:Class"`. References come from installed plugins, never from a file."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


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


@contextmanager
def guarded_loading() -> Iterator[None]:
    """Load plugin code with a timeout and with stdout sent to stderr.

    Raises:
        PluginTimeout: it took too long; only raised in the main thread, and not on Windows.
    """
    with redirect_stdout(sys.stderr):  # stdout is the output of a command, and may be JSON
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGALRM, _raise_timeout)
        signal.setitimer(signal.ITIMER_REAL, _timeout(), 1.0)  # repeats, in case the first one was caught
        try:
            try:
                yield
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        finally:  # a signal may have arrived just before the timer was stopped
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def check_field_types(info: Any) -> None:
    """Check the object that a hook returned against the field types of its class.

    Raises:
        TypeError: a field has another type; the message names it.
    """
    for declared in fields(info):
        value = getattr(info, declared.name)
        if declared.type == "str" and not isinstance(value, str):
            raise TypeError(f"{type(info).__name__}.{declared.name} must be text, not {type(value).__name__}")
        if declared.type == "tuple[str, ...]" and not (
            isinstance(value, tuple) and all(isinstance(item, str) for item in value)
        ):
            raise TypeError(f'{type(info).__name__}.{declared.name} must be a tuple of text, such as ("image",)')


def _load(point: metadata.EntryPoint) -> Plugin:
    package, version = _distribution(point)
    plugin = Plugin(name=point.name, package=package, version=version)
    try:
        with guarded_loading():
            manager = pluggy.PluginManager("gancli")
            manager.add_hookspecs(hookspecs)
            manager.register(point.load(), name=point.name)
            manager.check_pending()
            for kind in KINDS:
                setattr(plugin, kind.field, _flatten(getattr(manager.hook, kind.hook)(), kind.info))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything, SystemExit included, and must not end the program
        _clear(plugin)
        plugin.fault = f"{type(error).__name__}: {error}".splitlines()[0]
        plugin.where = location_of_error(error, _package(point))
    return plugin


def _flatten(results: Sequence[Any], kind: type[Any]) -> list[Any]:
    infos = [info for result in results for info in (result if isinstance(result, list) else [result])]
    for info in infos:
        if not isinstance(info, kind):
            raise TypeError(f"a hook returned {type(info).__name__}; it must return {kind.__name__}")
        check_field_types(info)
    return infos


def _clear(plugin: Plugin) -> None:
    for kind in KINDS:
        setattr(plugin, kind.field, [])


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
    return _package(point) == "gancli"


def _package(point: metadata.EntryPoint) -> str:
    """Return the top-level package of an entry point's module."""
    return point.value.partition(":")[0].partition(".")[0].strip()


def _distribution(point: metadata.EntryPoint) -> tuple[str, str]:
    """Return name and version of an entry point's distribution, with substitutes if its metadata are incomplete."""
    try:
        name, version = (point.dist.name, point.dist.version) if point.dist else ("", "")
    except Exception:  # METADATA is missing or lacks a required field
        name, version = "", ""
    return name or point.value or point.name, version or "unknown"


def _timeout() -> float:
    try:
        seconds = float(os.environ.get(TIMEOUT_VARIABLE, ""))
    except ValueError:
        return 30.0
    return seconds if 0 < seconds < 1e6 else 30.0


def _raise_timeout(number: int, frame: FrameType | None) -> None:
    raise PluginTimeout(f"it did not load within {_timeout():g} seconds")
