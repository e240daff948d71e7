"""The family of the tutorial works: extracted from the page, it passes its tests, trains and samples."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PAGE = "docs/write-a-family.md"


@pytest.fixture
def minigan(page, installed) -> Path:
    """Return the folder of the distribution of the tutorial, which is importable."""
    folder: Path = installed(page(PAGE), "minigan")
    return folder


def test_its_own_tests_pass(minigan: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests"],
        cwd=minigan,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    skipped = [line for line in ended.stdout.splitlines() if line.startswith("SKIPPED")]
    unsupported = tuple(f"minigan does not {task}" for task in ("translate", "upscale", "detect"))
    assert all(line.endswith(unsupported) for line in skipped), skipped


def test_its_commands_work(gan, page, minigan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(minigan)
    for words in page(PAGE).commands("sh"):
        short = ["--set", "train.images=640"] if words[1] == "train" else []
        ended = gan(*words[1:], *short)
        assert ended.code == 0, f"{words}: {ended.err}"
        assert "broken" not in ended.out
    assert list(minigan.glob("runs/minigan/out/*label3-8.png"))


def test_the_listed_files_are_the_printed_ones(page) -> None:
    (listing,) = [code for code in page(PAGE).blocks("text") if code.startswith("minigan/")]
    listed = {f"minigan/{line.split()[0]}" for line in listing.splitlines()[1:]}
    assert listed == set(page(PAGE).files())
