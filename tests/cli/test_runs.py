"""`gan runs`, and runs that start at the same time or lie beside damaged and foreign ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = """family: gan
data: {source: digits, resolution: 8}
model: {generator_widths: [8], discriminator_widths: [8]}
train: {images: 64, batch_size: 32, checkpoint_every: 32}
"""

START = "import sys; from gancli.cli.app import main; sys.argv = ['gan', *sys.argv[1:]]; main()"


def start(here: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START, *arguments],
        cwd=here,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_three_starts_at_once_give_three_runs(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    processes = [start(tmp_path, "train", "r.yaml") for _ in range(3)]
    for process in processes:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors + output
    assert sorted(os.listdir(tmp_path / "runs")) == ["r", "r-2", "r-3"]
    for name in ("r", "r-2", "r-3"):
        assert (tmp_path / "runs" / name / "checkpoints" / "64" / "manifest.json").is_file()
        assert len((tmp_path / "runs" / name / "metrics.jsonl").read_text().splitlines()) == 1


@pytest.fixture
def small(gan, tmp_path: Path) -> Path:
    """A short run, `runs/small`, in the working directory."""
    (tmp_path / "small.yaml").write_text(RECIPE)
    assert gan("train", "small.yaml").code == 0
    return tmp_path / "runs" / "small"


def test_foreign_names_among_the_checkpoints_are_passed_over(gan, small: Path, tmp_path: Path) -> None:
    folder = small / "checkpoints"
    names = ["64.bak", "64 (copy)", "064", "\u0666\u0664", "1e3", "-64", ".64", "99999999999999999999"]
    for name in names:
        shutil.copytree(folder / "64", folder / name)
    (folder / "100000").mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "256").symlink_to(folder / "nowhere")
    (small / "samples" / "best one.png").write_bytes(b"mine")
    before = sorted(os.listdir(folder))
    assert "64 of 64" in gan("runs", "ls").out
    resume = ("train", "small.yaml", "--resume", "--set", "train.images=192", "--set", "train.keep=1")
    commands = [
        ("sample", "runs/small", "--count", "1", "--out", "a.png"),
        ("export", "runs/small"),
        ("report", "runs/small"),
        ("inspect", "runs/small"),
        resume,
    ]
    for command in commands:
        result = gan(*command)
        assert result.code == 0, result.err
    after = set(os.listdir(folder))
    assert "192" in after
    assert set(before) - after <= {"32", "64"}  # pruned, as `train.keep` says
    assert (small / "samples" / "best one.png").read_bytes() == b"mine"


def test_damaged_runs_are_listed_beside_good_ones(gan, small: Path, tmp_path: Path) -> None:
    contents = ["{", "[]", "{}", "null", '{"family": 3}', "[" * 100_000, '{"family": "gan", "images": "many"}']
    for number, content in enumerate(contents):
        (tmp_path / "runs" / f"bad-{number}").mkdir()
        (tmp_path / "runs" / f"bad-{number}" / "manifest.json").write_text(content)
    (tmp_path / "runs" / "folder").mkdir()
    (tmp_path / "runs" / "folder" / "manifest.json").mkdir()
    (tmp_path / "runs" / "pipe").mkdir()
    os.mkfifo(tmp_path / "runs" / "pipe" / "manifest.json")
    result = gan("runs", "ls")
    assert result.code == 0
    assert "64 of 64" in result.out
    rows = {row["run"]: row for row in json.loads(gan("runs", "ls", "--json").out)}
    assert rows["runs/small"]["fault"] is None
    for name in (*(f"bad-{number}" for number in range(len(contents))), "folder", "pipe"):
        assert f"runs/{name}/manifest.json" in rows[f"runs/{name}"]["fault"]
    assert gan("sample", "--count", "1", "--out", "a.png").code == 0  # the newest run that is not damaged


def test_nothing_is_removed_if_one_of_the_names_is_wrong(gan, small: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "manifest.json").write_text('{"name": "My application"}')
    result = gan("runs", "rm", "--yes", "small", "site")
    assert result.code == 2
    assert result.err.startswith("error: site is not a run of gancli")
    assert small.is_dir()
    assert (tmp_path / "site" / "manifest.json").is_file()
    result = gan("runs", "rm", "--yes", "small", "runs/small")
    assert (result.code, result.out) == (0, "removed runs/small\n")
    assert not small.exists()
    assert os.listdir(tmp_path / "runs") == []
