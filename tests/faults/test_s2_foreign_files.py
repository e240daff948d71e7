"""S2: foreign files are loaded in a restricted process, and any failure is reported in one sentence.

Tests of the content of such files are in `foreign/`.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

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


LIMITS = """
import importlib.util, json, resource, sys
spec = importlib.util.spec_from_file_location("child", sys.argv[1])
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
child.confine(2**20)
names = ("CPU", "FSIZE", "CORE", "NPROC", "AS")
print(json.dumps([mapped, {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in names}]))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the limit of memory is relative to what is mapped")
def test_s2_the_child_limits_itself(tmp_path: Path) -> None:
    command = [sys.executable, "-IB", "-c", LIMITS, sandbox_child.__file__]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    mapped, limits = json.loads(ended.stdout)
    memory = limits.pop("AS")
    assert limits == {"CPU": [300, 300], "FSIZE": [2**20 + 2**24] * 2, "CORE": [0, 0], "NPROC": [0, 0]}
    assert memory[0] == memory[1]
    assert memory[0] == pytest.approx(mapped + 2 * 2**20 + 2**30, abs=2**24)  # the import of resource maps a little


def test_s2_what_the_child_may_not_do() -> None:
    for event in (
        *("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.kill", "os.mkdir", "os.remove", "os.rename"),
        *("subprocess.Popen", "socket.connect", "socket.__new__", "shutil.rmtree", "ctypes.dlopen", "urllib.Request"),
        *("http.client.connect", "ftplib.connect", "smtplib.connect", "webbrowser.open"),
    ):
        with pytest.raises(PermissionError, match="is forbidden"):
            sandbox_child._audit(event, ())
    for mode, flags in (("w", 0), ("a", 0), ("x", 0), ("r+", 0), (None, os.O_WRONLY), (None, os.O_RDWR | os.O_CREAT)):
        with pytest.raises(PermissionError, match="open is forbidden"):
            sandbox_child._audit("open", ("file", mode, flags))
    sandbox_child._audit("open", ("file", "rb", os.O_RDONLY))
    sandbox_child._audit("os.listdir", ())


def nested(depth: int) -> dict[str, Any]:
    value: Any = torch.ones(1)
    for _ in range(depth):
        value = {"a": value}
    return {"top": torch.ones(1), **value}


def repeated() -> dict[str, Any]:
    """A few dictionaries whose references to each other make millions of values."""
    value: dict[str, Any] = {"a": 1}
    for _ in range(7):
        value = {str(index): value for index in range(8)}
    return {"top": torch.ones(1), **value}


class Subclass(torch.Tensor):
    pass


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: {str(index): torch.empty(0) for index in range(20_001)}, "claim to be larger"),
        (lambda: {"a": torch.ones(1).expand(2**20)}, "claim to be larger"),
        (lambda: {str(index): torch.ones(2**17) for index in range(3)}, "claim to be larger"),
        (repeated, "more values than any model"),
        (lambda: {"a": torch.ones(2, 2).to_sparse()}, "not a plain dense tensor"),
        (lambda: {"a": torch.ones(1, device="meta")}, "not a plain dense tensor"),
        (lambda: {1: torch.ones(1)}, "no named tensors"),
        (lambda: torch.ones(1), "no named tensors"),
        (lambda: {"a": "text"}, "no named tensors"),
    ],
)
def test_s2_the_child_accepts_a_plain_state_dict_alone(
    content: Callable[[], Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "load", lambda *args, **options: content())
    result = sandbox_child.convert(io.BytesIO(), str(tmp_path / "out"), 2**20)
    assert (result["kind"], words in result["error"]) == ("ValueError", True), result
    assert not (tmp_path / "out").exists()


def test_s2_deep_values_and_foreign_classes_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (nested(9), {"top": torch.ones(1), "odd": torch.ones(1).as_subclass(Subclass)}):
        monkeypatch.setattr(torch, "load", lambda *args, content=content, **options: content)
        assert sandbox_child.convert(io.BytesIO(), str(tmp_path / "out"), 2**20) == {}
        assert list(sandbox.read_tensors(tmp_path / "out")) == ["top"]


class Harmless:
    """Calls a function without effect when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return abs, (-1,)


def test_s2_the_child_calls_nothing_that_a_pickle_names(tmp_path: Path) -> None:
    file = io.BytesIO()
    torch.save({"weight": torch.ones(1), "harmless": Harmless()}, file)
    file.seek(0)
    result = sandbox_child.convert(file, str(tmp_path / "out"), 2**20)
    assert result["kind"] == "UnpicklingError"
    assert "GLOBAL abs" in result["error"]
    assert not (tmp_path / "out").exists()


REPORT = """
import json, os, sys
report = {
    "environment": sorted(set(os.environ) - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"}),
    "path": os.environ.get("PATH"),
    "isolated": sys.flags.isolated,
    "no_bytecode": sys.flags.dont_write_bytecode,
    "folder": os.getcwd(),
    "errors": os.fstat(2).st_rdev,
    "hooked": "sitecustomize" in sys.modules and hasattr(sys.modules["sitecustomize"], "HOOK"),
}
open(%r, "w").write(json.dumps(report))
os.abort()
"""


def test_s2_the_child_has_a_clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No secrets, no modules of the user, no hooks of the interpreter, and an empty folder to work in."""
    (tmp_path / "sitecustomize.py").write_text("HOOK = True")
    for name, value in (("PYTHONPATH", str(tmp_path)), ("PYTHONSTARTUP", "x"), ("API_TOKEN", "secret")):
        monkeypatch.setenv(name, value)
    child, report = tmp_path / "child.py", tmp_path / "report.json"
    child.write_text(REPORT % str(report))
    monkeypatch.setattr(sandbox, "_CHILD", child)
    (tmp_path / "a.pth").write_bytes(b"anything")
    with pytest.raises(DataError, match="or crashed"):
        sandbox.read_foreign(tmp_path / "a.pth")
    told = json.loads(report.read_text())
    folder = Path(told.pop("folder"))
    assert told == {
        "environment": ["CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "PATH"],
        "path": os.defpath,
        "isolated": 1,
        "no_bytecode": 1,
        "errors": os.stat(os.devnull).st_rdev,
        "hooked": False,
    }
    assert not folder.exists(), "a temporary folder, removed with everything in it"


def answer(text: str, *, code: int = 0, header: bytes | None = None) -> str:
    """Program of a child that prints a text, writes a header of safetensors, and exits."""
    written = f"open(sys.argv[1], 'wb').write(len({header!r}).to_bytes(8, 'little') + {header!r})\n" if header else ""
    return f"import sys\n{written}print({text!r})\nsys.exit({code})"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (answer("{}", code=1, header=b"{}"), "or crashed"),
        (answer("[]", header=b"{}"), "or crashed"),
        (answer(json.dumps({"kind": "ValueError", "error": "x" * 2**17})), "or crashed"),
        (answer("{}", header=b'{"a": 1, "a": 2}'), "occurs twice"),
        (answer("{}", header=b" " * 4_000_001), "header claims 4,000,001 bytes"),
        (answer("{}", header=json.dumps({str(n): 1 for n in range(20_001)}).encode()), "claims 20,001 tensors"),
        (answer(json.dumps({"kind": "ValueError", "error": "\x1b[2J" + "x" * 999})), "refused:  \\[2Jx{116}; ask for"),
        (answer(json.dumps({"kind": "Odd", "error": "secret"})), "it is damaged, or not a state dict"),
    ],
)
def test_s2_the_answer_of_the_child_is_checked(
    tmp_path: Path, program: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pth").write_bytes(b"anything")
    (tmp_path / "child.py").write_text(program)
    monkeypatch.setattr(sandbox, "_CHILD", tmp_path / "child.py")
    with pytest.raises(DataError, match=words) as caught:
        sandbox.read_foreign(tmp_path / "a.pth")
    assert str(caught.value).isprintable()
