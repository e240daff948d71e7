"""Data sets that torchvision downloads, checks and unpacks: one table, and one source for all of them."""

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
from gancli.io.cache_folder import cache_folder
from gancli.io.resize import Size
from gancli.io.types import Labels, Progress

_Options = Mapping[str, Any]

_DIGITS = tuple("0123456789")

_SAMPLES = 64  # images that stand for the content of a set


@dataclass(frozen=True, kw_only=True)
class TorchvisionSet:
    """One data set.

    Args:
        name: of torchvision's class.
        train, test: options of the class for each part of the split; without test, the set is not divided.
        rest: parts that only `split: all` takes.
        labels: their names; or the attribute that has them; or None where there are no labels.
        size: (height, width) that all images have, or None.
        channels: of most images.
        address: where the files are.
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
        """The options of each object that makes up a split.

        Raises:
            DataError: the set is not divided and `split` is test.
        """
        if split == "test" and not self.test:
            raise DataError(f"the source {source!r} has no test split; set data.split to train or all")
        return [*(self.train if split != "test" else ()), *(self.test if split != "train" else ())] + (
            list(self.rest) if split == "all" else []
        )


_WHOLE: dict[str, Any] = {"train": ({},), "test": ()}

_BY_FLAG: dict[str, Any] = {"train": ({"train": True},), "test": ({"train": False},)}

_VGG = "https://www.robots.ox.ac.uk/~vgg/data"

SETS = {
    "svhn": TorchvisionSet(
        name="SVHN", labels=_DIGITS, size=(32, 32), address="http://ufldl.stanford.edu/housenumbers"
    ),
    "usps": TorchvisionSet(
        name="USPS",
        **_BY_FLAG,
        labels=_DIGITS,
        size=(16, 16),
        channels=1,
        address="https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps",
    ),
    "semeion": TorchvisionSet(
        name="SEMEION",
        **_WHOLE,
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
        name="EuroSAT", **_WHOLE, size=(64, 64), address="https://huggingface.co/datasets/torchgeo/eurosat"
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
        name="SUN397", **_WHOLE, address="http://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz"
    ),
    "caltech101": TorchvisionSet(
        name="Caltech101", **_WHOLE, labels="categories", address="https://data.caltech.edu/records/20086"
    ),
    "caltech256": TorchvisionSet(
        name="Caltech256", **_WHOLE, labels="categories", address="https://data.caltech.edu/records/20087"
    ),
    "imagenette": TorchvisionSet(
        name="Imagenette",
        test=({"split": "val"},),
        address="https://s3.amazonaws.com/fast-ai-imageclas/imagenette2.tgz",
    ),
}


class TorchvisionSource(Source[DownloadConfig]):
    """A set of the table. Its images are decoded as a folder's are; sets of many sizes need `data.resolution`."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack.pack(self._pictures(), self.config, progress)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return pack.survey(self._pictures(), self.config.source, progress=progress)

    def _pictures(self) -> pack.Pictures:
        source, which = self.config.source, SETS[self.config.source]
        root = download_folder(source, self.config.root)
        parts = [
            build(which.name, source=source, root=root, files=f"it from {which.address}", download=True, **options)
            for options in which.parts(self.config.split, source)
        ]
        rows = [(part, row) for part in parts for row in range(len(part))]
        labels: Labels | None = None
        names: tuple[str, ...] = ()
        if which.labels is not None:
            labels = np.concatenate([_labels(part) for part in parts])
            found = getattr(parts[0], which.labels) if isinstance(which.labels, str) else which.labels
            names = tuple(", ".join(name) if isinstance(name, tuple) else str(name) for name in found)
        return pack.Pictures(
            count=len(rows),
            name=lambda row: f"image {rows[row][1]} of {source}",
            open=lambda row: _image(*rows[row]),
            labels=labels,
            label_names=names,
            identity=f"{source} {_sampled(rows)}",
            size=which.size,
            channels=which.channels,
            remedy=f"fetch {source} again from {which.address}",
        )


def _image(part: Any, row: int) -> Image.Image:
    image: Image.Image = part[row][0]
    return image


def _labels(part: Any) -> Labels:
    """The label of every image. The attributes differ from class to class; what all share is to ask image by image."""
    for attribute in ("targets", "labels", "_labels", "y", "_samples"):
        values = getattr(part, attribute, None)
        if values is not None and len(values) == len(part):
            return np.array([value[1] if attribute == "_samples" else value for value in values], dtype=np.int64)
    return np.array([part[row][1] for row in range(len(part))], dtype=np.int64)


def _sampled(rows: Sequence[tuple[Any, int]]) -> str:
    """Number and some of the images: a copy with other content is told apart without decoding all of it."""
    digest = hashlib.sha256(str(len(rows)).encode())
    for index in np.linspace(0, len(rows) - 1, min(_SAMPLES, len(rows))).astype(int):
        try:
            digest.update(np.asarray(_image(*rows[index])).tobytes())
        except Exception:  # an unreadable one is reported where all are read
            digest.update(b"unreadable")
    return digest.hexdigest()


_TIMEOUT = 30.0  # seconds without an answer; torchvision itself would wait for ever


def download_folder(source: str, root: Path | None) -> Path:
    """Where a source's files are looked for, and downloaded to: `data.root`, or a folder of the cache."""
    return root or cache_folder() / "downloads" / source


def build(name: str, *, source: str, root: Path, files: str, **options: Any) -> Any:
    """An object of the torchvision data set class called `name`.

    Args:
        source: what the recipe calls it.
        root: the folder that holds the files or shall hold them.
        files: what to put there by hand, for the error.
        options: of the class; `download=True` fetches what is missing.

    Raises:
        DataError: it could not be had, whatever the reason.
    """
    import torchvision.datasets

    new = [folder for folder in (root / name, root) if not folder.exists()]  # torchvision puts MNIST's into its own
    try:
        if options.get("download"):
            root.mkdir(parents=True, exist_ok=True)
        with _quiet():
            return getattr(torchvision.datasets, name)(str(root), **options)
    except Exception as error:  # of the network, of archives, of missing packages: torchvision passes everything on
        for folder in new:
            _remove_empty(folder)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        verb = "downloaded" if options.get("download") else "read"
        raise DataError(
            f"the source {source!r} could not be {verb} ({reason[:200]}): fetch {files} and put it into {root}, "
            "or set data.root to the folder that holds it"
        ) from error


def _remove_empty(folder: Path) -> None:
    """Takes away the empty folders that a failed download made ready; one with anything in it stays."""
    for path in sorted((*folder.rglob("*"), folder), reverse=True):
        with contextlib.suppress(OSError):
            path.rmdir()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps torchvision's remarks off standard output, which belongs to results, and gives its sockets a time limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        socket.setdefaulttimeout(before)
