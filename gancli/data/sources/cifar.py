"""CIFAR-10 and CIFAR-100: the binary version is read here; otherwise torchvision downloads and checks its own.

The Python version of these sets is made of pickles. They are opened by torchvision alone, after it has compared their
MD5 sums with the published ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.arrays import Arrays, pack_arrays, survey_arrays
from gancli.data.sources.config import DownloadConfig
from gancli.data.sources.torchvision import build, download_folder
from gancli.errors import DataError
from gancli.io.types import Bytes, Progress

_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class _CifarSet:
    """One set: torchvision's class, and the binary version's folder, files, label bytes a record, and label names."""

    name: str
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    label_bytes: int  # the last one counts: CIFAR-100 gives the coarse label first
    names_file: str
    address: str


_SETS = {
    "cifar10": _CifarSet(
        "CIFAR10",
        "cifar-10-batches-bin",
        tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        ("test_batch.bin",),
        1,
        "batches.meta.txt",
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    ),
    "cifar100": _CifarSet(
        "CIFAR100",
        "cifar-100-binary",
        ("train.bin",),
        ("test.bin",),
        2,
        "fine_label_names.txt",
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    ),
}

_CIFAR10_LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class CifarSource(Source[DownloadConfig]):
    """Colour images of 32x32. `all` is train, then test."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack_arrays(self._arrays(), self.config)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return survey_arrays(self._arrays(), self.config.source)

    def _arrays(self) -> Arrays:
        which = _SETS[self.config.source]
        root = download_folder(self.config.source, self.config.root)
        for folder in (root, root / which.folder):
            if any((folder / name).is_file() for name in which.train + which.test):
                return self._from_binary(which, folder)
        return self._from_torchvision(which, root)

    def _from_binary(self, which: _CifarSet, folder: Path) -> Arrays:
        files = {"train": which.train, "test": which.test, "all": which.train + which.test}[self.config.split]
        records = np.concatenate([_records(folder / name, which) for name in files])
        names = _CIFAR10_LABELS if which.label_bytes == 1 else _label_names(folder / which.names_file)
        labels = records[:, which.label_bytes - 1].astype(np.int64)
        if labels.max() >= len(names):
            raise DataError(f"{folder} is damaged: a label is outside 0..{len(names) - 1}; fetch {which.address} again")
        return Arrays(records[:, which.label_bytes :].reshape(-1, 3, 32, 32), labels, names)

    def _from_torchvision(self, which: _CifarSet, root: Path) -> Arrays:
        parts = {"train": (True,), "test": (False,), "all": (True, False)}[self.config.split]
        files = f"{which.folder} from {which.address}"
        sets = [
            build(which.name, source=self.config.source, root=root, files=files, train=train, download=True)
            for train in parts
        ]
        images = np.concatenate([np.asarray(part.data, dtype=np.uint8) for part in sets]).transpose(0, 3, 1, 2)
        labels = np.concatenate([np.asarray(part.targets, dtype=np.int64) for part in sets])
        return Arrays(np.ascontiguousarray(images), labels, tuple(sets[0].classes))


def _records(path: Path, which: _CifarSet) -> Bytes:
    """The records (N, label bytes + 3,072) of one binary file."""
    size = which.label_bytes + _PIXELS
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); unpack all of {which.address} there") from error
    if not content or len(content) % size:
        raise DataError(
            f"{path} is damaged: its {len(content)} bytes are no records of {size}; fetch {which.address} again"
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, size)


def _label_names(path: Path) -> tuple[str, ...]:
    try:
        return tuple(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read; put it beside the .bin files") from error
