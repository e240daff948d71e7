"""S2: whatever a foreign file holds, opening it builds tensors or says why not, and does nothing else."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from gancli.errors import DataError
from gancli.weights import foreign, foreign_child

CONVERT = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("child", sys.argv[1])
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
import safetensors.torch
child.confine(2**20)
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        print(json.dumps(child.convert(file, path + ".safetensors", 2**20)), flush=True)
"""
"""Every file in one process, which is confined as the real one is."""

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
"""What a pickle could do if `weights_only` had a hole."""


class Calls:
    """A value that is made by a call when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def archive(pickled: bytes) -> bytes:
    """A file as `torch.save` writes it, around a pickle of one's own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("archive/data.pkl", pickled)
        file.writestr("archive/version", "3\n")
    return buffer.getvalue()


def saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"a": torch.ones(1)}
    for _ in range(depth):
        value = {"a": value}
    return value


def corpus(canary: Path) -> dict[str, tuple[bytes, str]]:
    """Files by name, each with a word of what is said of it."""
    touch = f"touch {canary}"
    calls = {
        "system": Calls(os.system, touch),
        "eval": Calls(eval, f"open({str(canary)!r}, 'w')"),
        "popen": Calls(subprocess.Popen, ["touch", str(canary)]),
        "touch": Calls(Path.touch, canary),
        "import": Calls(__import__, "antigravity"),
        "load": Calls(pickle.loads, pickle.dumps(Calls(os.system, touch))),
    }
    files = {
        f"{name}-{kind}": (wrap(pickle.dumps({"a": value}, protocol=2)), "GLOBAL")
        for name, value in calls.items()
        for kind, wrap in (("zip", archive), ("legacy", bytes))
    }
    cut = saved({"a": torch.ones(1000)})
    return files | {
        "deep-list": (archive(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."), ""),
        "deep-dict": (saved(nested(100)), "no named tensors"),
        "claims": (archive(b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"x."), ""),
        "memo": (archive(b"\x80\x02}r" + (2**31 - 1).to_bytes(4, "little") + b"."), ""),
        "huge": (saved({"a": torch.ones(1).expand(2**20, 2**20)}), "larger than the file"),
        "sparse": (saved({"a": torch.eye(3).to_sparse()}), "no plain kind"),
        "numbers": (saved([1, 2, 3]), "no named tensors"),
        "truncated": (cut[: len(cut) // 2], ""),
        "text": (b"these are no weights", ""),
        "empty": (b"", ""),
    }


def test_s2_a_corpus_of_hostile_files_is_refused_and_never_executed(tmp_path: Path) -> None:
    files = corpus(tmp_path / "canary")
    for name, (content, _) in files.items():
        (tmp_path / name).write_bytes(content)
    ended = subprocess.run(
        [sys.executable, "-IB", "-c", CONVERT, foreign_child.__file__, *files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    answers = dict(zip(files, map(json.loads, ended.stdout.splitlines()), strict=True))
    for name, (_, words) in files.items():
        assert answers[name], name
        assert words in answers[name]["error"], name
    assert {path.name for path in tmp_path.iterdir()} == set(files)


def test_s2_a_hole_would_lead_nowhere(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-IB", "-c", ESCAPE, foreign_child.__file__],
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
    monkeypatch.setattr(foreign, "_CHILD", child)
    for program, words in (
        ("import os; os.abort()", "broke the reader"),
        ("print('no json')", "broke the reader"),
        ("print('x' * 10**7)", "broke the reader"),
        ("import time; time.sleep(60)", "too long"),
        ("print('{}')", "weights.safetensors"),
    ):
        child.write_text(program)
        monkeypatch.setattr(foreign, "SECONDS", 1 if "sleep" in program else 60)
        with pytest.raises(DataError, match=words):
            foreign.read_foreign(tmp_path / "a.pth")


def test_s2_no_file_and_too_large_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="is no file"):
        foreign.read_foreign(tmp_path)
    with open(tmp_path / "sparse.pth", "wb") as file:
        file.truncate(foreign.MAX_BYTES + 1)
    with pytest.raises(DataError, match=r"4\.3 GB are more than"):
        foreign.read_foreign(tmp_path / "sparse.pth")
