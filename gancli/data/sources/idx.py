"""MNIST and the sets in its format: idx files, gzipped or not, read here; where missing, torchvision downloads them."""

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

_MAX_BYTES = 1 << 31  # of one file; EMNIST byclass has 0.5 GB

_DIGITS = tuple(string.digits)

_SHARED = set("cijklmopsuvwxyz")  # letters that EMNIST's merged sets do not tell from their capitals


@dataclass(frozen=True)
class _IdxSet:
    """One set: its torchvision class (also the name of its folder), labels, file names, and where to get it.

    Args:
        prefix: of the file names; EMNIST's has the variant's place.
        test: the word for the test files.
        first_label: the number that the files give to the first label.
        sideways: rows and columns of the files are exchanged.
    """

    name: str
    labels: tuple[str, ...]
    address: str
    prefix: str = ""
    test: str = "t10k"
    first_label: int = 0
    sideways: bool = False


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
    "bymerge": _DIGITS + tuple(string.ascii_uppercase + "".join(c for c in string.ascii_lowercase if c not in _SHARED)),
    "balanced": _DIGITS
    + tuple(string.ascii_uppercase + "".join(c for c in string.ascii_lowercase if c not in _SHARED)),
    "letters": tuple(string.ascii_lowercase),
    "digits": _DIGITS,
    "mnist": _DIGITS,
}


class IdxSource(Source[DownloadConfig]):
    """One of the sets above; `all` is train, then test. Files lie in `data.root`, or as torchvision lays them."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack_arrays(self._arrays(), self.config)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return survey_arrays(self._arrays(), self.config.source)

    def _arrays(self) -> Arrays:
        which = self._set()
        parts = ["train", which.test] if self.config.split == "all" else [self._part(which)]
        names = [f"{which.prefix}{part}-{kind}-ubyte" for part in parts for kind in ("images-idx3", "labels-idx1")]
        contents = [read_idx(path) for path in self._paths(which, names)]
        for images, labels, name in zip(contents[::2], contents[1::2], names[::2], strict=True):
            if images.ndim != 3 or labels.shape != images.shape[:1]:
                raise DataError(f"{name} and its labels do not belong together; fetch both again from {which.address}")
        pixels, numbers = (
            np.concatenate(contents[::2]),
            np.concatenate(contents[1::2]).astype(np.int64) - which.first_label,
        )
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(which.labels):
            raise DataError(
                f"{names[1]} holds labels outside 0..{len(which.labels) - 1}; fetch it again from {which.address}"
            )
        return Arrays((pixels.swapaxes(1, 2) if which.sideways else pixels)[:, None], numbers, which.labels)

    def _set(self) -> _IdxSet:
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
            sideways=True,
        )

    def _part(self, which: _IdxSet) -> str:
        return "train" if self.config.split == "train" else which.test

    def _paths(self, which: _IdxSet, names: list[str]) -> list[Path]:
        root = download_folder(self.config.source, self.config.root)
        found = _find(root, which, names)
        if found is None:
            options = {"split": self.config.variant} if isinstance(self.config, EmnistConfig) else {}
            files = f"{', '.join(name + '.gz' for name in names)} from {which.address}"
            build(which.name, source=self.config.source, root=root, files=files, download=True, **options)
            found = _find(root, which, names)
        if found is None:
            raise DataError(
                f"{root} still lacks {' or '.join(names)} after the download; put them there, gzipped or not"
            )
        return found


def read_idx(path: Path) -> Bytes:
    """The array of bytes in an idx file.

    Raises:
        DataError: the file cannot be read, is damaged, or is no idx file of bytes.
    """
    try:
        with _opened(path) as file:
            magic = file.read(4)
            if len(magic) < 4 or magic[:3] != b"\0\0\x08" or not 1 <= magic[3] <= 3:
                raise ValueError("it does not begin as an idx file of bytes does")
            shape = np.frombuffer(file.read(4 * magic[3]), dtype=">u4").tolist()
            expected = math.prod(shape)
            if len(shape) < magic[3] or expected > _MAX_BYTES:
                raise ValueError("its header is cut short, or announces more than 2 GB")
            content = file.read(expected + 1)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path} is damaged or unreadable ({error}); fetch it again") from error
    if len(content) != expected:
        word = "more" if len(content) > expected else "fewer"
        raise DataError(f"{path} is damaged: it holds {word} than the {expected} bytes it announces; fetch it again")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _find(root: Path, which: _IdxSet, names: list[str]) -> list[Path] | None:
    """The files, all in one of the folders where they may lie, plain ones first; some spell them with a dot."""
    for folder in (root, root / which.name / "raw", root / "raw", root / which.name):
        spellings = [
            [name, f"{name}.gz", name.replace("-idx", ".idx"), f"{name.replace('-idx', '.idx')}.gz"] for name in names
        ]
        paths = [[folder / name for name in group if (folder / name).is_file()] for group in spellings]
        if all(paths):
            return [group[0] for group in paths]
    return None
