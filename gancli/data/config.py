"""What the built-in data sources take in a recipe's `data:` section, beyond what every source takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

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


class PointsConfig(SourceConfig):
    """`points`: a known distribution on a line or in the plane. Test is another draw of as many points."""

    distribution: Literal["gaussian", "ring", "grid"] = Field(
        default="ring", description="one Gaussian on a line, or several on a circle or a square grid in the plane"
    )
    count: int = Field(default=100_000, gt=0, le=10_000_000, description="points drawn for each of train and test")
    std: float | None = Field(
        default=None, gt=0, description="of each Gaussian; null is 1 for gaussian, 0.01 for ring, 0.05 for grid"
    )
    mean: float = Field(default=2.0, description="gaussian: its centre")
    modes: int = Field(default=8, ge=1, le=1_000, description="ring: how many Gaussians")
    radius: float = Field(default=1.0, gt=0, description="ring: of the circle of their centres")
    side: int = Field(default=5, ge=1, le=30, description="grid: Gaussians along each side")
    spacing: float = Field(default=2.0, gt=0, description="grid: between neighbouring centres")

    @field_validator("resolution", "channels", "flip", "fit", mode="after")
    @classmethod
    def _has_no_pixels(cls, value: Any, info: ValidationInfo) -> Any:
        return _left_out(cls, value, info, "points have no pixels")

    @field_validator("mean", "modes", "radius", "side", "spacing", mode="after")
    @classmethod
    def _is_of_the_distribution(cls, value: Any, info: ValidationInfo) -> Any:
        chosen = info.data.get("distribution")
        home = {"mean": "gaussian", "modes": "ring", "radius": "ring"}.get(str(info.field_name), "grid")
        return value if chosen in (home, None) else _left_out(cls, value, info, f"it is an option of {home}")


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


def _left_out(config: type[SourceConfig], value: Any, info: ValidationInfo, why: str) -> Any:
    """The value of an option that means nothing here, which may be spelled out but not changed."""
    if value != config.model_fields[str(info.field_name)].default:
        raise ValueError(f"must be left out: {why}")
    return value
