"""Files: atomic writes, disk errors in one sentence, and the size limit of images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gancli.errors import DiskError

MAX_MEGAPIXELS = 50
"""Pillow takes four bytes a pixel, twice for some conversions: up to half a gigabyte, and a second, at this size."""


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a reader, or a crash, finds either the old content or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns a refusal of the disk to write into one sentence.

    Raises:
        DiskError: naming the place, the reason and the space that is left.
    """
    try:
        yield
    except OSError as error:
        raise DiskError(f"cannot write {error.filename or path}: {error.strerror}{free_space(path)}") from error


def free_space(path: Path) -> str:
    """A clause that says how much room the disk of `path` has, where that can be told."""
    existing = next((folder for folder in (path, *path.absolute().parents) if folder.exists()), Path("/"))
    try:
        stat = os.statvfs(existing)
    except OSError:
        return ""
    return f" ({stat.f_bavail * stat.f_frsize / 1e6:,.1f} MB free); make room or choose another place with --out"
