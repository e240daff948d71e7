"""Cache of packed images: memory-mapped `.npy` files by fingerprint, so that a folder is decoded once.

An entry is a folder with `images.npy` and `meta.json`. It is written under a temporary name, synced and renamed, so
visible entries are complete. `meta.json` lists the size of the array and a hash of each of its blocks. The size is
checked whenever an entry is opened, and the hashes of a small entry as well; those of a large one are computed by a
thread while training begins, and `check_verified` raises an error if they differ. Damaged entries, and those of
versions that wrote no hashes, are written again.

An array that another program changes after it was verified is not noticed, and one that is truncated while it is mapped
ends the process with a bus error: the files of the cache belong to the programs of this toolkit alone.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from gancli.data.variable_size import VariableSizeImages
from gancli.errors import DataError
from gancli.io.files import cache_folder, create_exclusively, sync_folder, temporary_path
from gancli.io.input_files import open_regular, read_json_object
from gancli.io.types import Bytes

VERSION = 2
"""Version of `meta.json`; entries of other versions are written again."""

BLOCK_BYTES = 8 * 2**20
"""Bytes of an array that share a hash."""

VERIFIED_AT_ONCE = 256 * 2**20
"""Entries up to this size are verified when they are opened, in a third of a second; larger ones later."""

MAX_META_BYTES = 500_000_000

PART, LOCK = ".part", ".lock"
"""Suffixes of the folder that a process is writing, and of the lock that it holds meanwhile."""

_HEADER_BYTES = 128

_log = logging.getLogger(__name__)

_damaged: list[str] = []
"""Entries that a thread has found damaged, since the last `check_verified`."""


@dataclass(frozen=True)
class Entry:
    """A cached dataset.

    Args:
        images: (N, C, H, W), a read-only memory map; for images of different sizes, the flat array of `variable_size`.
        unreadable: positions of the images that could not be read.
        variable_size: images of different sizes; None if all have one size.
    """

    images: Bytes
    unreadable: tuple[int, ...]
    variable_size: VariableSizeImages | None = None


def load(fingerprint: str) -> Entry | None:
    """Return the entry; None if it is missing or damaged, which is said."""
    folder = _folder(fingerprint)
    if not folder.is_dir():
        return None
    try:
        return _open(folder)
    except (OSError, EOFError, ValueError, KeyError, TypeError, OverflowError, DataError) as error:
        _log.warning("the cached images %s are damaged and will be written again (%s)", folder, error)
        return None


def discard(fingerprint: str) -> None:
    """Remove an entry if it exists. Processes that use it keep their memory maps."""
    folder = _folder(fingerprint)
    doomed = temporary_path(folder, ".removed")
    with suppress(OSError):
        os.rename(folder, doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def check_verified() -> None:
    """Raise an error if an entry that is in use has been found damaged.

    Raises:
        DataError: the pixels of an entry differ from those that were packed.
    """
    if _damaged:
        names = ", ".join(_damaged)
        _damaged.clear()
        raise DataError(
            f"the cached images {names} have changed since they were packed, and were removed; what was trained on "
            "them since the last checkpoint is not saved. Run it again (training: with --resume) to pack them again"
        )


def _open(folder: Path) -> Entry:
    meta = read_json_object(folder / "meta.json", limit=MAX_META_BYTES, within=folder)
    if meta.get("version") != VERSION:
        raise ValueError("it was written by another version")
    shape, hashes = tuple(int(side) for side in meta["shape"]), [str(digest) for digest in meta["hashes"]]
    count, path = math.prod(shape), folder / "images.npy"
    with open_regular(path, within=folder) as file:
        size = os.fstat(file.fileno()).st_size
    if min(shape) < 0 or size != _HEADER_BYTES + count:
        raise ValueError(f"images.npy has {size:,} bytes, {_HEADER_BYTES + count:,} are expected")
    images = np.load(path, mmap_mode="r", allow_pickle=False)
    if images.shape != shape or images.dtype != np.uint8 or len(hashes) != math.ceil(count / BLOCK_BYTES):
        raise ValueError("images.npy and meta.json belong to different images")
    variable_size = None
    if sizes := meta.get("sizes"):
        variable_size = VariableSizeImages(images, np.array(sizes, dtype=np.int64), int(meta["channels"]))
        if len(images) != variable_size.channels * variable_size.sizes.prod(1).sum():
            raise ValueError("images.npy and meta.json belong to different images")
    entry = Entry(images, tuple(int(row) for row in meta["unreadable"]), variable_size)
    if count <= VERIFIED_AT_ONCE:
        if not _matches(path, hashes):
            raise ValueError("images.npy has changed since it was written")
    else:
        threading.Thread(target=_verify, args=(path, hashes), name="gancli-cache", daemon=True).start()
    return entry


def _matches(path: Path, hashes: list[str]) -> bool:
    """Return whether every block of an array has the hash that was written with it."""
    blocks = _BlockHashes()
    with open_regular(path) as file:
        file.seek(_HEADER_BYTES)
        while part := file.read(2**16):
            blocks.update(part)
    return blocks.finish() == hashes


def _verify(path: Path, hashes: list[str]) -> None:
    try:
        damaged = not _matches(path, hashes)
    except (OSError, DataError):  # removed since it was opened: the memory map is what it was
        return
    if damaged:
        discard(path.parent.name)
        _damaged.append(str(path.parent))


class _BlockHashes:
    """Hashes of the blocks of a stream of bytes."""

    def __init__(self) -> None:
        self._hashes: list[str] = []
        self._open, self._left = self._start(), BLOCK_BYTES

    def update(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            part, rest = rest[: self._left], rest[self._left :]
            self._open.update(part)
            self._left -= len(part)
            if not self._left:
                self._hashes.append(self._open.hexdigest())
                self._open, self._left = self._start(), BLOCK_BYTES

    def finish(self) -> list[str]:
        """Return the hashes, the last one of a block that may be shorter."""
        return [*self._hashes, self._open.hexdigest()] if self._left < BLOCK_BYTES else self._hashes

    @staticmethod
    def _start() -> hashlib.blake2b:
        return hashlib.blake2b(digest_size=16)


class Writer:
    """Context manager that writes an entry image by image; without `commit`, the files are removed on exit.

    It uses plain writes, because on a full disk they raise OSError, while writing to a memory map kills the process.

    Args:
        fingerprint: name of the entry.
        shape: (C, H, W) of all images; None if their sizes differ.
    """

    def __init__(self, fingerprint: str, shape: tuple[int, int, int] | None) -> None:
        self._fingerprint = fingerprint
        self._shape = shape
        self._shapes: list[tuple[int, ...]] = []
        self._blocks = _BlockHashes()
        self._temporary = temporary_path(_folder(fingerprint), PART)
        self._open_files = ExitStack()

    def __enter__(self) -> Self:
        from filelock import FileLock

        folder = self._temporary.parent
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        with ExitStack() as stack:
            lock = self._temporary.with_suffix(LOCK)  # held for as long as this process lives: the folder is in use
            stack.callback(lock.unlink, missing_ok=True)
            stack.enter_context(FileLock(lock, timeout=0))
            stack.callback(shutil.rmtree, self._temporary, ignore_errors=True)
            self._temporary.mkdir()
            self._file: BinaryIO = stack.enter_context(create_exclusively(self._temporary / "images.npy"))
            self._file.write(bytes(_HEADER_BYTES))
            self._open_files = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._open_files.close()

    def append(self, image: Bytes) -> None:
        """Add one image (C, H, W)."""
        content = image.tobytes()
        self._file.write(content)
        self._shapes.append(image.shape)
        self._blocks.update(content)

    def commit(self, unreadable: tuple[int, ...]) -> Entry:
        """Publish the entry and open it.

        Raises:
            OSError: it cannot be written.
        """
        meta: dict[str, Any] = {"version": VERSION, "unreadable": unreadable, "hashes": self._blocks.finish()}
        if self._shape is None:
            shape: tuple[int, ...] = (sum(math.prod(shape) for shape in self._shapes),)
            meta |= {"channels": self._shapes[0][0], "sizes": [shape[1:] for shape in self._shapes]}
        else:
            shape = (len(self._shapes), *self._shape)
        self._file.seek(0)
        self._file.write(_npy_header(shape))
        _sync(self._file)
        self._file.close()
        with create_exclusively(self._temporary / "meta.json") as file:
            file.write(json.dumps({"shape": shape, **meta}).encode())
            _sync(file)
        sync_folder(self._temporary)
        folder = _folder(self._fingerprint)
        try:
            self._temporary.rename(folder)
        except OSError:  # the entry exists: another process wrote it meanwhile, or it is damaged
            if load(self._fingerprint) is None:
                discard(self._fingerprint)
                self._temporary.rename(folder)
        sync_folder(folder.parent)
        entry = load(self._fingerprint)
        if entry is None:
            raise OSError(f"{folder} cannot be read back")
        return entry


def _folder(fingerprint: str) -> Path:
    return cache_folder() / "packed" / fingerprint


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Return a header of fixed length, because the number of images is known only at the end."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + (_HEADER_BYTES - 10).to_bytes(2, "little") + text.ljust(_HEADER_BYTES - 11) + b"\n"


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _remove_abandoned(folder: Path) -> None:
    """Remove what processes have left that were killed while they wrote. What a living process writes stays."""
    from filelock import FileLock, Timeout

    for part in folder.glob(f".*{PART}"):
        lock = part.with_suffix(LOCK)
        with suppress(Timeout, OSError), FileLock(lock, timeout=0):
            shutil.rmtree(part, ignore_errors=True)
            lock.unlink(missing_ok=True)
    for removed in folder.glob(".*.removed"):
        shutil.rmtree(removed, ignore_errors=True)
