"""What the built-in data sources take in a recipe's `data:` section, beyond what every source takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from gancli.io.files import MAX_MEGAPIXELS
from gancli.recipes.options import SourceConfig

_MEGAPIXELS: Any = Field(
    default=MAX_MEGAPIXELS,
    gt=0,
    le=178,
    description="larger images count as unreadable; 50 take up to half a gigabyte to decode, Pillow's limit is 178",
)

_TEST_SHARE: Any = Field(
    default=0.1,
    ge=0,
    lt=1,
    description="part of the images that are the test split, chosen by name, where there are no folders train and test",
)


class DigitsConfig(SourceConfig):
    """`digits`: nothing more. Train is the first 1,437 digits, test the last 360."""


class PhotosConfig(SourceConfig):
    """`photos`: how far apart the patches lie. Test is the right fifth of each photograph; no train patch enters it."""

    stride: int | None = Field(
        default=None, gt=0, description="pixels between neighbouring patches; null is a quarter of the resolution"
    )


class PhotoPairsConfig(PhotosConfig):
    """`photo-pairs`: patches of two photographs, and as sources what is left of them; split as `photos` are."""

    sources: Literal["outlines", "grey"] = Field(
        default="outlines", description="what is left of a patch: its outlines, or its brightness"
    )


class DigitDomainsConfig(SourceConfig):
    """`digit-domains`: one half of the digits as domain a, and the other half, transformed, as domain b.

    No digit is in both, but what a digit of a would be in b is known, so that a translation can be scored.
    """

    transform: Literal["inverted", "inverted_blurred"] = Field(
        default="inverted", description="what makes a digit one of domain b: dark on light, or that and out of focus"
    )

    @field_validator("channels", mode="after")
    @classmethod
    def _is_opaque(cls, value: Any) -> Any:
        if value == 4:
            raise ValueError("must be 1, 3 or left out: inverted, digits would be transparent")
        return value


class ColouredDigitsConfig(SourceConfig):
    """`coloured-digits`: each digit in one colour, which is its label."""

    colours: int = Field(default=3, ge=2, le=6, description="how many of red, green, blue, yellow, magenta and cyan")
    saturation: float = Field(
        default=1.0, gt=0, le=1, description="1: pure colours, which have no light in common; less: mixed with white"
    )

    @field_validator("channels", mode="after")
    @classmethod
    def _shows_colour(cls, value: Any) -> Any:
        if value == 1:
            raise ValueError("must be 3, 4 or left out: grey would hide the labels")
        return value


class FontDigitsConfig(SourceConfig):
    """`font-digits`: digits drawn with a font as domain a, and handwritten ones as domain b. Test is another draw."""

    count: int = Field(default=1_500, gt=0, le=1_000_000, description="digits drawn for each of train and test")


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

    @field_validator("resolution", "channels", "random_crop", "flip", "fit", mode="after")
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
    max_megapixels: int = _MEGAPIXELS


class PhotographsConfig(SourceConfig):
    """`photographs`: full photographs of any sizes, kept as they are, of which data.random_crop cuts out parts.

    Without a folder they are two that come along, of 427x640 pixels, whose right fifth is the test split. Folders train
    and test (or val) in root are the splits.
    """

    root: Path | None = Field(default=None, description="folder of photographs; null takes the two that come along")
    unreadable: Literal["error", "skip"] = Field(
        default="error", description="whether an image that cannot be read stops the run or is left out"
    )
    test_share: float = _TEST_SHARE
    max_megapixels: int = _MEGAPIXELS


class PairedConfig(SourceConfig):
    """`paired`: the user's own pairs: two folders of images that go by the same names, or images of two halves.

    Where there are folders train and test (or val), inside or around the two folders, they are the splits.
    """

    root: Path = Field(description="folder that holds the two folders, or the images of two halves")
    side_by_side: Literal["ab", "ba"] | None = Field(
        default=None,
        description="each image is a pair A|B side by side, whose source is the left half (ab) or the right one (ba); "
        "null where sources and targets lie in two folders",
    )
    source_folder: str = Field(default="source", min_length=1, description="folder of the sources, within root")
    target_folder: str = Field(default="target", min_length=1, description="folder of the targets, within root")
    source_channels: Literal[1, 3, 4] | None = Field(
        default=None, description="channels of the sources; null is those of `channels`"
    )
    target_channels: Literal[1, 3, 4] | None = Field(
        default=None, description="channels of the targets; null is those of `channels`"
    )
    unmatched: Literal["error", "skip"] = Field(
        default="error", description="whether an image without a partner stops the run or is left out"
    )
    test_share: float = _TEST_SHARE
    max_megapixels: int = _MEGAPIXELS

    @field_validator("source_folder", "target_folder", "unmatched", mode="after")
    @classmethod
    def _is_of_two_folders(cls, value: Any, info: ValidationInfo) -> Any:
        halves = info.data.get("side_by_side") is not None
        return _left_out(cls, value, info, "with side_by_side every image is a pair") if halves else value


class UnpairedConfig(FolderConfig):
    """`unpaired`: two folders of images, the domains a and b, which need neither partners nor equal numbers.

    Where there are folders train and test (or val), inside or around the two folders, or with their names run together
    as in trainA, they are the splits.
    """

    root: Path = Field(description="folder that holds the two folders")
    a_folder: str = Field(default="a", min_length=1, description="folder of domain a, within root")
    b_folder: str = Field(default="b", min_length=1, description="folder of domain b, within root")
    test_share: float = _TEST_SHARE


class AttributesConfig(FolderConfig):
    """`attributes`: the user's own images, and a table that says of each which attributes it has.

    The table is a CSV file with a header, whose first column, or `name_column`, names the image; or a file in the form
    of CelebA's list_attr_celeba.txt. Values are 0 or -1 for no and 1 for yes. Where root has folders train and test (or
    val), they are the splits.
    """

    root: Path = Field(description="folder of images")
    table: Path = Field(description="file of one line for each image and one column for each attribute")
    name_column: str | None = Field(default=None, description="column that names the image; null is the first one")
    attributes: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="only these columns, in this order; null takes all"
    )
    unmatched: Literal["error", "skip"] = Field(
        default="error", description="whether an image without a line, or the reverse, stops the run or is left out"
    )
    test_share: float = _TEST_SHARE


def _left_out(config: type[SourceConfig], value: Any, info: ValidationInfo, why: str) -> Any:
    """The value of an option that means nothing here, which may be spelled out but not changed."""
    if value != config.model_fields[str(info.field_name)].default:
        raise ValueError(f"must be left out: {why}")
    return value
