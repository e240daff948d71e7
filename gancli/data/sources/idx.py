"""MNIST and datasets in its format: idx files, gzipped or not. Missing files are downloaded by torchvision."""

from __future__ import annotations

import gzip
import math
import string
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.arrays import Arrays, pack_arrays, survey_arrays
from gancli.data.sources.config import DownloadConfig, EmnistConfig
from gancli.data.sources.torchvision import build, download_folder
from gancli.errors import DataError
from gancli.io.types import Bytes, Progress

_MAX_BYTES = 1 << 31  # limit for one file; EMNIST byclass has 0.5 GB

_DIGITS = tuple(string.digits)

_MERGED = set("cijklmopsuvwxyz")  # letters that EMNIST's merged sets combine with their capitals


@dataclass(frozen=True)
class _IdxSet:
    """A dataset in idx format.

    Args:
        name: torchvision class, which is also the name of its folder.
        labels: names of the labels.
        address: address of the files.
        prefix: prefix of the file names.
        test: name of the test split in file names.
        first_label: number of the first label in the files.
        transposed: True if rows and columns of the images are swapped in the files.
    """

    name: str
    labels: tuple[str, ...]
    address: str
    prefix: str = ""
    test: str = "t10k"
    first_label: int = 0
    transposed: bool = False


_SETS = {
    "mnist": _IdxSet("MNIST", _DIGITS, "https://ossci-datasets.s3.amazonaws.com/mnist/"),
    "fashion-mnist": _IdxSet(
        "FashionMNIST",
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    "kmnist": _IdxSet(
        "KMNIST", ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"), "http://codh.rois.ac.jp/kmnist/"
    ),
}

_EMNIST_LABELS = {
    "byclass": _DIGITS + tuple(string.ascii_uppercase + string.ascii_lowercase),
    "bymerge": _DIGITS + tuple(string.ascii_uppercase + "".join(c for c in string.ascii_lowercase if c not in _MERGED)),
    "balanced": _DIGITS
    + tuple(string.ascii_uppercase + "".join(c for c in string.ascii_lowercase if c not in _MERGED)),
    "letters": tuple(string.ascii_lowercase),
    "digits": _DIGITS,
    "mnist": _DIGITS,
}


class IdxSource(Source[DownloadConfig]):
    """One of the datasets above; `all` is train, then test. The files are in `data.root` or in torchvision's layout."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack_arrays(self._arrays(), self.config)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return survey_arrays(self._arrays(), self.config.source)

    def _arrays(self) -> Arrays:
        dataset = self._dataset()
        parts = ["train", dataset.test] if self.config.split == "all" else [self._part(dataset)]
        names = [f"{dataset.prefix}{part}-{kind}-ubyte" for part in parts for kind in ("images-idx3", "labels-idx1")]
        contents = [read_idx(path) for path in self._paths(dataset, names)]
        for images, labels, name in zip(contents[::2], contents[1::2], names[::2], strict=True):
            if images.ndim != 3 or labels.shape != images.shape[:1]:
                raise DataError(f"{name} and its labels do not match; download both again from {dataset.address}")
        pixels, numbers = (
            np.concatenate(contents[::2]),
            np.concatenate(contents[1::2]).astype(np.int64) - dataset.first_label,
        )
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(dataset.labels):
            raise DataError(
                f"{names[1]} has labels outside 0..{len(dataset.labels) - 1}; download it again from {dataset.address}"
            )
        return Arrays((pixels.swapaxes(1, 2) if dataset.transposed else pixels)[:, None], numbers, dataset.labels)

    def _dataset(self) -> _IdxSet:
        if not isinstance(self.config, EmnistConfig):
            return _SETS[self.config.source]
        variant = self.config.variant
        return _IdxSet(
            "EMNIST",
            _EMNIST_LABELS[variant],
            "https://www.nist.gov/itl/products-and-services/emnist-dataset",
            prefix=f"emnist-{variant}-",
            test="test",
            first_label=1 if variant == "letters" else 0,
            transposed=True,
        )

    def _part(self, dataset: _IdxSet) -> str:
        return "train" if self.config.split == "train" else dataset.test

    def _paths(self, dataset: _IdxSet, names: list[str]) -> list[Path]:
        root = download_folder(self.config.source, self.config.root)
        paths = _find(root, dataset, names)
        if paths is None:
            options = {"split": self.config.variant} if isinstance(self.config, EmnistConfig) else {}
            files = f"{', '.join(name + '.gz' for name in names)} from {dataset.address}"
            build(dataset.name, source=self.config.source, root=root, files=files, download=True, **options)
            paths = _find(root, dataset, names)
        if paths is None:
            raise DataError(
                f"{root} still lacks {' or '.join(names)} after the download; add the files, gzipped or not"
            )
        return paths


def read_idx(path: Path) -> Bytes:
    """Read the array of bytes in an idx file.

    Raises:
        DataError: the file cannot be read, is damaged, or is not an idx file of bytes.
    """
    try:
        with _open(path) as file:
            magic = file.read(4)
            if len(magic) < 4 or magic[:3] != b"\0\0\x08" or not 1 <= magic[3] <= 3:
                raise ValueError("it has no header of an idx file of bytes")
            shape = np.frombuffer(file.read(4 * magic[3]), dtype=">u4").tolist()
            expected = math.prod(shape)
            if len(shape) < magic[3] or expected > _MAX_BYTES:
                raise ValueError("its header is incomplete, or declares more than 2 GB")
            content = file.read(expected + 1)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path} is damaged or unreadable ({error}); download it again") from error
    if len(content) != expected:
        word = "more" if len(content) > expected else "fewer"
        raise DataError(
            f"{path} is damaged: it has {word} bytes than the {expected} that its header declares; download it again"
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _find(root: Path, dataset: _IdxSet, names: list[str]) -> list[Path] | None:
    """Return the files if all are in one of the possible folders: uncompressed first; some copies use a dot."""
    for folder in (root, root / dataset.name / "raw", root / "raw", root / dataset.name):
        variants = [
            [name, f"{name}.gz", name.replace("-idx", ".idx"), f"{name.replace('-idx', '.idx')}.gz"] for name in names
        ]
        paths = [[folder / name for name in group if (folder / name).is_file()] for group in variants]
        if all(paths):
            return [group[0] for group in paths]
    return None
