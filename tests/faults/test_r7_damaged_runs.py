"""R7: damaged and hostile runs whose hashes are valid end every command with one sentence.

The damage is made in the structure of the files: fields of every JSON document are removed, exchanged and given other
types and sizes; files become directories, pipes and links; headers of weights claim what is not there. Hashes are then
computed again, as another program or an attacker would.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
import shutil
import signal
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from gancli.runtime import memory

RECIPE = """family: gan
data: {source: digits, resolution: 8}
model: {latent_dim: 4, generator_widths: [4], discriminator_widths: [4], batch_norm: true}
train: {images: 96, batch_size: 32, checkpoint_every: 32, preview_every: 32, log_every: 32, ema: 0.9, keep: 2}
"""

CPU = torch.device("cpu")

COMMANDS = (
    ("runs", "ls"),
    ("sample", "runs/x", "--count", "1", "--out", "out.png"),
    ("sample", "runs/x/checkpoints/best", "--count", "1", "--out", "out.png"),
    ("interpolate", "runs/x", "--frames", "2", "--out", "out.gif"),
    ("export", "runs/x", "--out", "exported"),
    ("report", "runs/x"),
    ("inspect", "runs/x", "--out", "seen.png"),
    ("eval", "runs/x", "--metrics", "swd", "--samples", "16"),
    ("train", "small.yaml", "--resume", "--set", "train.images=128"),
    ("runs", "rm", "--yes", "runs/x"),
)

CODES = (0, 2, 65, 70)

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**400,
    0.5,
    -1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "../../escape",
    "/etc/passwd",
    "a\0b",
    "\ud800",
    "\x1b[31mred\x07",
    "[red]text[/red]",
    "9" * 5_000,
    [],
    [[]],
    [1] * 1_000,
    {},
    {"": None},
    {"sha256": "x"},
)

Document = tuple[str, Callable[[Any, random.Random], Any]]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a JSON value."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value[:20]) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def mutate(document: Any, random_: random.Random) -> Any:
    """Change one or two fields of a JSON value."""
    for _ in range(random_.choice((1, 1, 2))):
        paths = [path for path in places(document) if path]
        if not isinstance(document, dict | list) or not paths:
            return document
        *parents, last = random_.choice(paths)
        target = document
        for key in parents:
            target = target[key]
        change = random_.random()
        if change < 0.25:
            del target[last]
        elif change < 0.35 and isinstance(target, dict):
            target[random_.choice(("", "extra", "schema", "images", "model"))] = target.pop(last)
        else:
            target[last] = copy.deepcopy(random_.choice(VALUES))
    return document if random_.random() > 0.05 else copy.deepcopy(random_.choice(VALUES))


def written(value: Any, random_: random.Random) -> bytes:
    """Return a JSON text, which now and then is not one, or nested without end."""
    return (
        random_.choice([b"[" * 100_000, b'{"a":' * 50_000, b"", b"{", b"\xff\xfe"])
        if random_.random() < 0.05
        else (json.dumps(value).encode())
    )


def mutate_header(content: bytes, random_: random.Random) -> bytes:
    """Change the header of a safetensors file, or its length."""
    size = int.from_bytes(content[:8], "little")
    header = mutate(json.loads(content[8 : 8 + size]), random_)
    try:
        text = json.dumps(header).encode()
    except ValueError:
        text = b"{}"
    text = random_.choice((text, text, text, b"[1]", b"3", b"null", b'{"a":1,"a":1}', b"[" * 50_000))
    claimed = random_.choice((len(text), len(text), len(text), 2**62, 0, len(text) - 1))
    return struct.pack("<Q", max(0, claimed)) + text + content[8 + size :]


def rehash(checkpoint: Path) -> None:
    """Compute the hashes in the manifest of a checkpoint again, where it still has any."""
    file = checkpoint / "manifest.json"
    if not os.path.lexists(file) or not stat.S_ISREG(os.lstat(file).st_mode) or file.stat().st_size > 10**7:
        return
    try:
        manifest = json.loads(file.read_bytes())
        manifest.pop("sha256", None)
        for name, entry in manifest["files"].items():
            status = os.lstat(checkpoint / name)
            if not stat.S_ISREG(status.st_mode) or status.st_size > 10**7:
                continue
            content = (checkpoint / name).read_bytes()
            entry.update(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    else:
        digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
        file.write_text(json.dumps({**manifest, "sha256": digest}))


def replace_file(path: Path, random_: random.Random) -> None:
    """Put something else in the place of a file or directory."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    match random_.randrange(8):
        case 0:
            os.mkfifo(path)
        case 1:
            path.mkdir()
        case 2:
            path.symlink_to("/dev/zero")
        case 3:
            path.symlink_to("/etc/hostname")
        case 4:
            path.symlink_to(path.name)
        case 5:
            with path.open("wb") as handle:
                handle.truncate(10**10)  # sparse: ten gigabytes that take no room
        case 6:
            path.write_bytes(random_.randbytes(100))
        case _:
            pass


def damage(run: Path, random_: random.Random) -> str:
    """Damage a run in one way, compute its hashes again, and return what was done."""
    newest = run / "checkpoints" / "96"
    kind = random_.choice(("json", "json", "json", "json", "header", "file", "lines"))
    match kind:
        case "json":
            file = random_.choice(
                (run / "manifest.json", newest / "manifest.json", newest / "state.json", run / "checkpoints/best.json")
            )
            file.write_bytes(written(mutate(json.loads(file.read_text()), random_), random_))
        case "lines":
            file = random_.choice((run / "eval.jsonl", run / "metrics.jsonl", run / "timings.jsonl"))
            lines = file.read_text().splitlines() or ["{}"]
            chosen = random_.randrange(len(lines))
            line = written(mutate(json.loads(lines[chosen]), random_), random_)
            file.write_bytes(b"\n".join([*(text.encode() for text in lines[:chosen]), line, b""]))
        case "header":
            file = newest / random_.choice(("model.safetensors", "ema.safetensors", "optimizers.safetensors"))
            file.write_bytes(mutate_header(file.read_bytes(), random_))
        case _:
            file = random_.choice(sorted(path for path in run.rglob("*") if path.name != ".lock"))
            replace_file(file, random_)
    rehash(newest)
    return f"{kind} {file.relative_to(run)}"


@pytest.fixture
def base(gan_in_process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A short run that has been evaluated and has a best checkpoint."""
    (tmp_path / "small.yaml").write_text(RECIPE)
    best = ("--set", "eval.every=32", "--set", "eval.metrics=[swd]", "--set", "eval.samples=16")
    assert gan_in_process("train", "small.yaml", "--out", "base", *best).code == 0
    assert (tmp_path / "base" / "checkpoints" / "best.json").is_file()
    return tmp_path / "base"


class TooLongError(BaseException):
    """A command took longer than 20 seconds."""


def run_command(gan, arguments: tuple[str, ...]) -> Any:
    def too_long(number: int, frame: Any) -> None:
        raise TooLongError(str(arguments))

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(20)
    try:
        return gan(*arguments)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def check(gan, base: Path, here: Path, seeds: range, commands_each: int) -> int:
    """Damage a copy of the run once per seed and run some commands on it. Return the number of commands."""
    failures, count = [], 0
    memory.reset_peak(CPU)
    before = memory.peak(CPU)
    for seed in seeds:
        random_ = random.Random(seed)
        for name in ("runs", "exported"):
            shutil.rmtree(here / name, ignore_errors=True)
        shutil.copytree(base, here / "runs" / "x")
        what = damage(here / "runs" / "x", random_)
        for command in random_.sample(COMMANDS, commands_each):
            result = run_command(gan, command)
            count += 1
            said = result.err.strip().splitlines()
            if result.code not in CODES or "internal error" in result.err or (result.code and not said):
                failures.append(f"seed {seed}, {what}: {' '.join(command)}: {result.code} {result.err[-300:]}")
            elif any(character < " " and character != "\n" for character in result.out + result.err):
                failures.append(f"seed {seed}, {what}: {' '.join(command)}: control characters in the output")
    assert failures == [], f"{len(failures)} of {count}:\n" + "\n".join(failures[:40])
    grown = (memory.peak(CPU) - before) / 1e9
    assert grown < 1, f"{grown:.1f} GB"
    return count


def test_r7_eighty_damaged_runs(gan_in_process, base: Path, tmp_path: Path) -> None:
    """Two hundred checkpoints without valid hashes are in `tests/unit/runs/test_checkpoint.py`."""
    check(gan_in_process, base, tmp_path, range(80), commands_each=1)


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_r7_two_thousand_damaged_runs(gan_in_process, base: Path, tmp_path: Path, part: int, injected) -> None:
    seeds = range(1_000 + 100 * part, 1_100 + 100 * part)
    check(gan_in_process, base, tmp_path, seeds, commands_each=3)
    injected(len(seeds))
