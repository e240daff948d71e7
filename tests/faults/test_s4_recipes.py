"""S3 and S4: no text in a recipe crashes the program, and none is executed, imported, expanded or followed."""

from __future__ import annotations

import random
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from gancli.errors import UsageError
from gancli.recipes.bundled import bundled
from gancli.recipes.recipe import Recipe, load_recipe
from gancli.runtime import memory

CPU = torch.device("cpu")

SECONDS = 20

LOCATED = re.compile(r"^(.*[^ ]:\d+:\d+: .+|--set .+)$")
"""A line of an error: `file:line:column: sentence`."""

RECIPES = {name: path.read_bytes() for name, path in bundled().items()}

WORDS = (
    *(
        b"- ",
        b": ",
        b"? ",
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!python/object/apply:os.system [x]",
        b"!!set ",
        b"!x ",
        b"| ",
        b"> ",
    ),
    *(b"[", b"]", b"{", b"}", b",", b"#", b"'", b'"', b"%YAML 1.1\n", b"---\n", b"...\n", b"\n", b"\n  ", b"\t", b"\r"),
    *(
        b"null",
        b"~",
        b"yes",
        b"0x1f",
        b"0o17",
        b"1e400",
        b".nan",
        b"-.inf",
        b"9" * 400,
        b"2001-12-14",
        b"1:30",
        b"=",
        b"@",
    ),
    *(
        b"\x00",
        b"\x07",
        b"\x1b[31m",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xc3\x28",
        "é".encode(),
        "\u2028".encode(),
        b"\\ud800",
    ),
    *(
        b"family: ",
        b"data: ",
        b"source: ",
        b"model: ",
        b"train: ",
        b"eval: ",
        b"images: ",
        b"batch_size: ",
        b"true",
        b"-1",
    ),
    *(b"[" * 50, b"{a: " * 50, b"- " * 50, b"x" * 5_000, b"a: &a [*a, *a]\n"),
)


class TooLongError(BaseException):
    """A recipe took longer than 20 seconds."""


@contextmanager
def limited(what: str) -> Iterator[None]:
    def too_long(number: int, frame: Any) -> None:
        raise TooLongError(what)

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def mutated(content: bytes, random_: random.Random) -> bytes:
    """Change a recipe in one to four places: lines, words, bytes."""
    for _ in range(random_.choice((1, 1, 2, 4))):
        lines = content.splitlines(keepends=True) or [b""]
        place, line = random_.randrange(len(content) + 1), random_.randrange(len(lines))
        match random_.randrange(9):
            case 0:
                del lines[line]
            case 1:
                lines.insert(line, random_.choice(lines))
            case 2:
                lines[line] = b" " * random_.randrange(9) + lines[line].lstrip()
            case 3:
                key, colon, _ = lines[line].partition(b":")
                lines[line] = key + colon + b" " + random_.choice(WORDS) + b"\n"
            case 4:
                lines[line] = random_.choice(WORDS) + lines[line]
            case 5:
                random_.shuffle(lines)
            case 6:
                lines = [content[:place] + bytes([random_.randrange(256)]) + content[place + 1 :]]
            case 7:
                lines = [content[:place] + random_.choice(WORDS) + content[place:]]
            case _:
                lines = [content[:place]]
        content = b"".join(lines)
    return content


def outcome(path: Path, content: bytes) -> str | None:
    """Load a recipe. Return what is wrong with the way in which it failed; None if nothing is."""
    path.write_bytes(content)
    try:
        recipe = load_recipe(str(path))
    except UsageError as error:
        lines = str(error).splitlines()
        wrong = [line for line in lines if not LOCATED.match(line)] or (not lines and ["an empty message"])
        return f"without a place: {wrong[0]}" if wrong else None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None if isinstance(recipe, Recipe) else "no recipe"


def check(folder: Path, seeds: range) -> None:
    names, failures = sorted(RECIPES), []
    memory.reset_peak(CPU)
    before = memory.peak(CPU)
    for seed in seeds:
        random_ = random.Random(seed)
        content = mutated(RECIPES[names[seed % len(names)]], random_)
        with limited(f"seed {seed}"):
            if problem := outcome(folder / "changed.yaml", content):
                failures.append(f"seed {seed}: {problem}")
    assert failures == [], f"{len(failures)}:\n" + "\n".join(failures[:30])
    assert memory.peak(CPU) - before < 1e9


def test_s4_a_thousand_changed_recipes(tmp_path: Path) -> None:
    check(tmp_path, range(1_000))


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_s4_fifty_thousand_changed_recipes(tmp_path: Path, part: int, injected: Callable[[int], None]) -> None:
    seeds = range(10_000 + 5_000 * part, 15_000 + 5_000 * part)
    check(tmp_path, seeds)
    injected(len(seeds))


BOMBS = {
    "depth of lists": b"family: " + b"[" * 50_000,
    "depth of mappings": b"family: " + b"{a: " * 50_000,
    "depth of blocks": b"".join(b" " * depth + b"a:\n" for depth in range(500)),
    "aliases": b"a: &a [x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 9)) for n in b"bcdefghij"),
    "a circle": b"family: &a [*a]\n",
    "size": b"family: gan\n" + b"# x\n" * 1_000_000,
    "a long key": b"x" * 60_000 + b": 1\n",
    "many keys": b"".join(b"k%d: 1\n" % number for number in range(6_000)),
    "a long number": b"family: " + b"9" * 60_000,
    "a long line": b"family: '" + b"a" * 60_000,
}


@pytest.mark.parametrize("kind", BOMBS)
def test_s4_bombs_are_refused_with_their_place(tmp_path: Path, kind: str) -> None:
    with limited(kind):
        assert outcome(tmp_path / "bomb.yaml", BOMBS[kind]) is None
    with pytest.raises(UsageError):
        load_recipe(str(tmp_path / "bomb.yaml"))


CANARY = "canary"

STRINGS = (
    *("!!python/object/apply:os.system ['touch canary']", "!!python/name:os.system", "!!python/module:canary_module"),
    *(
        "!!python/object/new:canary_module.X []",
        "!!python/tuple [1]",
        "!!binary aGk=",
        "!include canary.yaml",
        "!env HOME",
    ),
    *("!ENV ${HOME}", "!Ref x", "!!js/function 'function(){}'", "{_target_: os.system, command: touch canary}"),
    *(
        "{_target_: canary_module.X}",
        "{__class__: canary_module.X}",
        "{py/object: canary_module.X}",
        "{$ref: canary.yaml}",
    ),
    *(
        "canary_module:X",
        "canary_module.X",
        "os.system",
        "builtins.exec",
        "torch.hub.load",
        "__import__('canary_module')",
    ),
    *("${oc.env:HOME}", "${HOME}", "$HOME", "%(HOME)s", "{{ 7 * 7 }}", "{% import os %}", "#{7*7}", "$(touch canary)"),
    *(
        "`touch canary`",
        "; touch canary",
        "| touch canary",
        "&& touch canary",
        "\"; import os; os.system('touch canary')",
    ),
    *("file:///etc/passwd", "http://example.com/x", "ftp://example.com/x", "\\\\host\\share", "~root", "~/x"),
    *("../../../../etc/passwd", "/etc/passwd", "/dev/zero", "/proc/self/environ", "..", ".", "-", "--help", "-rf"),
    *("<<", "*canary", "&canary", "@canary", "%canary", "=canary", "\x00", "canary\x00.yaml", "con", "nul"),
)

KEYS = (
    *(
        ("family",),
        ("data", "source"),
        ("data", "root"),
        ("data", "classes"),
        ("model", "latent_dim"),
        ("model", "noise"),
    ),
    *(("train", "schedule"), ("eval", "metrics"), ("eval", "best"), ("model", "canary")),
)


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A module and a file that hostile recipes name, and the events of processes and imports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "canary_module.py").write_text(f"open({CANARY!r}, 'w')\nclass X: pass\n")
    (tmp_path / "canary.yaml").write_text("family: gan\n")
    events: list[str] = []
    listening = True

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        if listening and event in (
            "os.system",
            "subprocess.Popen",
            "os.exec",
            "os.posix_spawn",
            "pickle.find_class",
            "exec",
        ):
            events.append(f"{event} {arguments!r}"[:200])
        if listening and event == "open" and "passwd" in str(arguments[0]):
            events.append(f"open {arguments[0]}")

    sys.addaudithook(listen)
    yield events
    listening = False


def document(key: tuple[str, ...], value: str, style: str) -> str:
    """A recipe with a hostile value, or with it as a key, plain or quoted."""
    quoted = "'" + value.replace("'", "''") + "'" if style != "plain" else value
    entry = f"{quoted}: 1" if style == "key" else f"{key[-1]}: {quoted}"
    if len(key) == 1:
        return f"{entry}\ndata: {{source: digits}}\n"
    lines = {"data": "  source: digits\n", "model": "", "train": "  images: 64\n", "eval": ""}
    if key == ("data", "source"):
        lines["data"] = ""
    return f"family: gan\n{key[0]}:\n{lines[key[0]]}  {entry}\n"


@pytest.mark.parametrize("style", ["plain", "quoted", "key"])
def test_s3_strings_are_only_strings(tmp_path: Path, canary: list[str], style: str) -> None:
    load_recipe("gan")  # imports what any recipe needs
    canary.clear()
    failures = []
    for value in STRINGS:
        for key in KEYS:
            with limited(value):
                problem = outcome(tmp_path / "hostile.yaml", document(key, value, style).encode())
            if problem:
                failures.append(f"{key} {value!r}: {problem}")
    assert failures == []
    assert len(STRINGS) * len(KEYS) >= 200
    assert canary == []
    assert not (tmp_path / CANARY).exists()
    assert "canary_module" not in sys.modules


def test_s3_overrides_are_only_strings(tmp_path: Path, canary: list[str]) -> None:
    load_recipe("gan")
    canary.clear()
    for value in STRINGS:
        for key in KEYS:
            with suppress(UsageError):
                load_recipe("gan", [f"{'.'.join(key)}={value}"])
    assert canary == []
    assert not (tmp_path / CANARY).exists()
    assert "canary_module" not in sys.modules


def test_s3_an_accepted_string_stays_what_it_is(tmp_path: Path) -> None:
    for value in ("${HOME}", "$HOME", "{{ 7 * 7 }}", "`id`", "os.system"):
        (tmp_path / "r.yaml").write_text(f"family: gan\ndata:\n  source: folder\n  root: '{value}'\n")
        assert str(load_recipe(str(tmp_path / "r.yaml")).data.root) == value  # type: ignore[attr-defined]
