"""Output that fails never costs the work of a command: closed pipes, full disks, terminals that go away."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = """family: gan
data: {source: digits, resolution: 8}
model: {generator_widths: [8], discriminator_widths: [8]}
train: {images: 1600, batch_size: 16, checkpoint_every: 800, log_every: 16}
"""

GAN = f"{sys.executable} -m gancli"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path


def shell(command: str, here: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of bash; its exit code is that of the first program in a pipeline."""
    return subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        cwd=here,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirection", "said"),
    [
        ("| head -n 1", ""),
        ("> /dev/full", "standard output cannot be written (No space left on device): messages are lost"),
        (">&- 2>&-", ""),
    ],
)
def test_training_ends_and_saves(here: Path, redirection: str, said: str) -> None:
    ended = shell(f"{GAN} train r.yaml {redirection}", here)
    assert ended.returncode == 0, ended.stderr
    assert (here / "runs" / "r" / "checkpoints" / "1600" / "manifest.json").is_file()
    assert (here / "runs" / "r" / "report.html").is_file()
    assert len((here / "runs" / "r" / "metrics.jsonl").read_text().splitlines()) == 100
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == bool(said)


def test_a_full_log_of_errors_too(here: Path) -> None:
    ended = shell(f"{GAN} train r.yaml > /dev/full 2>&1", here)
    assert ended.returncode == 0
    assert (here / "runs" / "r" / "checkpoints" / "1600" / "manifest.json").is_file()


def test_a_terminal_that_goes_away_is_a_hangup(here: Path) -> None:
    """The kernel sends SIGHUP to the session, and every write fails from then on."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.chdir(here)
        options = ["--set", "train.images=10000000", "--set", "train.checkpoint_every=100000000"]
        os.execv(sys.executable, [sys.executable, "-m", "gancli", "train", "r.yaml", *options])
    metrics = here / "runs" / "r" / "metrics.jsonl"
    while not (metrics.exists() and metrics.stat().st_size):
        os.read(terminal, 10_000)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 75
    (saved,) = (here / "runs" / "r" / "checkpoints").iterdir()
    assert (saved / "manifest.json").is_file()


def test_a_result_that_is_printed_and_lost_is_an_error(here: Path) -> None:
    ended = shell(f"{GAN} recipes ls > /dev/full", here)
    assert ended.returncode == 74
    assert ended.stderr == (
        "error: standard output cannot be written (No space left on device); send it to another place\n"
    )
    assert shell(f"{GAN} recipes ls | head -n 1", here).returncode == 0
