"""Cache of packed images: memory-mapped `.npy` files by fingerprint, so that a folder is decoded once.

An entry is a folder with `images.npy` and `meta.json`. It is written under a temporary name, synced and renamed, so
visible entries are complete. Damaged entries are ignored and written again.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from gancli.data.variable_size import VariableSizeImages
from gancli.io.files import cache_folder
from gancli.io.types import Bytes

_HEADER_BYTES = 128

_DAY = 24 * 3600  # seconds


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
    """Return the entry; None if it is missing or damaged."""
    folder = _folder(fingerprint)
    try:
        meta = json.loads((folder / "meta.json").read_text())
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        valid = list(images.shape) == meta["shape"] and images.dtype == np.uint8
        variable_size = None
        if sizes := meta.get("sizes"):
            variable_size = VariableSizeImages(images, np.array(sizes, dtype=np.int64), int(meta["channels"]))
            valid = valid and len(images) == variable_size.channels * variable_size.sizes.prod(1).sum()
        return Entry(images, tuple(int(row) for row in meta["unreadable"]), variable_size) if valid else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def discard(fingerprint: str) -> None:
    """Remove an entry if it exists."""
    shutil.rmtree(_folder(fingerprint), ignore_errors=True)


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
        self._temporary = _folder(fingerprint).with_name(f".{fingerprint}.{os.getpid()}.part")

    def __enter__(self) -> Self:
        self._temporary.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(self._temporary.parent)
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir()
        self._file: BinaryIO = open(self._temporary / "images.npy", "wb")
        self._file.write(bytes(_HEADER_BYTES))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            self._file.close()
        finally:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def append(self, image: Bytes) -> None:
        """Add one image (C, H, W)."""
        self._file.write(image.tobytes())
        self._shapes.append(image.shape)

    def commit(self, unreadable: tuple[int, ...]) -> Entry:
        """Publish the entry and open it.

        Raises:
            OSError: it cannot be written.
        """
        meta: dict[str, Any] = {"unreadable": unreadable}
        if self._shape is None:
            shape: tuple[int, ...] = (sum(math.prod(shape) for shape in self._shapes),)
            meta |= {"channels": self._shapes[0][0], "sizes": [shape[1:] for shape in self._shapes]}
        else:
            shape = (len(self._shapes), *self._shape)
        self._file.seek(0)
        self._file.write(_npy_header(shape))
        _sync(self._file)
        self._file.close()
        with open(self._temporary / "meta.json", "wb") as file:
            file.write(json.dumps({"shape": shape, **meta}).encode())
            _sync(file)
        folder = _folder(self._fingerprint)
        try:
            self._temporary.rename(folder)
        except OSError:  # the entry exists: another process wrote it meanwhile, or it is damaged
            if load(self._fingerprint) is None:
                shutil.rmtree(folder)
                self._temporary.rename(folder)
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
    """Remove temporary folders of killed processes that are older than a day."""
    for part in folder.glob(".*.part"):
        if time.time() - part.stat().st_mtime > _DAY:
            shutil.rmtree(part, ignore_errors=True)
