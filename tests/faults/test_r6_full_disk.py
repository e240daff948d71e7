"""R6: a disk that refuses to write ends a run with exit code 74 and one sentence, and costs no checkpoint."""

from __future__ import annotations

import builtins
import errno
import io
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gancli.errors import DiskError
from gancli.runs import checkpoint as checkpoints
from gancli.testing.contract import FamilyContract

FILE_SIZE_LIMIT = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
"""

FULL_LATER = """
import sys
sys.path.insert(0, {folder!r})
from full_disk import FullDisk
FullDisk({place!r}, {count}, {number}).install(setattr)
"""
"""Prelude of a process in which a disk fills up; `full_disk.py` is written from this file's class."""

ERRORS = [errno.ENOSPC, errno.EDQUOT, errno.EIO]


class FullDisk:
    """Functions of the operating system that refuse to write to one place after a number of operations.

    Args:
        place: part of the path of all files concerned.
        left: operations until the disk is full.
        number: error number of the refusals.
    """

    def __init__(self, place: str, left: int, number: int) -> None:
        self.place, self.left, self.number, self.operations = place, left, number, 0

    def install(self, replace: Callable[[Any, str, Any], None]) -> None:
        """Replace the functions, by `setattr` or by pytest's `monkeypatch.setattr`."""
        for name in ("fsync", "rename", "replace", "mkdir"):
            replace(os, name, self._refusing(getattr(os, name), lambda *_, **__: True))
        replace(os, "open", self._refusing(os.open, lambda flags, *_, **__: flags & (os.O_WRONLY | os.O_RDWR)))
        writing = self._refusing(builtins.open, lambda mode="r", *_, **__: set("wax+") & set(mode))
        replace(builtins, "open", writing)
        replace(io, "open", writing)

    def _refusing(self, real: Any, applies: Callable[..., Any]) -> Any:
        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            where = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else os.path.abspath(path)
            if self.place in where and applies(*arguments, **options):
                self.operations += 1
                if self.operations > self.left:
                    raise OSError(self.number, os.strerror(self.number), where)
            return real(path, *arguments, **options)

        return call


class Perceptrons(FamilyContract):
    family = "gan"
    model = {"generator_widths": [16], "discriminator_widths": [16]}


OPTIONS = {"images": 48, "ema": 0.9, "checkpoint_every": 16, "log_every": 8, "preview_every": 16, "keep": 1}


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Number of operations of a whole run."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    trainer, disk = Perceptrons().trainer(folder, **OPTIONS), FullDisk(str(folder), 10**6, 0)
    with pytest.MonkeyPatch.context() as patch:
        disk.install(patch.setattr)
        trainer.train()
    assert disk.operations > 30
    return disk.operations


@pytest.mark.parametrize("number", ERRORS)
@pytest.mark.parametrize("tenth", range(10))
def test_r6_a_disk_that_fills_up_loses_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operations: int, number: int, tenth: int
) -> None:
    folder = tmp_path / "run"
    trainer = Perceptrons().trainer(folder, **OPTIONS)
    saved = []
    real_save = checkpoints.save
    monkeypatch.setattr(checkpoints, "save", lambda *a, **k: saved.append(real_save(*a, **k)) or saved[-1])
    with monkeypatch.context() as patch:
        FullDisk(str(folder), operations * tenth // 10, number).install(patch.setattr)
        with pytest.raises(DiskError, match=f"{os.strerror(number)}.*MB free") as raised:
            trainer.train()
    assert raised.value.exit_code == 74
    assert not [path for path in (folder / "checkpoints").iterdir() if path.name.startswith(".")]
    if not saved:
        assert checkpoints.complete(folder / "checkpoints") == []
        return
    newest, faults = checkpoints.newest_valid(folder / "checkpoints")
    assert faults == []
    assert newest.images >= int(saved[-1].name)
    again = Perceptrons().trainer(folder, **OPTIONS)
    assert again.resume() == []
    assert again.train() is True


def test_r6_a_file_that_cannot_grow(gan, here: Path) -> None:
    """The operating system refuses to write, in the middle of the weights."""
    process = gan("train", "small.yaml", prelude=FILE_SIZE_LIMIT.format(size=20_000))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 74
    assert errors.startswith("error: cannot write")
    assert len(errors.strip().splitlines()) == 1
    assert not list((here / "runs").glob("small/checkpoints/*"))


def full(here: Path, count: int, number: int) -> str:
    """Return the prelude of a process in which the disk of the run fills up after `count` operations."""
    source = Path(__file__).read_text(encoding="utf-8")
    first, last = source.index("class FullDisk"), source.index("class Perceptrons")
    imports = "from __future__ import annotations\nimport builtins, io, os\n"
    (here / "full_disk.py").write_text(imports + source[first:last])
    return FULL_LATER.format(folder=str(here), place=str(here / "runs"), count=count, number=number)


def test_r6_a_disk_that_fills_up_while_training(gan, here: Path) -> None:
    process = gan("train", "small.yaml", prelude=full(here, 100, errno.ENOSPC))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 74
    assert "No space left on device" in errors
    assert "MB free" in errors
    folder = here / "runs" / "small" / "checkpoints"
    newest, faults = checkpoints.newest_valid(folder)
    assert faults == []
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    process = gan("train", "small.yaml", "--resume", "--set", f"train.images={newest.images + 16}")
    assert process.wait(60) == 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_r6_a_hundred_full_disks(gan, here: Path, seed: int, injected) -> None:
    """At random operations and at random bytes of a file: nothing is lost, and a resumed run ends as a whole one."""

    def train(*arguments: str, prelude: str = "") -> tuple[int, str]:
        process = gan("train", "small.yaml", "--set", "train.images=400", *arguments, prelude=prelude)
        _, errors = process.communicate(timeout=120)
        return process.returncode, errors

    def newest(folder: Path) -> int:
        """Return the position of the newest checkpoint, which must be valid; 0 if there is none."""
        if not (folder.is_dir() and checkpoints.complete(folder)):
            return 0
        checkpoint, faults = checkpoints.newest_valid(folder)
        assert faults == []
        assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
        return checkpoint.images

    assert train("--out", "whole") == (0, "")
    expected = checkpoints.load(here / "whole" / "checkpoints" / "400")
    random_, refused, run = random.Random(seed), 0, 0
    while refused < 10:
        run, reached = run + 1, 0
        out = here / "runs" / str(run)
        resume: list[str] = []
        while reached < 400:
            prelude = ""
            if refused < 10:
                limit = FILE_SIZE_LIMIT.format(size=random_.randrange(1_000, 60_000))
                later = full(here, random_.randrange(0, 150), random_.choice(ERRORS))
                prelude = limit if random_.random() < 0.25 else later
            code, errors = train("--out", str(out), *resume, prelude=prelude)
            assert code in ((0, 74) if prelude else (0,)), errors
            assert len(errors.strip().splitlines()) == (code == 74), errors
            refused += code == 74
            before, reached = reached, newest(out / "checkpoints")
            assert reached >= before
            resume = ["--resume"] if (out / "manifest.json").is_file() else []
        actual = checkpoints.load(out / "checkpoints" / "400")
        for file, tensors in expected.tensors.items():
            for name, tensor in tensors.items():
                assert torch.equal(tensor, actual.tensors[file][name]), f"{file}: {name}"
    injected(refused)
