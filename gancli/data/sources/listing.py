"""What lies in a folder: its images with their sizes and times, and the files that are none."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gancli.errors import DataError

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm")
)
"""In lower case. Files of other names are ignored, and reported by `gan data check`."""

HELD_OUT = ("test", "val", "valid", "validation")
"""Names of folders beside `train`; the first of them that is there is the test split."""


@dataclass(frozen=True, order=True)
class File:
    """A file by its path relative to the root, with its size and time; those are 0 where it is no regular file."""

    path: str
    size: int
    time: int


@dataclass(frozen=True)
class Listing:
    """The images of a folder and the ignored files in it, both sorted."""

    images: list[File]
    ignored: list[str]


def check_root(root: Path) -> None:
    """Holds `data.root` to be a folder.

    Raises:
        DataError: it is none.
    """
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise DataError(f"the folder {root} {what}; set data.root to a folder of images")


def list_images(root: Path, folder: str) -> Listing:
    """Everything below `root/folder` but what is hidden.

    Raises:
        DataError: a folder cannot be read.
    """
    images, ignored = [], []
    try:
        for file in _walk(str(root / folder), folder, frozenset()):
            if os.path.splitext(file.path)[1].lower() in SUFFIXES:
                images.append(file)
            else:
                ignored.append(file.path)
    except OSError as error:
        raise DataError(
            f"{error.filename} cannot be read ({error.strerror}); give yourself access or remove it"
        ) from error
    return Listing(sorted(images), sorted(ignored))


def identity(files: Sequence[File], max_megapixels: int) -> str:
    """Paths, sizes and times: a folder that is moved stays the same, a file that is written again does not."""
    listed = json.dumps([max_megapixels, *((file.path, file.size, file.time) for file in files)])
    return "folder " + hashlib.sha256(listed.encode()).hexdigest()


def _walk(place: str, path: str, above: frozenset[str]) -> Iterator[File]:
    """Every file below a folder, through links too, but not round in circles."""
    real = os.path.realpath(place)
    if real in above:
        return
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            inner = f"{path}/{entry.name}" if path else entry.name
            if entry.is_dir():
                yield from _walk(entry.path, inner, above | {real})
            else:
                yield _file(entry, inner)


def _file(entry: os.DirEntry[str], path: str) -> File:
    try:
        found = entry.stat()
    except OSError:  # a broken link
        return File(path, 0, 0)
    return File(path, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else File(path, 0, 0)
