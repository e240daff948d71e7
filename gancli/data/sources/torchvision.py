"""Datasets downloaded, checked and unpacked by torchvision: one table, and one source for all of them."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gancli.data import pack
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.config import DownloadConfig
from gancli.errors import DataError
from gancli.io.files import cache_folder
from gancli.io.resize import Size
from gancli.io.types import Labels, Progress

_Options = Mapping[str, Any]

_DIGITS = tuple("0123456789")

_HASHED_IMAGES = 64  # images whose hash identifies the content of a dataset


@dataclass(frozen=True, kw_only=True)
class TorchvisionSet:
    """A dataset.

    Args:
        name: name of the torchvision class.
        train, test: options of the class for each part of the split; an empty `test` means that there are no splits.
        rest: parts used only by `split: all`.
        labels: names of the labels, or the attribute of the class with the names; None if there are no labels.
        size: (height, width) of all images; None if they differ.
        channels: number of channels of most images.
        address: address of the files.
    """

    name: str
    train: Sequence[_Options] = ({"split": "train"},)
    test: Sequence[_Options] = ({"split": "test"},)
    rest: Sequence[_Options] = ()
    labels: tuple[str, ...] | str | None = "classes"
    size: Size | None = None
    channels: int = 3
    address: str

    def parts(self, split: str, source: str) -> list[_Options]:
        """Return the options of each part of a split.

        Raises:
            DataError: `split` is test, and the dataset has no splits.
        """
        if split == "test" and not self.test:
            raise DataError(f"the source {source!r} has no test split; set data.split to train or all")
        return [*(self.train if split != "test" else ()), *(self.test if split != "train" else ())] + (
            list(self.rest) if split == "all" else []
        )


_NO_SPLITS: dict[str, Any] = {"train": ({},), "test": ()}

_TRAIN_FLAG: dict[str, Any] = {"train": ({"train": True},), "test": ({"train": False},)}

_VGG = "https://www.robots.ox.ac.uk/~vgg/data"

SETS = {
    "svhn": TorchvisionSet(
        name="SVHN", labels=_DIGITS, size=(32, 32), address="http://ufldl.stanford.edu/housenumbers"
    ),
    "usps": TorchvisionSet(
        name="USPS",
        **_TRAIN_FLAG,
        labels=_DIGITS,
        size=(16, 16),
        channels=1,
        address="https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps",
    ),
    "semeion": TorchvisionSet(
        name="SEMEION",
        **_NO_SPLITS,
        labels=_DIGITS,
        size=(16, 16),
        channels=1,
        address="http://archive.ics.uci.edu/ml/machine-learning-databases/semeion",
    ),
    "omniglot": TorchvisionSet(
        name="Omniglot",
        train=({"background": True},),
        test=({"background": False},),
        labels=None,
        size=(105, 105),
        channels=1,
        address="https://github.com/brendenlake/omniglot",
    ),
    "stl10": TorchvisionSet(name="STL10", size=(96, 96), address="http://ai.stanford.edu/~acoates/stl10"),
    "celeba": TorchvisionSet(
        name="CelebA",
        rest=({"split": "valid"},),
        labels=None,
        size=(218, 178),
        address="http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (all files, in a folder celeba, the images unzipped)",
    ),
    "eurosat": TorchvisionSet(
        name="EuroSAT", **_NO_SPLITS, size=(64, 64), address="https://huggingface.co/datasets/torchgeo/eurosat"
    ),
    "flowers102": TorchvisionSet(name="Flowers102", rest=({"split": "val"},), address=f"{_VGG}/flowers/102"),
    "food101": TorchvisionSet(name="Food101", address="http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz"),
    "dtd": TorchvisionSet(name="DTD", rest=({"split": "val"},), address=f"{_VGG}/dtd"),
    "gtsrb": TorchvisionSet(
        name="GTSRB", labels=tuple(str(number) for number in range(43)), address="https://benchmark.ini.rub.de"
    ),
    "oxford-iiit-pet": TorchvisionSet(name="OxfordIIITPet", train=({"split": "trainval"},), address=f"{_VGG}/pets"),
    "fgvc-aircraft": TorchvisionSet(
        name="FGVCAircraft", train=({"split": "trainval"},), address=f"{_VGG}/fgvc-aircraft"
    ),
    "country211": TorchvisionSet(
        name="Country211",
        rest=({"split": "valid"},),
        address="https://openaipublic.azureedge.net/clip/data/country211.tgz",
    ),
    "rendered-sst2": TorchvisionSet(
        name="RenderedSST2",
        rest=({"split": "val"},),
        size=(448, 448),
        address="https://openaipublic.azureedge.net/clip/data/rendered-sst2.tgz",
    ),
    "sun397": TorchvisionSet(
        name="SUN397", **_NO_SPLITS, address="http://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz"
    ),
    "caltech101": TorchvisionSet(
        name="Caltech101", **_NO_SPLITS, labels="categories", address="https://data.caltech.edu/records/20086"
    ),
    "caltech256": TorchvisionSet(
        name="Caltech256", **_NO_SPLITS, labels="categories", address="https://data.caltech.edu/records/20087"
    ),
    "imagenette": TorchvisionSet(
        name="Imagenette",
        test=({"split": "val"},),
        address="https://s3.amazonaws.com/fast-ai-imageclas/imagenette2.tgz",
    ),
}


class TorchvisionSource(Source[DownloadConfig]):
    """A dataset of the table. Images are decoded like those of a folder; different sizes need `data.resolution`."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack.pack(self._encoded(), self.config, progress)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return pack.summarize(self._encoded(), self.config, progress=progress)

    def _encoded(self) -> pack.EncodedImages:
        source, dataset = self.config.source, SETS[self.config.source]
        root = download_folder(source, self.config.root)
        parts = [
            build(dataset.name, source=source, root=root, files=f"it from {dataset.address}", download=True, **options)
            for options in dataset.parts(self.config.split, source)
        ]
        rows = [(part, row) for part in parts for row in range(len(part))]
        labels: Labels | None = None
        names: tuple[str, ...] = ()
        if dataset.labels is not None:
            labels = np.concatenate([_labels(part) for part in parts])
            entries = getattr(parts[0], dataset.labels) if isinstance(dataset.labels, str) else dataset.labels
            names = tuple(", ".join(name) if isinstance(name, tuple) else str(name) for name in entries)
        return pack.EncodedImages(
            count=len(rows),
            name=lambda row: f"image {rows[row][1]} of {source}",
            open=lambda row: _image(*rows[row]),
            labels=labels,
            label_names=names,
            identity=f"{source} {_content_hash(rows)}",
            size=dataset.size,
            channels=dataset.channels,
            remedy=f"download {source} again from {dataset.address}",
        )


def _image(part: Any, row: int) -> Image.Image:
    image: Image.Image = part[row][0]
    return image


def _labels(part: Any) -> Labels:
    """Return the label of every image. Its attribute differs by class; reading it image by image works for all."""
    for attribute in ("targets", "labels", "_labels", "y", "_samples"):
        values = getattr(part, attribute, None)
        if values is not None and len(values) == len(part):
            return np.array([value[1] if attribute == "_samples" else value for value in values], dtype=np.int64)
    return np.array([part[row][1] for row in range(len(part))], dtype=np.int64)


def _content_hash(rows: Sequence[tuple[Any, int]]) -> str:
    """Hash the number of images and some of them, to detect other content without decoding all images."""
    digest = hashlib.sha256(str(len(rows)).encode())
    for index in np.linspace(0, len(rows) - 1, min(_HASHED_IMAGES, len(rows))).astype(int):
        try:
            digest.update(np.asarray(_image(*rows[index])).tobytes())
        except Exception:  # unreadable images are reported when all are read
            digest.update(b"unreadable")
    return digest.hexdigest()


_TIMEOUT = 30.0  # seconds without a response; torchvision itself has no timeout


def download_folder(source: str, root: Path | None) -> Path:
    """Return the folder of a source's files and downloads: `data.root`, or a folder of the cache."""
    return root or cache_folder() / "downloads" / source


def build(name: str, *, source: str, root: Path, files: str, **options: Any) -> Any:
    """Create a dataset of the torchvision class `name`.

    Args:
        name: name of the class.
        source: name of the source, for the error.
        root: folder of the files and downloads.
        files: files to add by hand, for the error.
        options: arguments of the class; `download=True` downloads missing files.

    Raises:
        DataError: it failed for any reason.
    """
    import torchvision.datasets

    new_folders = [folder for folder in (root / name, root) if not folder.exists()]  # MNIST has a folder of its own
    try:
        if options.get("download"):
            root.mkdir(parents=True, exist_ok=True)
        with _redirected():
            return getattr(torchvision.datasets, name)(str(root), **options)
    except Exception as error:  # torchvision raises many types for network, archives and missing packages
        for folder in new_folders:
            _remove_empty(folder)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        verb = "downloaded" if options.get("download") else "read"
        raise DataError(
            f"the source {source!r} could not be {verb} ({reason[:200]}): download {files} and put it into "
            f"{root}, or set data.root to its folder"
        ) from error


def _remove_empty(folder: Path) -> None:
    """Remove the empty folders of a failed download."""
    for path in sorted((*folder.rglob("*"), folder), reverse=True):
        with contextlib.suppress(OSError):
            path.rmdir()


@contextlib.contextmanager
def _redirected() -> Iterator[None]:
    """Send torchvision's output to stderr, because stdout is for results, and set a timeout for its sockets."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        socket.setdefaulttimeout(before)
