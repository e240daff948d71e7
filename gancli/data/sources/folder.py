"""The user's own images: a folder of them, or of one subfolder for each label.

Where `root` has `train` and one of `test`, `val`, `valid` or `validation`, those are the splits, each holding images or
label subfolders, and everything else in `root` is left alone. Hidden files and folders are skipped.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gancli.data import pack
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.config import FolderConfig
from gancli.data.sources.listing import HELD_OUT, File, check_root, identity, list_images
from gancli.errors import DataError
from gancli.io import decode
from gancli.io.types import Progress


@dataclass(frozen=True)
class _Listing:
    """The images of a split, sorted, with the label of each ("" directly in the folder), and the ignored files."""

    images: list[File]
    labels: list[str]
    ignored: list[str]


class FolderSource(Source[FolderConfig]):
    """Labels are the sorted names of the subfolders that hold images, at any depth; loose images have none.

    The labels of all splits are one list, so that an index means the same in each.
    """

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack.pack(self._pictures()[0], self.config, progress)

    def whole(self, progress: Progress | None = None) -> Mapping[str, PackedDataset]:
        return {"image": pack.pack(self._pictures()[0], self.config, progress, whole=True)}

    def survey(self, progress: Progress | None = None) -> DataSummary:
        pictures, ignored = self._pictures()
        return pack.survey(pictures, self.config.source, ignored, progress)

    def _pictures(self) -> tuple[pack.Pictures, list[str]]:
        root = self.config.root
        check_root(root)
        listing = self._listing()
        if not listing.images:
            raise DataError(
                f"{root} holds no images; put PNG, JPEG, WebP, BMP, TIFF, GIF or PPM files there, "
                "directly or in one subfolder for each label"
            )
        names = self._label_names(listing)
        numbers = {name: number for number, name in enumerate(names)}
        pictures = pack.Pictures(
            count=len(listing.images),
            name=lambda row: str(root / listing.images[row].path),
            open=lambda row: decode.open_image(
                root / listing.images[row].path, max_megapixels=self.config.max_megapixels
            ),
            labels=np.array([numbers[label] for label in listing.labels], dtype=np.int64) if names else None,
            label_names=names,
            identity=identity(listing.images, self.config.max_megapixels),
            skip=self.config.unreadable == "skip",
            remedy=f"remove it, or set data.unreadable=skip; `gan data check {shlex.quote(str(root))}` lists all",
        )
        return pictures, listing.ignored

    def _label_names(self, listing: _Listing) -> tuple[str, ...]:
        names = set(listing.labels)
        if "" not in names:
            for folder in set(self._folders("all")) - set(self._folders(self.config.split)):
                names |= set(_list(self.config.root, folder).labels)
            return tuple(sorted(names - {""}))
        if len(names) > 1:
            loose = listing.images[listing.labels.index("")].path
            raise DataError(
                f"{self.config.root} holds images both directly ({loose}) and in subfolders ({max(names)}); move the "
                "former into a subfolder, which is their label, or set data.root to one of the subfolders"
            )
        return ()

    def _listing(self) -> _Listing:
        parts = [_list(self.config.root, folder) for folder in self._folders(self.config.split)]
        return _Listing(
            [file for part in parts for file in part.images],
            [label for part in parts for label in part.labels],
            [path for part in parts for path in part.ignored],
        )

    def _folders(self, split: str) -> list[str]:
        """The folders of a split, relative to the root."""
        root = self.config.root
        held_out = [name for name in HELD_OUT if (root / name).is_dir()]
        if not held_out or not (root / "train").is_dir():
            if split == "test":
                raise DataError(f"{root} has no test split, which takes the subfolders train and test (or val) in it")
            return [""]
        return {"train": ["train"], "test": held_out[:1], "all": ["train", *held_out]}[split]


def _list(root: Path, folder: str) -> _Listing:
    found = list_images(root, folder)
    depth = len(Path(folder).parts)
    labels = ["/".join(Path(file.path).parts[depth:-1][:1]) for file in found.images]
    return _Listing(found.images, labels, found.ignored)
