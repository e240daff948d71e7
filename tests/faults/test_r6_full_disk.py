"""R6, through the command line: a failed write ends the run with exit code 74 and one sentence."""

from __future__ import annotations

from pathlib import Path

from gancli.runs import checkpoint as checkpoints

FILE_SIZE_LIMIT = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
"""

FULL_LATER = """
import errno, os
left, real = 20, os.fsync
def fsync(descriptor):
    global left
    left -= 1
    if left < 0:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    real(descriptor)
os.fsync = fsync
"""


def test_r6_a_file_that_cannot_grow(gan, here: Path) -> None:
    """The operating system refuses to write, in the middle of the weights."""
    process = gan("train", "small.yaml", prelude=FILE_SIZE_LIMIT.format(size=20_000))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 74
    assert errors.startswith("error: cannot write")
    assert len(errors.strip().splitlines()) == 1
    assert list((here / "runs" / "small" / "checkpoints").iterdir()) == []


def test_r6_a_disk_that_fills_up_while_training(gan, here: Path) -> None:
    process = gan("train", "small.yaml", prelude=FULL_LATER)
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
