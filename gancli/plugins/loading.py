"""Loading of plugins, and the process in which the program reads them for its listings.

A plugin is a program of someone else: its module and its hooks may raise anything, hang, exit, take all memory, close
files or change the libraries that they import. The program therefore asks a reader process (`serve`), which forks for
every plugin: the fork has limits of memory and time, its own process group, and no standard streams. It answers with
descriptions only, which `gancli.plugins.listing` checks and keeps.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from typing import Any, NamedTuple

import pluggy

from gancli.io.text import error_line
from gancli.plugins import hookspecs
from gancli.plugins.hookspecs import ENTRY_POINT_GROUP, DatasetInfo, FamilyInfo, MetricInfo, TrackerInfo
from gancli.plugins.source_location import SourceLocation, location_of_error

MAX_ANSWER = 2**18
"""Most bytes that a plugin's descriptions may take."""

MAX_RESIDENT = 2**30
"""Most bytes of memory in use by a plugin that is read; importing torch, which it should not, takes half of it."""

MAX_DATA = 3 * 2**29
"""Most bytes of private memory that it may ask for."""

MAX_ADDRESSES = 2**34
"""Most bytes of address space; torch maps 3 GiB."""

MAX_FILE = 2**26
"""Most bytes of a file that it writes, such as compiled modules."""

MAX_NAME = 100

_PR_SET_PDEATHSIG = 1

NO_ANSWER = 121
"""Exit code of a process in which describing a plugin failed, although loading it did not."""

AT_ONCE = 2
"""Plugins that are read at the same time."""


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

    def clear(self) -> None:
        """Remove everything that it provides."""
        for kind in KINDS:
            setattr(self, kind.field, [])


def new_plugin(point: metadata.EntryPoint) -> Plugin:
    """Return the plugin of an entry point before it is loaded; its package may have incomplete metadata."""
    try:
        described: Any = point.dist.metadata if point.dist else {}  # parsed at each access
        name, version = described["Name"], described["Version"]
    except Exception:  # METADATA is missing or lacks a required field
        name, version = "", ""
    return Plugin(name=point.name, package=name or point.value or point.name, version=version or "unknown")


def top_package(point: metadata.EntryPoint) -> str:
    """Return the top-level package of an entry point's module."""
    return point.value.partition(":")[0].partition(".")[0].strip()


def load_plugin(point: metadata.EntryPoint) -> Plugin:
    """Import the module of an entry point in this process and call its hooks; an error becomes the plugin's fault."""
    plugin = new_plugin(point)
    try:
        manager = pluggy.PluginManager("gancli")
        manager.add_hookspecs(hookspecs)
        manager.register(point.load(), name=point.name)
        manager.check_pending()
        for kind in KINDS:
            setattr(plugin, kind.field, _flatten(getattr(manager.hook, kind.hook)(), kind.info))
    except BaseException as error:  # a plugin may raise anything, SystemExit and KeyboardInterrupt included
        plugin.clear()
        plugin.fault = error_line(error)
        plugin.where = location_of_error(error, top_package(point))
    return plugin


def check_field_types(info: Any) -> None:
    """Check the object that a hook returned against the field types of its class.

    Raises:
        TypeError: a field has another type, or a name cannot be written in a recipe or on a command line; the message
            names the field.
    """
    for declared in fields(info):
        where, value = f"{type(info).__name__}.{declared.name}", getattr(info, declared.name)
        if declared.type == "str" and not isinstance(value, str):
            raise TypeError(f"{where} must be text, not {type(value).__name__}")
        if declared.type == "tuple[str, ...]" and not (
            isinstance(value, tuple) and all(isinstance(item, str) for item in value)
        ):
            raise TypeError(f'{where} must be a tuple of text, such as ("image",)')
        if declared.name == "better" and value not in ("lower", "higher", None):
            raise TypeError(f"{where} must be 'lower', 'higher' or None")
    for name in getattr(info, "names", (info.name,)):
        if not name or len(name) > MAX_NAME or not name.isprintable() or name != name.strip():
            where = f"{type(info).__name__}.name"
            raise TypeError(f"{where} must have 1 to {MAX_NAME} printable characters, not {name!a:.40}")


def _flatten(results: Sequence[Any], kind: type[Any]) -> list[Any]:
    infos = [info for result in results for info in (result if isinstance(result, list) else [result])]
    for info in infos:
        if not isinstance(info, kind):
            raise TypeError(f"a hook returned {type(info).__name__}; it must return {kind.__name__}")
        check_field_types(info)
    return infos


class _Fork:
    """A fork that reads one plugin.

    Args:
        request: `name` and `value` of the entry point, or the `imports` to try.
        seconds: time limit.
    """

    def __init__(self, request: dict[str, Any], seconds: float) -> None:
        self.request = request
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        self._content = b""
        self._status: int | None = None
        self.answers, sending = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            _answer(request, sending, seconds)
        os.close(sending)

    def poll(self, *, ready: bool) -> dict[str, Any] | None:
        """Return its answer or fault as soon as there is one.

        Args:
            ready: its pipe has content or was closed.
        """
        chunk = os.read(self.answers, 2**16) if ready else b""
        self._content += chunk
        if len(self._content) > MAX_ANSWER:
            return {"fault": f"it describes itself in more than {MAX_ANSWER // 2**10} KB"}
        if self._content.endswith(b"\n"):
            return {"answer": self._content.decode(errors="replace")}
        if time.monotonic() > self._until:
            return {"fault": f"it did not load within {self._seconds:g} seconds"}
        if _resident(self._process) > MAX_RESIDENT:
            return {"fault": f"it takes more than {MAX_RESIDENT // 2**20:,} MB of memory"}
        if (ready and not chunk) or self._ended():
            return {"fault": self._ending()}
        return None

    def end(self) -> None:
        """Kill the fork and all processes of its group."""
        with suppress(OSError):
            os.killpg(self._process, signal.SIGKILL)
        if self._status is None:
            with suppress(OSError):
                os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        os.close(self.answers)

    def _ended(self) -> bool:
        """Return whether it has ended and its pipe is empty; a process that it started may keep the pipe open."""
        if self._status is None:
            process, status = os.waitpid(self._process, os.WNOHANG)
            self._status = status if process else None
        return self._status is not None and not select.select([self.answers], [], [], 0)[0]

    def _ending(self) -> str:
        """Return the fault of a plugin that gave no answer."""
        until = time.monotonic() + 1
        while self._status is None and time.monotonic() < until:
            time.sleep(0.01)
            self._ended()
        if self._status is None:
            return "it closed the files of its process"
        code = os.waitstatus_to_exitcode(self._status)
        if code == NO_ANSWER:
            return "it changes or closes what its process needs to describe it"
        if code >= 0:
            return f"it ended its process with exit code {code}"
        names = {each.value: each.name for each in signal.Signals}
        return f"it ended its process by the signal {names.get(-code, -code)}"


def serve(request: dict[str, Any]) -> None:
    """Read plugins and print one JSON object a line: the `index` of a plugin with its `answer` or its `fault`.

    Ends, with all of its processes, when standard input is closed.

    Args:
        request: `plugins`, a list of requests, and `seconds`, the time limit of each.
    """
    import ctypes  # noqa: F401 - used by every fork

    waiting = list(enumerate(request["plugins"]))
    running: dict[int, _Fork] = {}
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                index, plugin = waiting.pop(0)
                running[index] = _Fork(plugin, request["seconds"])
            ready, _, _ = select.select([0, *(fork.answers for fork in running.values())], [], [], 0.02)
            if 0 in ready:  # nothing more is ever written to it: the program has ended or given up
                return
            for index, fork in list(running.items()):
                if (result := fork.poll(ready=fork.answers in ready)) is not None:
                    running.pop(index).end()
                    os.write(1, json.dumps({"index": index, **result}).encode() + b"\n")
    finally:
        for fork in running.values():
            fork.end()


def _answer(request: dict[str, Any], sending: int, seconds: float) -> None:
    """Write the description of a plugin to a pipe, and end this process."""
    write, leave, dumps = os.write, os._exit, json.dumps  # the plugin may change them
    try:
        os.setsid()
        _end_with_parent()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        _limit_resources(int(seconds) + 2)
        content = dumps(_describe(request)).encode() + b"\n"
        while content:
            content = content[write(sending, content) :]
        leave(0)
    finally:
        leave(NO_ANSWER)


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    if "imports" in request:
        return {"imported": [reference for reference in request["imports"] if _can_import(reference)]}
    plugin = load_plugin(metadata.EntryPoint(request["name"], request["value"], ENTRY_POINT_GROUP))
    infos = {kind.field: [asdict(info) for info in getattr(plugin, kind.field)] for kind in KINDS}
    return {**infos, "fault": plugin.fault, "where": plugin.where}


def _can_import(reference: str) -> bool:
    module, _, name = reference.partition(":")
    try:
        return hasattr(importlib.import_module(module), name)
    except BaseException:  # a plugin may raise anything
        return False


def _limit_resources(seconds: int) -> None:
    import resource

    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: MAX_FILE,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: MAX_DATA,
        resource.RLIMIT_AS: MAX_ADDRESSES,
    }
    for kind, maximum in limits.items():
        with suppress(ValueError, OSError):  # lower already, or not supported by the system
            resource.setrlimit(kind, (maximum, maximum))


def _end_with_parent() -> None:
    """Let the system kill this process when its parent ends, which a plugin may kill; only on Linux."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _resident(process: int) -> int:
    """Return the bytes of memory that a process uses; 0 where the system does not tell."""
    try:
        with open(f"/proc/{process}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, IndexError, ValueError):
        return 0


BOOTSTRAP = (
    "import json, sys; request = json.loads(sys.stdin.buffer.readline()); sys.path[:] = request['path']; "
    "from gancli.plugins.loading import serve; serve(request)"
)
"""Program of the reader process, which finds modules where the program that starts it does."""


def reader_command() -> list[str]:
    """Return the command of the reader process; its request is one line of JSON on standard input."""
    return [sys.executable, "-P", "-c", BOOTSTRAP]
