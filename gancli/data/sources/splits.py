"""One side of pairs, or one domain: which of its images a split takes, and what they are called.

The splits are folders `train` and `test` (or another name of `HELD_OUT`). Of a side `photos` they are looked for as
`train/photos`, as `photos/train`, and as `trainphotos`, which with a side `A` is the `trainA` of CycleGAN's data sets.
Where there are none, every image falls into train or test by a hash of its name: the same for both sides of a pair, and
still the same when others are added.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gancli.data.sources.listing import HELD_OUT, File, list_images
from gancli.errors import DataError

_NAMED = 3  # files that a sentence names


@dataclass(frozen=True)
class PairedFolder:
    """The images of one side in a split.

    Args:
        place: its folder, for messages.
        files: by name, sorted: the path within the split's folder without its suffix, after the split's own name if
            there are several.
        ignored: files that are not images by their names.
    """

    place: str
    files: Mapping[str, File]
    ignored: Sequence[str]


def find_side(root: Path, folder: str, split: str, test_share: float) -> PairedFolder:
    """The images of a side.

    Args:
        root: which exists.
        folder: of the side, within the root; "" is the root itself.
        split: train, test or all.
        test_share: the part of the names that is test where the splits are no folders.

    Raises:
        DataError: there is no such folder, no image in it, or two images of one name.
    """
    place = f"{root}/{folder}" if folder else str(root)
    train = _place(root, folder, "train")
    held_out = [(part, path) for part in HELD_OUT if (path := _place(root, folder, part)) is not None]
    divided = train is not None and bool(held_out)
    if train is not None and divided:
        parts = {"train": [("train", train)], "test": held_out[:1], "all": [("train", train), *held_out]}[split]
    elif (root / folder).is_dir():
        parts = [("", folder)]
    else:
        raise DataError(f"{place} is not a folder, nor is there {folder}/train or train/{folder} in {root}")
    files: dict[str, File] = {}
    ignored: list[str] = []
    for part, path in parts:
        listing = list_images(root, path)
        ignored += listing.ignored
        for file in listing.images:
            name = _name(file, path, part)
            if not divided and not _falls_into(split, name, test_share):
                continue
            if name in files:
                raise DataError(f"{files[name].path} and {file.path} in {root} have one name; remove one of them")
            files[name] = file
    if not files:
        raise DataError(f"{place} holds no images for data.split: {split}; put some there, or change data.test_share")
    return PairedFolder(place, dict(sorted(files.items())), ignored)


def unmatched(here: Mapping[str, object], there: Mapping[str, object]) -> list[str]:
    """The names on one side that the other side lacks."""
    return [name for name in here if name not in there]


def few(names: Sequence[str]) -> str:
    """Some of many names: `x, y, z, …`."""
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


def _place(root: Path, folder: str, part: str) -> str | None:
    """The folder of a side's part, relative to the root, if there is one."""
    for path in (f"{part}/{folder}", f"{folder}/{part}", f"{part}{folder}") if folder else (part,):
        if (root / path).is_dir():
            return path
    return None


def _name(file: File, folder: str, part: str) -> str:
    within = os.path.splitext(file.path)[0][len(folder) :].lstrip("/")
    return f"{part}/{within}" if part else within


def _falls_into(split: str, name: str, test_share: float) -> bool:
    drawn = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    return split == "all" or (drawn < test_share) == (split == "test")
