"""Files: atomic writes, disk errors, the cache folder and the size limit of images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gancli.errors import DiskError

MAX_MEGAPIXELS = 50
"""Default size limit. Pillow then needs up to half a gigabyte: four bytes per pixel, and sometimes two copies."""

CACHE_VARIABLE = "GANCLI_CACHE"
"""Environment variable that replaces the user's cache folder."""


def cache_folder() -> Path:
    """Return the folder of packed images, features, downloads and weights; it may not exist yet."""
    if path := os.environ.get(CACHE_VARIABLE):
        return Path(path).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("gancli"))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers, even after a crash, see either the old or the new content."""
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
    """Turn an OSError inside the block into a one-sentence error.

    Raises:
        DiskError: an OSError occurred; the message has the path, the reason and the free space.
    """
    try:
        yield
    except OSError as error:
        raise DiskError(f"cannot write {error.filename or path}: {error.strerror}{free_space(path)}") from error


def free_space(path: Path) -> str:
    """Return a clause with the free space on the disk of `path`, or "" if it is unknown."""
    existing = next((folder for folder in (path, *path.absolute().parents) if folder.exists()), Path("/"))
    try:
        stat = os.statvfs(existing)
    except OSError:
        return ""
    return f" ({stat.f_bavail * stat.f_frsize / 1e6:,.1f} MB free); make room or choose another place with --out"
