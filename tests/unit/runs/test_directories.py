"""Directories of runs: claimed by one process, recognised by their marker, removed as a whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gancli.errors import DiskError, UsageError
from gancli.runs.directories import claim, claim_group, claim_new, find_removable, is_run, remove_run
from gancli.runs.run import FORMAT, MANIFEST, Run, new_names, runs

VALID = json.loads((Path(__file__).parents[2] / "faults/checkpoints/0.2.0/gan/manifest.json").read_text())
"""Manifest of a run."""


def make(path: Path, **manifest: object) -> Run:
    run = Run(path)
    run.begin({**VALID, **manifest}, "family: gan\n")
    return run


def test_names_are_claimed_before_anything_is_written(tmp_path: Path) -> None:
    with claim_new("gan", tmp_path) as first, claim_new("gan", tmp_path) as second:
        assert [run.name for run in (first, second)] == ["gan", "gan-2"]
        with pytest.raises(UsageError, match="another process"), claim(first.path):
            pass
        first.begin({}, None)
    with claim_new("gan", tmp_path) as third:  # `second` wrote nothing, but ended without an error
        assert third.name == "gan-2"


def test_a_run_that_ended_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other run begins and ends after the first check and before the lock."""
    real = Run.lock

    def late(self: Run):
        make(self.path, family="other")
        return real(self)

    monkeypatch.setattr(Run, "lock", late)
    with pytest.raises(UsageError, match="already contains a run; add --resume"), claim(tmp_path / "a", resumable=True):
        pass
    assert Run(tmp_path / "a").manifest()["family"] == "other"


def fail_in(path: Path, work: Callable[[Run], object]) -> None:
    """Claim a directory, begin a run, do some work, and fail."""

    def block() -> None:
        with claim(path) as run:
            run.begin(VALID, "family: gan\n")
            work(run)
            raise ValueError("bad data")

    with pytest.raises(ValueError, match="bad data"):
        block()


def test_a_failure_before_the_first_step_leaves_nothing(tmp_path: Path) -> None:
    fail_in(tmp_path / "runs" / "deep" / "gan", lambda run: None)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_with_a_result_keeps_it(tmp_path: Path) -> None:
    fail_in(tmp_path / "gan", lambda run: run.metrics.write_text("{}\n"))
    assert (tmp_path / "gan" / "metrics.jsonl").read_text() == "{}\n"

    def save(run: Run) -> None:
        (run.checkpoints / "8").mkdir()
        (run.checkpoints / "8" / MANIFEST).write_text("{}")

    fail_in(tmp_path / "other", save)
    assert Run(tmp_path / "other").saved() == [8]


@pytest.mark.parametrize("kind", ["file", "link", "folder", "dangling"])
def test_what_is_not_an_empty_directory_is_not_claimed(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "a", tmp_path / "other"
    other.mkdir()
    match kind:
        case "file":
            path.write_text("mine")
        case "link":
            path.symlink_to(other)
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
        case "folder":
            path.mkdir()
            (path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"exists and is not a run directory; choose another --out"), claim(path):
        pass
    assert list(other.iterdir()) == []
    assert not (path / ".lock").exists()


def test_a_group_claims_a_name_by_its_first_run(tmp_path: Path) -> None:
    groups = [claim_group("gan", 3, tmp_path) for _ in range(2)]
    assert [group.name for group in groups] == ["gan", "gan-2"]
    assert sorted(os.listdir(tmp_path)) == ["gan-2-seed3", "gan-seed3"]


def test_runs_are_recognised_by_their_marker(tmp_path: Path) -> None:
    new = make(tmp_path / "new")
    assert new.manifest()["format"] == FORMAT
    assert is_run(new.path)
    old = make(tmp_path / "old")
    (old.path / MANIFEST).write_text(json.dumps(VALID))
    assert "format" not in old.manifest()
    assert is_run(old.path)
    shutil.rmtree(old.path / "checkpoints")  # what is left is a checkpoint, or half a run
    assert not is_run(old.path)


WEB = {"name": "My application", "short_name": "app", "start_url": "/", "icons": []}


def foreign(root: Path, kind: str) -> str:
    """Create something that is not a run, and return how to name it."""
    path = root / "victim"
    match kind:
        case "web application":
            path.mkdir()
            (path / MANIFEST).write_text(json.dumps(WEB))
            (path / "checkpoints").mkdir()
        case "damaged":
            make(path)
            (path / MANIFEST).write_text('{"format": "gancli run"')
        case "folder":
            path.mkdir()
        case "file":
            path.write_text("mine")
        case "link":
            make(root / "target")
            path.symlink_to(root / "target")
        case "dangling":
            path.symlink_to(root / "nowhere")
        case "checkpoint":
            run = make(root / "run")
            path = run.checkpoints / "640"
            path.mkdir()
            (path / MANIFEST).write_text(json.dumps({"format": FORMAT}))
        case "group":
            make(root / "victim-seed0", group="victim")
            make(root / "victim-seed1", group="victim")
    return str(path)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("web application", "is not a run of gancli"),
        ("damaged", "is not a run of gancli"),
        ("folder", "is not a run of gancli"),
        ("file", "is a file, not a run directory"),
        ("link", "is a symbolic link, not a run"),
        ("dangling", "is a symbolic link, not a run"),
        ("checkpoint", "is a checkpoint, not a run"),
        ("group", "is a group of runs, not a run; name those to remove: victim-seed0 victim-seed1"),
    ],
)
def test_nothing_but_a_run_can_be_removed(tmp_path: Path, kind: str, said: str) -> None:
    name = foreign(tmp_path, kind)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=said):
        find_removable(name, tmp_path / "runs")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_inside_another_directory_than_runs_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "runs" / "gan")
    make(tmp_path / "models" / "gan")
    assert find_removable("gan").path == tmp_path / "runs" / "gan"
    assert find_removable("models/gan/").path == tmp_path / "models" / "gan"


def test_a_run_is_renamed_before_it_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make(tmp_path / "gan")

    def interrupted(path: Path) -> None:
        raise OSError(5, "interrupted")

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(DiskError):
        remove_run(run)
    assert not run.path.exists()
    assert runs(tmp_path) == []
    assert next(new_names("gan", tmp_path)) == "gan"


def test_links_inside_a_run_are_removed_and_not_followed(tmp_path: Path) -> None:
    run, precious = make(tmp_path / "gan"), tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("mine")
    (run.path / "link").symlink_to(precious)
    remove_run(run)
    assert os.listdir(tmp_path) == ["precious"]
    assert (precious / "thesis.txt").read_text() == "mine"
