"""Files: exclusive temporary files, atomic writes, disk errors, the cache folder and the size limit of images."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

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


def temporary_path(path: Path, suffix: str = ".tmp") -> Path:
    """Return an unpredictable hidden path beside `path`, for content that is renamed to it later.

    Another process cannot guess the name and prepare a file or a link there. Create files with `create_exclusively`
    and directories with `Path.mkdir`: both fail if the name exists.
    """
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}{suffix}")


def create_exclusively(path: Path) -> BinaryIO:
    """Create a file and open it for writing; existing files and links are never opened.

    Raises:
        FileExistsError: the name exists.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    return os.fdopen(os.open(path, flags, 0o666), "wb")


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that gets its name when the block ends without an error.

    Readers, even after a crash, see either the old or the new content.
    """
    temporary = temporary_path(path)
    try:
        with create_exclusively(temporary) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file as `atomic_file` does."""
    with atomic_file(path) as handle:
        handle.write(content)


def sync_folder(folder: Path) -> None:
    """Write a directory's list of names to the disk, so that a rename in it survives a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
