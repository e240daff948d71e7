"""LSUN: scenes as LMDB folders of JPEG and WebP files, which its authors' script downloads (fyu/lsun on GitHub).

torchvision's class for it is not used: it unpickles a file that it finds in the working directory.
"""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gancli.data import pack
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.config import LsunConfig
from gancli.errors import DataError
from gancli.io import decode
from gancli.io.types import Progress

_ENDINGS = {"train": ("_train_lmdb",), "test": ("_val_lmdb",), "all": ("_train_lmdb", "_val_lmdb")}


class LsunSource(Source[LsunConfig]):
    """Labels are the scenes. Test is what LSUN calls validation; its own test images have no labels."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack.pack(self._pictures(), self.config, progress)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return pack.survey(self._pictures(), self.config.source, progress=progress)

    def _pictures(self) -> pack.Pictures:
        databases = self._databases()
        scenes = tuple(sorted({scene for scene, _ in databases}))
        opened = [_opened(folder) for _, folder in databases]
        entries = [(number, key) for number, (_, keys) in enumerate(opened) for key in keys]
        numbers = np.array([scenes.index(scene) for scene, _ in databases], dtype=np.int64)
        identity = [(folder.name, (folder / "data.mdb").stat().st_size) for _, folder in databases]

        def open_entry(row: int) -> Image.Image:
            number, key = entries[row]
            with opened[number][0].begin() as transaction:
                return decode.open_image(io.BytesIO(transaction.get(key)))

        return pack.Pictures(
            count=len(entries),
            name=lambda row: f"{databases[entries[row][0]][1]}: {entries[row][1].decode(errors='replace')}",
            open=open_entry,
            labels=numbers[np.array([number for number, _ in entries], dtype=np.int64)],
            label_names=scenes,
            identity=f"lsun {identity}",
            size=None,
            channels=3,
            remedy="fetch that scene again",
        )

    def _databases(self) -> list[tuple[str, Path]]:
        """(scene, folder) of those that the recipe's split and classes ask for: listing all of LSUN takes minutes."""
        wanted = self.config.classes
        found = [
            (folder.name.removesuffix(ending), folder)
            for ending in _ENDINGS[self.config.split]
            for folder in sorted(self.config.root.glob(f"*{ending}"))
        ]
        if not found:
            raise DataError(
                f"{self.config.root} holds no folders such as bedroom{_ENDINGS[self.config.split][0]}; fetch and unzip "
                "scenes with the download script of github.com/fyu/lsun, and set data.root to where they lie"
            )
        chosen = [(scene, folder) for scene, folder in found if wanted is not None and scene in wanted]
        return chosen if wanted is not None and len({scene for scene, _ in chosen}) == len(set(wanted)) else found


def _opened(folder: Path) -> tuple[Any, list[bytes]]:
    try:
        lmdb = importlib.import_module("lmdb")
    except ImportError as error:
        raise DataError("the source 'lsun' needs the package lmdb: pip install lmdb") from error
    try:
        environment = lmdb.open(str(folder), max_readers=64, readonly=True, lock=False, readahead=False, meminit=False)
        with environment.begin() as transaction:
            return environment, list(transaction.cursor().iternext(keys=True, values=False))
    except lmdb.Error as error:
        raise DataError(f"{folder} is no sound LMDB folder ({error}); fetch it again") from error
