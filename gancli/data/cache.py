"""Packed images on disk, so that a folder is decoded once: a `.npy` file to map into memory, named by its fingerprint.

An entry is a folder of `images.npy` and `meta.json`, written beside its place, fsynced and renamed: an entry that can
be seen is complete. An entry that is damaged all the same is not used, and is written again.
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

from gancli.data.ragged import VariableSizeImages
from gancli.io.cache_folder import cache_folder
from gancli.io.types import Bytes

_HEADER_BYTES = 128

_DAY = 24 * 3600


@dataclass(frozen=True)
class Entry:
    """A packed set.

    Args:
        images: (N, C, H, W), read-only and mapped; of many sizes, those of `ragged` one after the other.
        unreadable: the positions of those that could not be read.
        ragged: the images, where they are of many sizes.
    """

    images: Bytes
    unreadable: tuple[int, ...]
    ragged: VariableSizeImages | None = None


def load(fingerprint: str) -> Entry | None:
    """The entry, or None where there is no sound one."""
    place = _place(fingerprint)
    try:
        meta = json.loads((place / "meta.json").read_text())
        images = np.load(place / "images.npy", mmap_mode="r", allow_pickle=False)
        sound = list(images.shape) == meta["shape"] and images.dtype == np.uint8
        ragged = None
        if sizes := meta.get("sizes"):
            ragged = VariableSizeImages(images, np.array(sizes, dtype=np.int64), int(meta["channels"]))
            sound = sound and len(images) == ragged.channels * ragged.sizes.prod(1).sum()
        return Entry(images, tuple(int(row) for row in meta["unreadable"]), ragged) if sound else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def discard(fingerprint: str) -> None:
    """Removes an entry, if there is one."""
    shutil.rmtree(_place(fingerprint), ignore_errors=True)


class Writer:
    """Writes an entry image by image; left without `commit`, it leaves nothing behind.

    Plain writes, not a map: a full disk raises OSError here, where it would kill the process through a map.

    Args:
        fingerprint: names the entry.
        shape: (C, H, W) of every image; None: their sizes differ.
    """

    def __init__(self, fingerprint: str, shape: tuple[int, int, int] | None) -> None:
        self._fingerprint = fingerprint
        self._shape = shape
        self._shapes: list[tuple[int, ...]] = []
        self._folder = _place(fingerprint).with_name(f".{fingerprint}.{os.getpid()}.part")

    def __enter__(self) -> Self:
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(self._folder.parent)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        self._file: BinaryIO = open(self._folder / "images.npy", "wb")
        self._file.write(bytes(_HEADER_BYTES))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            self._file.close()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def append(self, image: Bytes) -> None:
        """Adds one image (C, H, W)."""
        self._file.write(image.tobytes())
        self._shapes.append(image.shape)

    def commit(self, unreadable: tuple[int, ...]) -> Entry:
        """Makes the entry visible and opens it.

        Raises:
            OSError: the disk refuses.
        """
        meta: dict[str, Any] = {"unreadable": unreadable}
        if self._shape is None:
            shape: tuple[int, ...] = (sum(math.prod(each) for each in self._shapes),)
            meta |= {"channels": self._shapes[0][0], "sizes": [each[1:] for each in self._shapes]}
        else:
            shape = (len(self._shapes), *self._shape)
        self._file.seek(0)
        self._file.write(_npy_header(shape))
        _sync(self._file)
        self._file.close()
        with open(self._folder / "meta.json", "wb") as file:
            file.write(json.dumps({"shape": shape, **meta}).encode())
            _sync(file)
        place = _place(self._fingerprint)
        try:
            self._folder.rename(place)
        except OSError:  # there is one already: another process was faster, or it is damaged
            if load(self._fingerprint) is None:
                shutil.rmtree(place)
                self._folder.rename(place)
        entry = load(self._fingerprint)
        if entry is None:
            raise OSError(f"{place} cannot be read back")
        return entry


def _place(fingerprint: str) -> Path:
    return cache_folder() / "packed" / fingerprint


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Of one length whatever the shape, as the number of images is known only at the end."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + (_HEADER_BYTES - 10).to_bytes(2, "little") + text.ljust(_HEADER_BYTES - 11) + b"\n"


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _remove_abandoned(folder: Path) -> None:
    """What killed processes left behind, a day or more ago."""
    for part in folder.glob(".*.part"):
        if time.time() - part.stat().st_mtime > _DAY:
            shutil.rmtree(part, ignore_errors=True)
