"""LSUN: LMDB folders of JPEG and WebP images, one per scene, downloaded by its authors' script (fyu/lsun on GitHub).

torchvision's class is not used, because it unpickles a file in the working directory.
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

_SUFFIXES = {"train": ("_train_lmdb",), "test": ("_val_lmdb",), "all": ("_train_lmdb", "_val_lmdb")}


class LsunSource(Source[LsunConfig]):
    """Labels are the scenes. The test split is LSUN's validation split, because its test images have no labels."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack.pack(self._encoded(), self.config, progress)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return pack.summarize(self._encoded(), self.config, progress=progress)

    def _encoded(self) -> pack.EncodedImages:
        databases = self._databases()
        scenes = tuple(sorted({scene for scene, _ in databases}))
        environments = [_open(folder) for _, folder in databases]
        entries = [(number, key) for number, (_, keys) in enumerate(environments) for key in keys]
        numbers = np.array([scenes.index(scene) for scene, _ in databases], dtype=np.int64)
        identity = [(folder.name, (folder / "data.mdb").stat().st_size) for _, folder in databases]

        def open_entry(row: int) -> Image.Image:
            number, key = entries[row]
            with environments[number][0].begin() as transaction:
                return decode.open_image(io.BytesIO(transaction.get(key)))

        return pack.EncodedImages(
            count=len(entries),
            name=lambda row: f"{databases[entries[row][0]][1]}: {entries[row][1].decode(errors='replace')}",
            open=open_entry,
            labels=numbers[np.array([number for number, _ in entries], dtype=np.int64)],
            label_names=scenes,
            identity=f"lsun {identity}",
            size=None,
            channels=3,
            remedy="download that scene again",
        )

    def _databases(self) -> list[tuple[str, Path]]:
        """Return (scene, folder) of the split and classes of the recipe; listing all of LSUN would take minutes."""
        classes = self.config.classes
        databases = [
            (folder.name.removesuffix(suffix), folder)
            for suffix in _SUFFIXES[self.config.split]
            for folder in sorted(self.config.root.glob(f"*{suffix}"))
        ]
        if not databases:
            raise DataError(
                f"{self.config.root} has no folders such as bedroom{_SUFFIXES[self.config.split][0]}; download and "
                "unzip scenes with the script of github.com/fyu/lsun, and set data.root to their folder"
            )
        selected = [(scene, folder) for scene, folder in databases if classes is not None and scene in classes]
        if classes is not None and len({scene for scene, _ in selected}) == len(set(classes)):
            return selected
        return databases


def _open(folder: Path) -> tuple[Any, list[bytes]]:
    try:
        lmdb = importlib.import_module("lmdb")
    except ImportError as error:
        raise DataError("the source 'lsun' needs the package lmdb: pip install lmdb") from error
    try:
        environment = lmdb.open(str(folder), max_readers=64, readonly=True, lock=False, readahead=False, meminit=False)
        with environment.begin() as transaction:
            return environment, list(transaction.cursor().iternext(keys=True, values=False))
    except lmdb.Error as error:
        raise DataError(f"{folder} is not a valid LMDB folder ({error}); download it again") from error
