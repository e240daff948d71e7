"""List the image files of a folder, and open them for packing."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gancli.data.pack import EncodedImages
from gancli.errors import DataError
from gancli.io import decode

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm")
)
"""Lower-case suffixes of image files. Other files are ignored, and listed by `gan data check`."""

HELD_OUT = ("test", "val", "valid", "validation")
"""Names of the test split's folder beside `train`; the first existing one is used."""


@dataclass(frozen=True, order=True)
class File:
    """A file: path relative to the root, size in bytes, modification time in ns; both are 0 unless it is regular."""

    path: str
    size: int
    time: int


@dataclass(frozen=True)
class Listing:
    """Image files of a folder and ignored files, both sorted."""

    images: list[File]
    ignored: list[str]


def check_root(root: Path) -> None:
    """Check that `data.root` is a folder.

    Raises:
        DataError: it is not a folder, or does not exist.
    """
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "does not exist"
        raise DataError(f"the folder {root} {problem}; set data.root to a folder of images")


def list_images(root: Path, folder: str) -> Listing:
    """List all files below `root/folder`, except hidden ones.

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
            f"{error.filename} cannot be read ({error.strerror}); change its permissions, or remove it"
        ) from error
    return Listing(sorted(images), sorted(ignored))


def encoded_files(root: Path, files: Sequence[File], *, max_megapixels: int, skip: bool, remedy: str) -> EncodedImages:
    """Describe image files without labels, to be packed.

    Args:
        root: folder that the paths are relative to.
        files: image files.
        max_megapixels: larger images are unreadable.
        skip: leave out unreadable images instead of raising.
        remedy: advice about unreadable images, as the end of a sentence.
    """

    def path(row: int) -> Path:
        return root / files[row].path

    return EncodedImages(
        count=len(files),
        name=lambda row: str(path(row)),
        open=lambda row: decode.open_image(path(row), max_megapixels=max_megapixels),
        labels=None,
        label_names=(),
        identity=files_identity(files, max_megapixels),
        skip=skip,
        remedy=remedy,
    )


def skip_remedy(*arguments: str) -> str:
    """Return the advice of sources with the option `unreadable`; `arguments` are those of `gan data check`."""
    command = shlex.join(["gan", "data", "check", *arguments])
    return f"remove it, or set data.unreadable=skip; `{command}` lists all"


def files_identity(files: Sequence[File], max_megapixels: int) -> str:
    """Identify files by paths, sizes and times: unchanged if the folder is moved, changed if a file is rewritten."""
    content = json.dumps([max_megapixels, *((file.path, file.size, file.time) for file in files)])
    return "folder " + hashlib.sha256(content.encode()).hexdigest()


def _walk(folder: str, path: str, parents: frozenset[str]) -> Iterator[File]:
    """Yield all files below a folder. Links are followed, except to a parent folder."""
    real = os.path.realpath(folder)
    if real in parents:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            inner = f"{path}/{entry.name}" if path else entry.name
            if entry.is_dir():
                yield from _walk(entry.path, inner, parents | {real})
            else:
                yield _file(entry, inner)


def _file(entry: os.DirEntry[str], path: str) -> File:
    try:
        status = entry.stat()
    except OSError:  # a broken link
        return File(path, 0, 0)
    return File(path, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else File(path, 0, 0)
