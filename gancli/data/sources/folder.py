"""The user's images: a folder of images, or of one subfolder per label.

If `root` has `train` and one of `test`, `val`, `valid` or `validation`, these are the splits. Each contains images or
label subfolders, and everything else in `root` is ignored. Hidden files and folders are skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gancli.data import pack
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.config import FolderConfig
from gancli.data.sources.listing import HELD_OUT, File, check_root, encoded_files, list_images, skip_remedy
from gancli.errors import DataError
from gancli.io.types import Progress


@dataclass(frozen=True)
class _Listing:
    """Images of a split, sorted, the label of each ("" if directly in the folder), and ignored files."""

    images: list[File]
    labels: list[str]
    ignored: list[str]


class FolderSource(Source[FolderConfig]):
    """Labels are the sorted names of the subfolders that contain images at any depth; loose images have no label.

    All splits share one list of labels, so an index has the same meaning in each split.
    """

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack.pack(self._encoded()[0], self.config, progress)

    def whole(self, progress: Progress | None = None) -> Mapping[str, PackedDataset]:
        return {"image": pack.pack(self._encoded()[0], self.config, progress, full_size=True)}

    def survey(self, progress: Progress | None = None) -> DataSummary:
        encoded, ignored = self._encoded()
        return pack.summarize(encoded, self.config, ignored, progress)

    def _encoded(self) -> tuple[pack.EncodedImages, list[str]]:
        """Return the images of the split, and the ignored files."""
        config, root = self.config, self.config.root
        check_root(root)
        listing = self._listing()
        if not listing.images:
            raise DataError(
                f"{root} has no images; add PNG, JPEG, WebP, BMP, TIFF, GIF or PPM files, directly or in one subfolder "
                "for each label"
            )
        encoded = encoded_files(
            root,
            listing.images,
            max_megapixels=config.max_megapixels,
            skip=config.unreadable == "skip",
            remedy=skip_remedy(str(root)),
        )
        names = self._label_names(listing)
        if names:
            indices = {name: index for index, name in enumerate(names)}
            labels = np.array([indices[label] for label in listing.labels], dtype=np.int64)
            encoded = replace(encoded, labels=labels, label_names=names)
        return encoded, listing.ignored

    def _label_names(self, listing: _Listing) -> tuple[str, ...]:
        names = set(listing.labels)
        if "" not in names:
            for folder in set(self._folders("all")) - set(self._folders(self.config.split)):
                names |= set(_list(self.config.root, folder).labels)
            return tuple(sorted(names - {""}))
        if len(names) > 1:
            loose = listing.images[listing.labels.index("")].path
            raise DataError(
                f"{self.config.root} has images both directly ({loose}) and in subfolders ({max(names)}); move the "
                "direct ones into a subfolder, which is their label, or set data.root to one of the subfolders"
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
        """Return the folders of a split, relative to the root."""
        root = self.config.root
        held_out = [name for name in HELD_OUT if (root / name).is_dir()]
        if not held_out or not (root / "train").is_dir():
            if split == "test":
                raise DataError(f"{root} has no test split; create the subfolders train and test (or val) in it")
            return [""]
        return {"train": ["train"], "test": held_out[:1], "all": ["train", *held_out]}[split]


def _list(root: Path, folder: str) -> _Listing:
    listing = list_images(root, folder)
    depth = len(Path(folder).parts)
    labels = ["/".join(Path(file.path).parts[depth:-1][:1]) for file in listing.images]
    return _Listing(listing.images, labels, listing.ignored)
