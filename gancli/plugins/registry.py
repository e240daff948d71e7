"""Finding plugins through entry points, so that one broken plugin never stops the others.

A family's entry point carries the family's name, so the plugin of a recipe's family is loaded alone; the others are
loaded only for a listing, or where a name is not found and the nearest one is wanted.
"""

from __future__ import annotations

import difflib
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
from typing import Any, NamedTuple

import pluggy

from gancli.errors import UsageError
from gancli.plugins import hookspecs
from gancli.plugins.hookspecs import ENTRY_POINT_GROUP, DatasetInfo, FamilyInfo, MetricInfo, TrackerInfo
from gancli.plugins.source_location import Place, of_error

SUBSET_VARIABLE = "GANCLI_PLUGINS"
"""Comma-separated entry point names: load only these. What gancli itself brings is always loaded."""


class Kind(NamedTuple):
    """One kind of what plugins bring: the field of `Plugin` that holds it, its class, and what a person calls it."""

    field: str
    info: type[Any]
    noun: str

    @property
    def hook(self) -> str:
        return f"gan_{self.field}"


KINDS = (
    Kind("families", FamilyInfo, "family"),
    Kind("datasets", DatasetInfo, "data source"),
    Kind("metrics", MetricInfo, "metric"),
    Kind("trackers", TrackerInfo, "tracker"),
)


@dataclass
class Plugin:
    """One entry point and what came of loading it."""

    name: str
    package: str
    version: str
    families: list[FamilyInfo] = field(default_factory=list)
    datasets: list[DatasetInfo] = field(default_factory=list)
    metrics: list[MetricInfo] = field(default_factory=list)
    trackers: list[TrackerInfo] = field(default_factory=list)
    fault: str | None = None
    where: Place | None = None
    """The line of the plugin that the fault is about, where it is about one."""


class Registry:
    """The plugins that are installed, each loaded at most once.

    Args:
        entry_points: instead of those of the installed distributions (for tests).
    """

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        found = metadata.entry_points(group=ENTRY_POINT_GROUP) if entry_points is None else entry_points
        self._entry_points = sorted(_chosen(found), key=lambda point: (not _is_core(point), point.name))
        self._loaded: dict[metadata.EntryPoint, Plugin] = {}

    def plugins(self) -> list[Plugin]:
        """Every plugin, loaded; a plugin that brings a name which is taken brings nothing."""
        owners: dict[str, str] = {}
        for point in sorted(self._entry_points, key=self._precedence):
            plugin = self._load(point)
            for name in [f"{kind.noun} {info.name!r}" for kind in KINDS for info in getattr(plugin, kind.field)]:
                owner = owners.setdefault(name, plugin.package)
                if owner != plugin.package:
                    for kind in KINDS:
                        setattr(plugin, kind.field, [])
                    plugin.fault = f"the {name} is already provided by {owner}"
        return [self._loaded[point] for point in self._entry_points]

    def families(self) -> dict[str, FamilyInfo]:
        return {info.name: info for plugin in self.plugins() for info in plugin.families}

    def datasets(self) -> dict[str, DatasetInfo]:
        return {info.name: info for plugin in self.plugins() for info in plugin.datasets}

    def metrics(self) -> dict[str, MetricInfo]:
        return {info.name: info for plugin in self.plugins() for info in plugin.metrics}

    def trackers(self) -> dict[str, TrackerInfo]:
        return {info.name: info for plugin in self.plugins() for info in plugin.trackers}

    def family(self, name: str) -> FamilyInfo:
        """The family called `name`.

        Raises:
            UsageError: there is none; the text names the nearest one, or the fault of the plugin that should bring it.
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
        raise UsageError(unknown("family", name, families) + "; `gan plugins ls` lists what is installed")

    def dataset(self, name: str) -> DatasetInfo:
        """The data source called `name`.

        Raises:
            UsageError: there is none; the text names the nearest one.
        """
        for point in filter(_is_core, self._entry_points):
            for info in self._load(point).datasets:
                if info.name == name:
                    return info
        datasets = self.datasets()
        if name not in datasets:
            raise UsageError(unknown("data source", name, datasets) + "; `gan data ls` lists them")
        return datasets[name]

    def metric(self, name: str) -> MetricInfo:
        """The metric called `name`.

        Raises:
            UsageError: there is none; the text names the nearest one.
        """
        metrics = self.metrics()
        if name not in metrics:
            raise UsageError(unknown("metric", name, metrics) + "; `gan plugins ls` lists them")
        return metrics[name]

    def tracker(self, name: str) -> TrackerInfo:
        """The tracker called `name`.

        Raises:
            UsageError: there is none; the text names the nearest one.
        """
        trackers = self.trackers()
        if name not in trackers:
            raise UsageError(unknown("tracker", name, trackers) + "; `gan plugins ls` lists them")
        return trackers[name]

    def owner(self, family: str) -> Plugin:
        """The plugin that brings a family, for manifests."""
        for plugin in (*self._named(family), *self.plugins()):
            if any(info.name == family for info in plugin.families):
                return plugin
        raise UsageError(unknown("family", family, self.families()))

    def _precedence(self, point: metadata.EntryPoint) -> tuple[bool, bool]:
        """Who keeps a name that two claim: gancli itself, then the plugin that is called like its family."""
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
    """The plugins of this process's environment."""
    global _registry
    if _registry is None:
        _registry = Registry()
    return _registry


def import_class(reference: str) -> Any:
    """The class that `"package.module:Class"` names. References come from installed plugins, never from a file."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The beginning of the sentence that reports a name nobody knows, with the nearest one that exists."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names) or 'none'}"
    return f"unknown {kind} {name!r}: {hint}"


def _chosen(points: Iterable[metadata.EntryPoint]) -> list[metadata.EntryPoint]:
    wanted = os.environ.get(SUBSET_VARIABLE)
    if wanted is None:
        return list(points)
    names = {name.strip() for name in wanted.split(",")}
    return [point for point in points if point.name in names or _is_core(point)]


def _is_core(point: metadata.EntryPoint) -> bool:
    return _package(point) == "gancli"


def _package(point: metadata.EntryPoint) -> str:
    """The top-level package of an entry point's module."""
    return point.value.partition(":")[0].partition(".")[0].strip()


def _origin(point: metadata.EntryPoint) -> tuple[str, str]:
    """The name and the version of the distribution that an entry point is of, as far as its metadata are whole."""
    try:
        found = (point.dist.name, point.dist.version) if point.dist else ("", "")
    except Exception:  # there is no METADATA, or it lacks what it must have
        found = ("", "")
    return found[0] or point.value or point.name, found[1] or "unknown"


def _load(point: metadata.EntryPoint) -> Plugin:
    package, version = _origin(point)
    plugin = Plugin(name=point.name, package=package, version=version)
    try:
        with guarded():
            manager = pluggy.PluginManager("gancli")
            manager.add_hookspecs(hookspecs)
            manager.register(point.load(), name=point.name)
            manager.check_pending()
            for kind in KINDS:
                setattr(plugin, kind.field, _flat(getattr(manager.hook, kind.hook)(), kind.info))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything, SystemExit included, and must not take the tool along
        for kind in KINDS:
            setattr(plugin, kind.field, [])
        plugin.fault = f"{type(error).__name__}: {error}".splitlines()[0]
        plugin.where = of_error(error, _package(point))
    return plugin


def _flat(results: Sequence[Any], kind: type[Any]) -> list[Any]:
    infos = [info for result in results for info in (result if isinstance(result, list) else [result])]
    for info in infos:
        if not isinstance(info, kind):
            raise TypeError(f"a hook returned {type(info).__name__} where {kind.__name__} is wanted")
        check_fields(info)
    return infos


def named_metrics(metrics: str) -> list[MetricInfo]:
    """The metrics of names between commas, each once.

    Raises:
        UsageError: one is unknown, or none is named.
    """
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    if not names:
        raise UsageError(f"--metrics names none; known are {', '.join(sorted(registry().metrics()))}")
    return [registry().metric(name) for name in dict.fromkeys(names)]


def named_trackers(names: Sequence[str]) -> list[TrackerInfo]:
    """The trackers of these names, each once, without importing them.

    Raises:
        UsageError: there is none of a name, or what it needs is not installed; the text says how to install it.
    """
    infos = [registry().tracker(name) for name in dict.fromkeys(names)]
    for info in infos:
        if info.needs and importlib.util.find_spec(info.needs) is None:
            raise UsageError(
                f"--track {info.name} needs the module {info.needs}, which is not installed: "
                f"pip install '{info.install or info.needs}'"
            )
    return infos


PATIENCE_VARIABLE = "GANCLI_PLUGIN_SECONDS"
"""Seconds that a plugin may take to load; 30 if unset."""


class TooSlow(BaseException):
    """Raised within code that does not end; not an `Exception`, or that code might catch it."""


@contextmanager
def guarded() -> Iterator[None]:
    """Within, what is printed goes to standard error, and what hangs is ended.

    Raises:
        TooSlow: it took too long. Only the main thread of a process is told, and not on Windows.
    """
    with redirect_stdout(sys.stderr):  # standard output is the answer of a command, and may be JSON
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGALRM, _too_slow)
        signal.setitimer(signal.ITIMER_REAL, _patience(), 1.0)  # and again, where the first one was caught
        try:
            try:
                yield
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        finally:  # a signal may have come just before
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def check_fields(info: Any) -> None:
    """Holds what a hook returned to the types that its class declares.

    Raises:
        TypeError: naming the field.
    """
    for each in fields(info):
        value = getattr(info, each.name)
        if each.type == "str" and not isinstance(value, str):
            raise TypeError(f"{type(info).__name__}.{each.name} must be text, not {type(value).__name__}")
        if each.type == "tuple[str, ...]" and not (
            isinstance(value, tuple) and all(isinstance(item, str) for item in value)
        ):
            raise TypeError(f'{type(info).__name__}.{each.name} must be a tuple of text, such as ("image",)')


def _patience() -> float:
    try:
        seconds = float(os.environ.get(PATIENCE_VARIABLE, ""))
    except ValueError:
        return 30.0
    return seconds if 0 < seconds < 1e6 else 30.0


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow(f"it did not load within {_patience():g} seconds")
