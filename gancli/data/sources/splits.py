"""The images of a folder that belong to a split; used for both sides of pairs, for domains, and for single folders.

The splits are folders `train` and `test` (or another name in `HELD_OUT`). For a folder `photos`, they may be
`train/photos`, `photos/train` or `trainphotos`; the last form, with a folder `A`, is the `trainA` of CycleGAN's
datasets. Without split folders, a hash of each image's name decides. It is the same for both images of a pair, and does
not change when other images are added.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gancli.data.sources.listing import HELD_OUT, File, list_images
from gancli.errors import DataError

_MAX_NAMES = 3  # names in a message


@dataclass(frozen=True)
class SplitFolder:
    """Images of a folder in one split.

    Args:
        path: the folder, for messages.
        files: files by name, sorted. The name is the path within the split's folder without the suffix, preceded by the
            name of the split if there are several.
        ignored: files whose names are not those of images.
    """

    path: str
    files: Mapping[str, File]
    ignored: Sequence[str]


def list_split(root: Path, folder: str, split: str, test_share: float) -> SplitFolder:
    """List the images of a folder in one split.

    Args:
        root: existing folder.
        folder: folder within the root; "" is the root itself.
        split: train, test or all.
        test_share: share of the names in the test split, if there are no split folders.

    Raises:
        DataError: the folder does not exist or has no images, or two images have the same name.
    """
    path = f"{root}/{folder}" if folder else str(root)
    train = _split_path(root, folder, "train")
    held_out = [(part, inner) for part in HELD_OUT if (inner := _split_path(root, folder, part)) is not None]
    divided = train is not None and bool(held_out)
    if train is not None and divided:
        parts = {"train": [("train", train)], "test": held_out[:1], "all": [("train", train), *held_out]}[split]
    elif (root / folder).is_dir():
        parts = [("", folder)]
    else:
        raise DataError(
            f"{path} is not a folder, and {root} has no {folder}/train or train/{folder}; check data.root and the "
            "names of the folders"
        )
    files: dict[str, File] = {}
    ignored: list[str] = []
    for part, inner in parts:
        listing = list_images(root, inner)
        ignored += listing.ignored
        for file in listing.images:
            name = _name(file, inner, part)
            if not divided and not _in_split(split, name, test_share):
                continue
            if name in files:
                raise DataError(f"{files[name].path} and {file.path} in {root} have the same name; remove one of them")
            files[name] = file
    if not files:
        raise DataError(f"{path} has no images for data.split: {split}; add images, or change data.test_share")
    return SplitFolder(path, dict(sorted(files.items())), ignored)


def unmatched(names: Mapping[str, object], others: Mapping[str, object]) -> list[str]:
    """Return the names that are missing in `others`."""
    return [name for name in names if name not in others]


def abbreviate(names: Sequence[str]) -> str:
    """Join the first names for a message: `x, y, z, …`."""
    return ", ".join(names[:_MAX_NAMES]) + (", …" if len(names) > _MAX_NAMES else "")


def _split_path(root: Path, folder: str, part: str) -> str | None:
    """Return the folder of a split relative to the root; None if there is none."""
    for path in (f"{part}/{folder}", f"{folder}/{part}", f"{part}{folder}") if folder else (part,):
        if (root / path).is_dir():
            return path
    return None


def _name(file: File, folder: str, part: str) -> str:
    inner = os.path.splitext(file.path)[0][len(folder) :].lstrip("/")
    return f"{part}/{inner}" if part else inner


def _in_split(split: str, name: str, test_share: float) -> bool:
    fraction = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    return split == "all" or (fraction < test_share) == (split == "test")
