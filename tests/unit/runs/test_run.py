from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from gancli.errors import DataError, DiskError, UsageError
from gancli.io.files import disk_errors, write_atomically
from gancli.runs.run import Run, new_run, newest, runs, runs_of


def make(root: Path, name: str, *, checkpoint: bool = True, age: int = 0, **manifest: object) -> Run:
    run = Run(root / name)
    run.begin({"tasks": ["sample"], "labels": [], **manifest}, "family: gan\n")
    if checkpoint:
        (run.checkpoints / "100").mkdir()
        (run.checkpoints / "100" / "manifest.json").write_text("{}")
    for path in (run.path / "manifest.json", run.checkpoints):
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return run


def test_names_do_not_collide(tmp_path: Path) -> None:
    assert new_run("gan", tmp_path).name == "gan"
    make(tmp_path, "gan")
    make(tmp_path, "gan-2")
    assert new_run("gan", tmp_path).name == "gan-3"


def test_runs_of_a_recipe_are_newest_first(tmp_path: Path) -> None:
    make(tmp_path, "gan", age=5)
    make(tmp_path, "gan-2", age=1)
    make(tmp_path, "gan-mnist", age=0)
    (tmp_path / "not-a-run").mkdir()
    assert [run.name for run in runs_of("gan", tmp_path)] == ["gan-2", "gan"]
    assert [run.name for run in runs(tmp_path)] == ["gan-mnist", "gan-2", "gan"]


def test_newest_run_that_can(tmp_path: Path) -> None:
    make(tmp_path, "old", age=9, labels=["a"])
    make(tmp_path, "plain", age=5)
    make(tmp_path, "unfinished", age=0, checkpoint=False)
    assert newest("generate samples", lambda manifest: "sample" in manifest["tasks"], tmp_path).name == "plain"
    assert newest("generate samples of a label", lambda manifest: bool(manifest["labels"]), tmp_path).name == "old"
    with pytest.raises(UsageError, match=r"none of the 3 runs .* can upscale images"):
        newest("upscale images", lambda manifest: False, tmp_path)
    with pytest.raises(UsageError, match="no run under"):
        newest("upscale images", lambda manifest: True, tmp_path / "nowhere")


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    run = make(tmp_path, "gan")
    (run.path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json"):
        run.manifest()


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    run = make(tmp_path, "gan")
    with run.lock(), pytest.raises(UsageError, match="being trained by another process"), Run(run.path).lock():
        pass
    with run.lock():
        pass


def test_atomic_writes_leave_the_old_content_or_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match=r"No space left.*free"), disk_errors(path):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_begin_records_manifest_and_recipe(tmp_path: Path) -> None:
    run = Run(tmp_path / "deep" / "run")
    run.begin({"family": "gan"}, "family: gan\n")
    assert run.manifest() == {"family": "gan"}
    assert run.recipe.read_text() == "family: gan\n"
    assert json.loads((run.path / "manifest.json").read_text()) == {"family": "gan"}
