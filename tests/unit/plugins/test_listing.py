"""Reading of plugins in a separate process: its limits, the check of its answers, and the cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from gancli.plugins import listing, loading
from gancli.plugins.listing import TIMEOUT_VARIABLE, importable, read_plugins
from gancli.plugins.loading import Plugin, reader_command

HOOK = """
from gancli import FamilyInfo, hookimpl

def summary():
    return {summary}

@hookimpl
def gan_families():
    return FamilyInfo(name="mine", summary=str(summary()), paper="", tasks=(), batch=(), family="", config="")
"""

Write = Callable[..., metadata.EntryPoint]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "plugins"


@pytest.fixture
def write(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Returns a function that writes a package and returns its entry point."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)

    def package(source: str, name: str = "plugin_of_test", **files: str) -> metadata.EntryPoint:
        (site / name).mkdir(parents=True, exist_ok=True)
        for file, text in {"__init__": "", "plugin": source, **files}.items():
            (site / name / f"{file}.py").write_text(text)
        return metadata.EntryPoint(name="mine", value=f"{name}.plugin", group="gancli")

    return package


def read(point: metadata.EntryPoint, **options: Any) -> Plugin:
    (plugin,) = read_plugins([point], **options)
    return plugin


def summary(point: metadata.EntryPoint) -> str:
    plugin = read(point)
    assert plugin.fault is None, plugin.fault
    return plugin.families[0].summary


def count_readers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that gets the requests of each reader process."""
    asked: list[Any] = []
    original = listing._ask

    def ask(requests: Any) -> Any:
        if requests:
            asked.append(requests)
        return original(requests)

    monkeypatch.setattr(listing, "_ask", ask)
    return asked


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


LIMITS = """{name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in ("CPU", "FSIZE", "CORE", "DATA",
    "AS")}"""


def test_a_plugin_is_read_with_limits(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TIMEOUT_VARIABLE, "7")
    limits = summary(write("import resource\n" + HOOK.format(summary=LIMITS)))
    expected = {"CPU": 9, "FSIZE": 2**26, "CORE": 0, "DATA": 3 * 2**29, "AS": 2**34}
    assert eval(limits) == {name: (value, value) for name, value in expected.items()}


def test_a_plugin_has_its_own_group_no_streams_and_the_programs_path(write: Write) -> None:
    state = "[os.getpid() - os.getpgid(0), os.getpid() - os.getsid(0), [os.fstat(n).st_rdev for n in (0, 1, 2)]]"
    nothing = os.stat(os.devnull).st_rdev
    assert summary(write("import os\n" + HOOK.format(summary=state))) == str([0, 0, [nothing] * 3])
    assert "plugin_of_test" not in sys.modules


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_processes_that_a_plugin_starts_end_with_it(write: Write, tmp_path: Path) -> None:
    source = "import subprocess\nstarted = subprocess.Popen(['sleep', '300'], close_fds=False)\n"
    process = int(summary(write(source + HOOK.format(summary="started.pid"))))
    wait_for(lambda: not is_alive(process))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("ending", ["the program ends", "the reader is killed"])
def test_no_process_outlives_the_program_or_the_reader(write: Write, tmp_path: Path, ending: str) -> None:
    pid = tmp_path / "pid"
    point = write(f"import os, time, pathlib\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(60)")
    plugins = [{"name": "mine", "value": point.value}]
    request = {"path": sys.path, "plugins": plugins, "seconds": 300}
    with subprocess.Popen(reader_command(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader:
        assert reader.stdin is not None
        reader.stdin.write(json.dumps(request).encode() + b"\n")
        reader.stdin.flush()
        wait_for(lambda: pid.exists() and pid.read_text())
        if ending == "the program ends":
            reader.stdin.close()
        else:
            reader.kill()
        reader.wait(30)
    wait_for(lambda: not is_alive(int(pid.read_text())))


def test_a_plugin_that_hangs_is_stopped(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "START_SECONDS", 10)
    monkeypatch.setenv(TIMEOUT_VARIABLE, "0.5")
    assert read(write("import time; time.sleep(300)")).fault == "it did not load within 0.5 seconds"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is watched through /proc")
def test_a_plugin_that_takes_too_much_memory_is_stopped(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    less = "from gancli.plugins import loading; loading.MAX_RESIDENT = 2**20; serve(request)"
    monkeypatch.setattr(loading, "BOOTSTRAP", loading.BOOTSTRAP.replace("serve(request)", less))
    monkeypatch.setattr(listing, "START_SECONDS", 10)
    monkeypatch.setenv(TIMEOUT_VARIABLE, "5")
    assert read(write("import time; time.sleep(300)")).fault == "it takes more than 1 MB of memory"


def test_a_reader_that_hangs_is_given_up(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "START_SECONDS", 0.1)
    monkeypatch.setattr(listing, "CLOSING_SECONDS", 0.1)
    monkeypatch.setenv(TIMEOUT_VARIABLE, "0.1")
    late = 'import time; time.sleep(20); print(\'{"index": 0, "fault": "late"}\')'
    monkeypatch.setattr(listing, "reader_command", lambda: [sys.executable, "-c", late])
    assert read(write(HOOK.format(summary=1))).fault == "it ended the process that reads plugins"


def test_a_reader_that_floods_is_given_up(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "CLOSING_SECONDS", 0.1)
    program = 'print(\'x\' * 2**20, flush=True)\nprint(\'{"index": 0, "fault": "told"}\')'
    monkeypatch.setattr(listing, "reader_command", lambda: [sys.executable, "-c", program])
    assert read(write(HOOK.format(summary=1))).fault == "it ended the process that reads plugins"


GOOD = {"name": "a", "summary": "", "paper": "", "tasks": [], "batch": [], "family": "", "config": ""}

EMPTY: dict[str, Any] = {"datasets": [], "metrics": [], "trackers": []}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"families": [GOOD]},
        {"families": 1, **EMPTY},
        {"families": [1], **EMPTY},
        {"families": [{**GOOD, "more": 1}], **EMPTY},
        {"families": [{**GOOD, "name": 5}], **EMPTY},
        {"families": [{**GOOD, "summary": None}], **EMPTY},
        {"families": [{**GOOD, "tasks": [1]}], **EMPTY},
        {"families": [{**GOOD, "name": "\x1b"}], **EMPTY},
    ],
)
def test_an_answer_of_the_wrong_form_is_a_fault(
    write: Write, answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_ask", lambda requests: {0: answer})
    plugin = read(write(""))
    assert plugin.fault == "its description of itself cannot be read"
    assert plugin.families == []


def test_faults_of_an_answer_are_made_visible(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_ask", lambda requests: {0: {"fault": "\x1b" + "x" * 10_000, "where": ["a", "b"]}})
    plugin = read(write(""))
    assert (plugin.fault or "").startswith("\\x1bxx")
    assert len(plugin.fault or "") == 500
    assert plugin.where is None


def test_a_description_is_kept_until_a_file_of_the_package_changes(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count_readers(monkeypatch)
    source = "from plugin_of_test.words import WORD\n" + HOOK.format(summary="WORD")
    assert summary(write(source, words="WORD = 'one'")) == "one"
    point = metadata.EntryPoint(name="mine", value="plugin_of_test.plugin", group="gancli")
    assert [summary(point) for _ in range(3)] == ["one"] * 3
    assert len(asked) == 1
    assert summary(write(source, words="WORD = 'three'")) == "three"
    assert len(asked) == 2


def test_a_description_is_kept_until_the_version_changes(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, point = count_readers(monkeypatch), write(HOOK.format(summary=1))
    for version in ("1", "1", "2"):
        described = Plugin(name="mine", package="mine", version=version)
        monkeypatch.setattr(listing, "new_plugin", lambda point, described=described: described)
        read(point)
    assert len(asked) == 2


@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "other", "deep", "folder"])
def test_a_damaged_entry_of_the_cache_is_built_again(
    write: Write, cache: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, point = count_readers(monkeypatch), write(HOOK.format(summary="'right'"))
    assert summary(point) == "right"
    (entry,) = cache.iterdir()
    content = entry.read_text()
    other = {**json.loads(content), "answer": {"families": [], **EMPTY}}
    damaged = {
        "empty": "",
        "cut": content[:-9],
        "changed": content.replace("right", "wrong"),
        "other": json.dumps(other),
        "deep": "[" * 100_000,
    }
    if damage == "folder":
        entry.unlink()
        entry.mkdir()
    else:
        entry.write_text(damaged[damage])
    assert summary(point) == "right"
    assert len(asked) == 2
    if damage != "folder":
        assert (entry.read_text(), summary(point), len(asked)) == (content, "right", 2)


def test_an_entry_that_others_can_write_is_not_used(write: Write, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The classes that it names are imported later."""
    asked, point = count_readers(monkeypatch), write(HOOK.format(summary=1))
    old = os.umask(0)
    try:
        read(point)
    finally:
        os.umask(old)
    (entry,) = cache.iterdir()
    assert entry.stat().st_mode & 0o777 == 0o600
    read(point)
    assert len(asked) == 1
    for mode in (0o620, 0o602):
        entry.chmod(mode)
        read(point)
    assert len(asked) == 3
    monkeypatch.setattr(os, "geteuid", lambda: entry.stat().st_uid + 1)
    read(point)
    assert len(asked) == 4


def test_a_fault_is_kept_until_something_is_installed(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, point = count_readers(monkeypatch), write("import needed_by_the_plugin\n" + HOOK.format(summary=1))
    for _ in range(2):
        assert read(point).fault == "ModuleNotFoundError: No module named 'needed_by_the_plugin'"
    assert len(asked) == 1
    assert read(point, recheck=True).fault
    assert len(asked) == 2
    (tmp_path / "site" / "needed_by_the_plugin.py").write_text("")
    assert read(point).fault is None
    read(point, recheck=True)
    assert len(asked) == 3


def test_a_cache_that_cannot_be_written_is_no_error(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCLI_CACHE", "/dev/null/cache")
    assert summary(write(HOOK.format(summary="'told'"))) == "told"


def test_importing_of_classes_is_tried_elsewhere(write: Write) -> None:
    point = write("", good="class A:\n    pass", raises="raise KeyboardInterrupt")
    leaves = write("", name="another_of_test", good="class A:\n    pass", leaves="import os; os._exit(0)")
    names = [f"plugin_of_test.{name}" for name in ("good:A", "good:B", "raises:A", "missing:A")]
    ending = ["another_of_test.good:A", "another_of_test.leaves:A"]
    assert importable([(point, names), (leaves, ending)]) == {"plugin_of_test.good:A"}
    assert "plugin_of_test" not in sys.modules


def test_the_answer_may_not_be_large(write: Write) -> None:
    plugin = read(write(HOOK.format(summary=f"'x' * {loading.MAX_ANSWER + 1}")))
    assert plugin.fault == "it describes itself in more than 256 KB"
