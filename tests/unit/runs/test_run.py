from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from gancli.errors import DataError, DiskError, UsageError
from gancli.io.files import disk_errors, write_atomically
from gancli.runs.run import FORMAT, Run, new_names, newest, runs, runs_of

VALID = json.loads((Path(__file__).parents[2] / "faults/checkpoints/0.2.0/gan/manifest.json").read_text())
"""Manifest of a run."""


def make(root: Path, name: str, *, checkpoint: bool = True, age: int = 0, **manifest: object) -> Run:
    run = Run(root / name)
    run.begin({**VALID, **manifest}, "family: gan\n")
    if checkpoint:
        (run.checkpoints / "100").mkdir()
        (run.checkpoints / "100" / "manifest.json").write_text("{}")
    for path in (run.path / "manifest.json", run.checkpoints):
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return run


def test_names_do_not_collide(tmp_path: Path) -> None:
    assert next(new_names("gan", tmp_path)) == "gan"
    make(tmp_path, "gan")
    make(tmp_path, "gan-2")
    assert next(new_names("gan", tmp_path)) == "gan-3"


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
    run.begin(VALID, "family: gan\n")
    assert run.manifest() == {"format": FORMAT, **VALID}
    assert run.recipe.read_text() == "family: gan\n"
    assert json.loads((run.path / "manifest.json").read_text()) == {"format": FORMAT, **VALID}


def test_files_among_the_sample_sheets_that_are_not_ours(tmp_path: Path) -> None:
    run = make(tmp_path, "gan")
    for name in ("000000064.png", "000000128.png", "000000128.json", "best.png", "64.png", "000000064 copy.png"):
        (run.samples / name).write_bytes(b"")
    assert run.previews() == {64: run.samples / "000000064.png", 128: run.samples / "000000128.png"}
    assert list(run.previews(".json")) == [128]


def test_the_manifest_of_a_run_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then the directory is not a run."""
    seen: list[tuple[str, bool]] = []
    real = os.replace

    def spy(source: Path, target: Path) -> None:
        seen.append((Path(target).name, (tmp_path / "gan" / "manifest.json").exists()))
        real(source, target)

    monkeypatch.setattr(os, "replace", spy)
    Run(tmp_path / "gan").begin(VALID, "family: gan\n")
    assert seen == [("recipe.yaml", False), ("manifest.json", False)]


def test_a_damaged_run_is_passed_over_when_the_newest_is_chosen(tmp_path: Path) -> None:
    make(tmp_path, "good", age=5)
    damaged = make(tmp_path, "damaged", age=0)
    (damaged.path / "manifest.json").write_text("{")
    assert newest("generate samples", lambda manifest: True, tmp_path).name == "good"


def test_a_clock_that_was_ahead_makes_no_run_the_newest_for_ever(tmp_path: Path) -> None:
    make(tmp_path, "old", age=5)
    ahead = make(tmp_path, "ahead")
    for path in (ahead.path / "manifest.json", ahead.checkpoints):
        os.utime(path, (4_000_000_000, 4_000_000_000))
    make(tmp_path, "new", age=1)
    assert [run.name for run in runs(tmp_path)] == ["new", "old", "ahead"]
    (ahead.path / "metrics.jsonl").write_text("")  # trained on since the clock was set right
    assert [run.name for run in runs(tmp_path)] == ["ahead", "new", "old"]
