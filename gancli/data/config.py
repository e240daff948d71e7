"""What the built-in data sources take in a recipe's `data:` section, beyond what every source takes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from gancli.recipe import SourceConfig

MAX_MEGAPIXELS = 50
"""Pillow takes four bytes a pixel, twice over for some conversions: up to half a gigabyte, and a second, for these."""


class DigitsConfig(SourceConfig):
    """`digits`: nothing more. Train is the first 1,437 digits, test the last 360."""


class PhotosConfig(SourceConfig):
    """`photos`: how far apart the patches lie. Test is the right fifth of each photograph; no train patch enters it."""

    stride: int | None = Field(
        default=None, gt=0, description="pixels between neighbouring patches; null is a quarter of the resolution"
    )


class DownloadConfig(SourceConfig):
    """Named data sets that are downloaded once, or read from a folder."""

    root: Path | None = Field(
        default=None, description="folder that holds the files, or where to download them; null is the cache"
    )


class EmnistConfig(DownloadConfig):
    """`emnist`: which of its six sets."""

    variant: Literal["balanced", "byclass", "bymerge", "digits", "letters", "mnist"] = Field(
        default="balanced", description="which of EMNIST's sets"
    )


class LsunConfig(SourceConfig):
    """`lsun`: scenes as LMDB folders, such as `bedroom_train_lmdb`, which are the labels."""

    root: Path = Field(description="folder that holds LSUN's *_lmdb folders")


class FolderConfig(SourceConfig):
    """`folder`: the user's own images."""

    root: Path = Field(description="folder of images, or of one subfolder for each label")
    unreadable: Literal["error", "skip"] = Field(
        default="error", description="whether an image that cannot be read stops the run or is left out"
    )
    max_megapixels: int = Field(
        default=MAX_MEGAPIXELS,
        gt=0,
        le=178,
        description="larger images count as unreadable; 50 take up to half a gigabyte to decode, Pillow's limit is 178",
    )
