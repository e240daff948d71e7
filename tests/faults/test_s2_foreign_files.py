"""S2: foreign files are loaded in a restricted process, and any failure is reported in one sentence.

Tests of the content of such files are in `foreign/`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gancli.errors import DataError
from gancli.weights import sandbox, sandbox_child

ESCAPE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("child", sys.argv[1])
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
import os, pathlib, socket, subprocess
child.confine(2**20)
for attempt in (
    lambda: os.system("touch canary"),
    lambda: subprocess.run(["touch", "canary"]),
    lambda: open("canary", "w"),
    lambda: pathlib.Path("canary").touch(),
    lambda: os.mkdir("canary"),
    lambda: socket.create_connection(("localhost", 9), timeout=1),
    lambda: bytearray(2**40),
):
    try:
        attempt()
    except BaseException as error:
        print(type(error).__name__)
"""
"""Program that attempts what a pickle could do if it escaped `weights_only`."""


def test_s2_a_hole_would_lead_nowhere(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-IB", "-c", ESCAPE, sandbox_child.__file__],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    *denied, memory = ended.stdout.split()
    assert denied == ["PermissionError"] * 6, ended.stderr
    assert memory == "MemoryError" or not sys.platform.startswith("linux")
    assert list(tmp_path.iterdir()) == []


def test_s2_a_child_that_dies_or_hangs_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pth").write_bytes(b"anything")
    child = tmp_path / "child.py"
    monkeypatch.setattr(sandbox, "_CHILD", child)
    for program, words in (
        ("import os; os.abort()", "or crashed"),
        ("print('no json')", "or crashed"),
        ("print('x' * 10**7)", "or crashed"),
        ("import time; time.sleep(60)", "too long"),
        ("print('{}')", "weights.safetensors"),
    ):
        child.write_text(program)
        monkeypatch.setattr(sandbox, "SECONDS", 1 if "sleep" in program else 60)
        with pytest.raises(DataError, match=words):
            sandbox.read_foreign(tmp_path / "a.pth")


def test_s2_no_file_and_too_large_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="is not a file"):
        sandbox.read_foreign(tmp_path)
    with open(tmp_path / "sparse.pth", "wb") as file:
        file.truncate(sandbox.MAX_BYTES + 1)
    with pytest.raises(DataError, match=r"4\.3 GB is more than"):
        sandbox.read_foreign(tmp_path / "sparse.pth")
