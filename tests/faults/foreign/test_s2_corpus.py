"""S2: conversion of a corpus of 300 files. None of them creates a file, starts a process or imports a module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gancli.cli.convert import convert
from gancli.errors import DataError
from gancli.weights import sandbox_child
from gancli.weights.sandbox import read_foreign

CANARY, MODULE = "canary", "canary_module"

CONVERT = """
import importlib.util, json, os, sys
child_file, module, trusting, *names = sys.argv[1:]
spec = importlib.util.spec_from_file_location("child", child_file)
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
import safetensors.torch, torch
torch.load, plain = (lambda *a, **k: plain(*a, **{**k, "weights_only": trusting == "no"})), torch.load
sys.path.insert(0, os.getcwd())
BAD = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.mkdir", "subprocess.", "socket.", "pty.", "ctypes.")
events = []
def watch(event, arguments):
    writes = event == "open" and set(str(arguments[1])) & set("wax+")
    if writes or event.startswith(BAD) or (event == "import" and arguments[0] == module):
        events.append(event)
sys.addaudithook(watch)
child.confine(2**20)
for name in names:
    events.clear()
    with open(name, "rb") as file:
        result = child.convert(file, name + ".out", 2 * os.path.getsize(name) + 2**20)
    print(json.dumps([name, result, events]), flush=True)
"""
"""Program that converts every file in one process, which is audited and then confined like the real one."""


@pytest.fixture
def files(corpus: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Write the corpus to the working directory, next to the module that it would import."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{MODULE}.py").write_text(f"open({CANARY!r}, 'w')\n")
    for name, content in corpus.items():
        (tmp_path / name).write_bytes(content)
    return corpus


def pickles(files: dict[str, bytes]) -> list[str]:
    return [name for name in files if not name.endswith(".safetensors")]


def converted(names: list[str], *, trusting: bool = False) -> dict[str, tuple[dict[str, str], list[str]]]:
    """Return the result of the child process and the audited events of each file, by name."""
    ended = subprocess.run(
        [sys.executable, "-IB", "-c", CONVERT, sandbox_child.__file__, MODULE, "yes" if trusting else "no", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-300:] + ended.stderr[-3000:]
    lines = [line for line in ended.stdout.splitlines() if line.startswith('["')]  # a profiler may have printed too
    return {name: (result, events) for name, result, events in map(json.loads, lines)}


def may_be_valid(name: str) -> bool:
    return name.startswith("changed-")


def test_s2_no_file_of_the_corpus_is_executed(files: dict[str, bytes]) -> None:
    before = {path.name for path in Path().iterdir()}
    results = converted(pickles(files))
    assert list(results) == pickles(files)
    assert {name: events for name, (_, events) in results.items() if events} == {}
    assert [name for name, (result, _) in results.items() if not result and not may_be_valid(name)] == []
    assert {path.name for path in Path().iterdir()} - before <= {f"{name}.out" for name in files if may_be_valid(name)}


def test_s2_without_its_first_guard_the_corpus_bites(files: dict[str, bytes]) -> None:
    """If pickles were trusted, most calls would be reached, and the confinement would still stop them."""
    hostile = [name for name in pickles(files) if name.startswith(("global-", "stack-global-", "inst-", "memo-"))]
    results = converted(hostile, trusting=True)
    reached = [name for name, (_, events) in results.items() if events]
    assert len(reached) > len(hostile) / 2
    assert not Path(CANARY).exists()


def test_s1_the_corpus_under_the_name_of_safetensors(files: dict[str, bytes]) -> None:
    """Safetensors files are read in this process, by a reader that executes nothing."""
    for name, content in files.items():
        path = Path(name).with_suffix(".safetensors")
        path.write_bytes(content)
        with pytest.raises(DataError):
            read_foreign(path)
    assert not Path(CANARY).exists()
    assert MODULE not in sys.modules


def test_s2_what_is_no_plain_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink("b.pth", "a.pth")
    os.symlink("a.pth", "b.pth")
    os.symlink("nowhere.pth", "dangling.pth")
    os.symlink("/dev/zero", "endless.pth")
    os.symlink("/", "folder.pth")
    os.mkfifo("pipe.pth")
    for name in ("a", "dangling", "endless", "folder", "pipe"):
        with pytest.raises(DataError, match=r"does not exist|is not a file"):
            read_foreign(Path(f"{name}.pth"))
    Path("secret").write_text("private eyes only")
    os.symlink("secret", "text.pth")
    with pytest.raises(DataError, match="damaged") as caught:
        read_foreign(Path("text.pth"))
    assert "eyes" not in str(caught.value)


def check_convert(names: list[str]) -> None:
    """Convert files with the command, which loads each of them in a separate process."""
    for name in names:
        with pytest.raises(DataError) as caught:
            convert(
                Path(name),
                family="dcgan",
                overrides=[],
                mapping=None,
                prefix=None,
                partial=False,
                out=Path("made"),
                json=False,
            )
        assert "\n" not in str(caught.value), name
        assert not Path("made").exists(), name
    assert not Path(CANARY).exists()
    assert MODULE not in sys.modules


def test_s2_every_150th_file_through_gan_convert(files: dict[str, bytes]) -> None:
    check_convert(list(files)[::150])


@pytest.mark.long
def test_s2_every_file_through_gan_convert(files: dict[str, bytes]) -> None:
    check_convert(list(files))
