"""CIFAR-10 and CIFAR-100: the binary version is read here, the Python version is downloaded and read by torchvision.

The Python version consists of pickles. Only torchvision opens them, after checking their published MD5 sums.
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
    """A dataset: torchvision class; folder, files and label bytes per record of the binary version; label names."""

    name: str
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    label_bytes: int  # the last one is used: CIFAR-100 has the coarse label first
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
    """RGB images of 32x32. `all` is train, then test."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack_arrays(self._arrays(), self.config)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return survey_arrays(self._arrays(), self.config.source)

    def _arrays(self) -> Arrays:
        dataset = _SETS[self.config.source]
        root = download_folder(self.config.source, self.config.root)
        for folder in (root, root / dataset.folder):
            if any((folder / name).is_file() for name in dataset.train + dataset.test):
                return self._from_binary(dataset, folder)
        return self._from_torchvision(dataset, root)

    def _from_binary(self, dataset: _CifarSet, folder: Path) -> Arrays:
        files = {"train": dataset.train, "test": dataset.test, "all": dataset.train + dataset.test}[self.config.split]
        records = np.concatenate([_records(folder / name, dataset) for name in files])
        names = _CIFAR10_LABELS if dataset.label_bytes == 1 else _label_names(folder / dataset.names_file)
        labels = records[:, dataset.label_bytes - 1].astype(np.int64)
        if labels.max() >= len(names):
            raise DataError(
                f"{folder} is damaged: a label is outside 0..{len(names) - 1}; download {dataset.address} again"
            )
        return Arrays(records[:, dataset.label_bytes :].reshape(-1, 3, 32, 32), labels, names)

    def _from_torchvision(self, dataset: _CifarSet, root: Path) -> Arrays:
        parts = {"train": (True,), "test": (False,), "all": (True, False)}[self.config.split]
        files = f"{dataset.folder} from {dataset.address}"
        sets = [
            build(dataset.name, source=self.config.source, root=root, files=files, train=train, download=True)
            for train in parts
        ]
        images = np.concatenate([np.asarray(part.data, dtype=np.uint8) for part in sets]).transpose(0, 3, 1, 2)
        labels = np.concatenate([np.asarray(part.targets, dtype=np.int64) for part in sets])
        return Arrays(np.ascontiguousarray(images), labels, tuple(sets[0].classes))


def _records(path: Path, dataset: _CifarSet) -> Bytes:
    """Return the records (N, label bytes + 3,072) of a binary file."""
    size = dataset.label_bytes + _PIXELS
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); extract all files of {dataset.address} there"
        ) from error
    if not content or len(content) % size:
        raise DataError(
            f"{path} is damaged: {len(content)} bytes are not a multiple of {size}; download {dataset.address} again"
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, size)


def _label_names(path: Path) -> tuple[str, ...]:
    try:
        return tuple(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read; add it next to the .bin files") from error
