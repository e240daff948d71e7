"""Descriptions of the installed plugins, read in a separate process and kept in the cache.

Neither a listing nor the search for one family runs code of a plugin in this process. The answers of the reader process
are kept by distribution, version and the files of the plugin's package. A fault is kept only as long as nothing is
installed or removed, as it may be due to another package.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import select
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from gancli.errors import DataError
from gancli.io.files import cache_folder, create_exclusively, temporary_path
from gancli.io.input_files import parse_json_object, read_limited
from gancli.io.text import MAX_ERROR, visible
from gancli.plugins import hookspecs, loading
from gancli.plugins.loading import (
    AT_ONCE,
    KINDS,
    MAX_ANSWER,
    Plugin,
    check_field_types,
    load_plugin,
    new_plugin,
    reader_command,
    top_package,
)
from gancli.plugins.source_location import SourceLocation

TIMEOUT_VARIABLE = "GANCLI_PLUGIN_SECONDS"
"""Environment variable: seconds that a plugin may take to load (default: 10)."""

START_SECONDS = 60
"""Time for starting the reader process and for what it does besides, on a busy machine."""

CLOSING_SECONDS = 5
"""Time for its end after its standard input was closed."""

MAX_FILES = 2_000
"""Most files of a package whose times are compared; beyond them, its version decides."""


def read_plugins(points: Sequence[metadata.EntryPoint], *, recheck: bool = False) -> list[Plugin]:
    """Return the plugins of some entry points, in their order. Those of gancli itself are loaded in this process.

    Args:
        points: entry points.
        recheck: read plugins again that were broken when they were read last.
    """
    asked = [(point, new_plugin(point)) for point in points if not _in_process(point)]
    entries = [_Entry({"name": point.name, "value": point.value}, point, plugin) for point, plugin in asked]
    answers = zip((plugin for _, plugin in asked), _answers(entries, recheck=recheck), strict=True)
    return [load_plugin(point) if _in_process(point) else _described(*next(answers)) for point in points]


def importable(references: Sequence[tuple[metadata.EntryPoint, Sequence[str]]]) -> set[str]:
    """Return the references to classes, `"package.module:Class"`, that can be imported without harm.

    Args:
        references: plugins and the references of each. All references of a plugin that ends the process are left out.
    """
    asked = [(point, names) for point, names in references if not _in_process(point)]
    answers = _answers([_Entry({"imports": list(names)}, point, new_plugin(point)) for point, names in asked])
    found = {name for point, names in references if _in_process(point) for name in names}
    for (_, names), answer in zip(asked, answers, strict=True):
        imported = answer.get("imported")
        found.update(set(names) & {str(name) for name in imported} if isinstance(imported, list) else ())
    return found


def _in_process(point: metadata.EntryPoint) -> bool:
    """Return whether a plugin is part of gancli, or a module that this process has made by hand, as tests do."""
    module = sys.modules.get(point.value.partition(":")[0].strip())
    return top_package(point) == "gancli" or (module is not None and getattr(module, "__spec__", None) is None)


def _answers(entries: Sequence[_Entry], *, recheck: bool = False) -> list[dict[str, Any]]:
    """Return answers from the cache, and those of the reader process for the others."""
    answers = [entry.read(recheck=recheck) for entry in entries]
    missing = [entry for entry, answer in zip(entries, answers, strict=True) if answer is None]
    found = _read([entry.request for entry in missing])
    for entry, answer in zip(missing, found, strict=True):
        entry.write(answer)
    rest = iter(found)
    return [next(rest) if answer is None else answer for answer in answers]


def _described(plugin: Plugin, answer: dict[str, Any]) -> Plugin:
    """Return the plugin with its descriptions, of which every field is checked, or its fault."""
    fault, where = answer.get("fault"), answer.get("where")
    if fault is not None:
        plugin.fault = visible(str(fault))[:MAX_ERROR]
        if isinstance(where, list) and [type(part) for part in where] == [str, int]:
            plugin.where = SourceLocation(*where)
        return plugin
    try:
        for kind in KINDS:
            setattr(plugin, kind.field, [_info(kind.info, item) for item in answer[kind.field]])
    except (KeyError, TypeError, AttributeError):
        plugin.clear()
        plugin.fault = "its description of itself cannot be read"
    return plugin


def _info(info: type[Any], item: dict[str, Any]) -> Any:
    """Build a description from its fields; lists become tuples, and characters that a terminal would obey visible.

    Raises:
        TypeError, AttributeError: a field is missing, unknown, or has the wrong type.
    """
    if set(item) != {declared.name for declared in fields(info)}:
        raise TypeError(f"{info.__name__} has other fields")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in item.items()}
    described = info(**values)
    check_field_types(described)
    return replace(described, **{name: visible(item[name]) for name in ("summary", "paper") if name in item})


def _read(requests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers of the reader process. If it dies, read one by one those that are not answered."""
    answers = _ask(requests)
    for index, request in enumerate(requests):
        if index not in answers:
            again = _ask([request]) if len(requests) > 1 else {}
            answers[index] = again.get(0, {"fault": "it ended the process that reads plugins"})
    return [answers[index] for index in range(len(requests))]


def _ask(requests: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return the answers of one reader process by the index of the request, without those that it did not give."""
    if not requests:
        return {}
    import subprocess

    seconds = _timeout()
    request = {"path": sys.path, "plugins": list(requests), "seconds": seconds}
    deadline = time.monotonic() + START_SECONDS + seconds * -(-len(requests) // AT_ONCE)
    try:
        process = subprocess.Popen(
            reader_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return {index: {"fault": f"it cannot be read: {error.strerror}"} for index in range(len(requests))}
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
            content = _read_until(process.stdout.fileno(), deadline, limit=2 * len(requests) * (MAX_ANSWER + 2**10))
        finally:  # closing its standard input ends the reader process and all of its own
            with suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(CLOSING_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
    return _parse(content)


def _read_until(descriptor: int, deadline: float, *, limit: int) -> bytes:
    """Read a pipe until it is closed, the deadline has passed, or there is more than `limit` bytes."""
    content = b""
    while len(content) <= limit and (left := deadline - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            chunk = os.read(descriptor, 2**16)
            if not chunk:
                break
            content += chunk
    return content


def _parse(content: bytes) -> dict[int, dict[str, Any]]:
    answers: dict[int, dict[str, Any]] = {}
    for line in content.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            continue  # the reader process ended while it wrote
        result = parse_json_object(line, name="an answer of the reader process")
        try:
            answer = {"fault": result["fault"]} if "fault" in result else parse_json_object(result["answer"], name="it")
        except DataError:
            answer = {"fault": "its description of itself cannot be read"}
        answers[result["index"]] = answer
    return answers


class _Entry:
    """A file of the cache with the answer of one plugin to one request."""

    def __init__(self, request: dict[str, Any], point: metadata.EntryPoint, plugin: Plugin) -> None:
        self.request = request
        package = list(_files(top_package(point)))
        owner = [plugin.package, point.name, point.value, "imports" in request, package[:1], sys.prefix]
        name = hashlib.sha256(json.dumps(owner).encode()).hexdigest()[:32]
        self._path = cache_folder() / "plugins" / f"{name}.json"
        self._key = _digest([request, owner, plugin.version, sys.version, package, _own_files()])

    def read(self, *, recheck: bool) -> dict[str, Any] | None:
        """Return the answer; None if there is none for the plugin as it is installed, or the file is damaged.

        The answer names classes that are imported later. A file that another user could have written is not used.
        """
        try:
            found = self._path.stat()
            if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
            entry = parse_json_object(read_limited(self._path, limit=2 * MAX_ANSWER), name=str(self._path))
        except (OSError, DataError):
            return None
        answer = entry.get("answer")
        if not isinstance(answer, dict) or entry.get("digest") != _digest([self._key, answer]):
            return None
        if "fault" in answer and answer["fault"] is not None and (recheck or entry.get("around") != _around()):
            return None
        return answer

    def write(self, answer: dict[str, Any]) -> None:
        """Keep an answer. A cache that cannot be written is no error."""
        entry = {"answer": answer, "digest": _digest([self._key, answer]), "around": _around()}
        temporary = temporary_path(self._path)
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with create_exclusively(temporary) as file:
                    os.fchmod(file.fileno(), 0o600)
                    file.write(json.dumps(entry).encode())
                os.replace(temporary, self._path)
            finally:
                temporary.unlink(missing_ok=True)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _around() -> str:
    """Return a text that changes when a package is installed or removed, or the time limit changes."""
    return _digest([[_status(Path(folder)) for folder in sys.path], _timeout()])


def _own_files() -> list[Any]:
    return [_status(Path(str(module.__file__))) for module in (hookspecs, loading)]


def _files(package: str) -> Iterator[Any]:
    """Yield the place of a package, and name, time and size of its files; nothing of it is imported."""
    try:
        spec = importlib.util.find_spec(package)
    except Exception:  # no name of a package, or a finder of another package that fails
        spec = None
    if spec is None:
        return
    folders = list(spec.submodule_search_locations or ())
    yield folders or spec.origin
    if not folders:
        yield _status(Path(spec.origin or ""))
    count = 0
    for folder, names, files in (walked for root in folders for walked in os.walk(root)):
        names[:] = sorted(name for name in names if name != "__pycache__")
        for file in sorted(files):
            if count == MAX_FILES:
                return
            count += 1
            yield _status(Path(folder, file))


def _status(path: Path) -> tuple[str, int, int] | tuple[str]:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return (str(path),)
    return (str(path), found.st_mtime_ns, found.st_size)


def _timeout() -> float:
    try:
        seconds = float(os.environ.get(TIMEOUT_VARIABLE, ""))
    except ValueError:
        return 10.0
    return seconds if 0 < seconds < 1e6 else 10.0
