"""Options of the built-in data sources in a recipe's `data:` section, beyond those of all sources. Torch-free."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SerializeAsAny, ValidationError, ValidationInfo, field_validator

from gancli.errors import UsageError
from gancli.io.files import MAX_MEGAPIXELS
from gancli.plugins.registry import import_class, registry
from gancli.recipes.messages import problems, shown
from gancli.recipes.options import SourceConfig

_MEGAPIXELS: Any = Field(
    default=MAX_MEGAPIXELS,
    gt=0,
    le=178,
    description="size limit; larger images count as unreadable. Decoding 50 megapixels takes up to half a gigabyte; "
    "178 is Pillow's limit",
)

_TEST_SHARE: Any = Field(
    default=0.1,
    ge=0,
    lt=1,
    description="share of the images in the test split, selected by a hash of the name; ignored if there are folders "
    "train and test",
)

_RANGE: Any = Field(
    default="full",
    description="values of grey images with more than 8 bits that become black and white: full is all that the bits "
    "allow (0 and 1 for floating-point images), auto is each image's smallest and largest value, [low, high] are these "
    "values, such as [0, 4095] for 12 bits in 16",
)

_UNREADABLE: Any = Field(default="error", description="stop with an error at unreadable images, or skip them")


def _check_range(value: Any) -> Any:
    """Check that two numbers are ascending."""
    if isinstance(value, tuple) and not value[0] < value[1]:
        raise ValueError(f"must be ascending, not [{value[0]:g}, {value[1]:g}]")
    return value


ValueRange = Annotated[
    Literal["full", "auto"]
    | tuple[Annotated[float, Field(allow_inf_nan=False)], Annotated[float, Field(allow_inf_nan=False)]],
    AfterValidator(_check_range),
]


class DigitsConfig(SourceConfig):
    """`digits`: no further options. Train is the first 1,437 digits, test the last 360."""


class PhotoPatchesConfig(SourceConfig):
    """`photo-patches` (formerly `photos`): patches of two photographs.

    The test split is the right fifth of each photograph; train patches do not overlap it.
    """

    stride: int | None = Field(
        default=None, gt=0, description="pixels between neighbouring patches; null: a quarter of the resolution"
    )


class PhotoPairsConfig(PhotoPatchesConfig):
    """`photo-pairs`: patches of two photographs as targets, and their outlines or brightness as sources.

    The splits are those of `photo-patches`.
    """

    sources: Literal["outlines", "grey"] = Field(
        default="outlines", description="content of the sources: outlines of the patch, or its brightness"
    )


class DigitDomainsConfig(SourceConfig):
    """`digit-domains`: one half of the digits as domain a, and the other half, transformed, as domain b.

    No digit is in both domains, but the translation of each digit is known, so results can be evaluated.
    """

    transform: Literal["inverted", "inverted_blurred"] = Field(
        default="inverted", description="transformation of domain b: dark on light, or dark on light and blurred"
    )

    @field_validator("channels", mode="after")
    @classmethod
    def _has_no_alpha(cls, value: Any) -> Any:
        if value == 4:
            raise ValueError("must be 1, 3 or left out: inverted digits would be transparent")
        return value


class ColouredDigitsConfig(SourceConfig):
    """`coloured-digits`: each digit in one colour, which is its label."""

    colours: int = Field(
        default=3, ge=2, le=6, description="number of colours, in the order red, green, blue, yellow, magenta, cyan"
    )
    saturation: float = Field(
        default=1.0, gt=0, le=1, description="1: pure colours, without common channels; less: mixed with white"
    )

    @field_validator("channels", mode="after")
    @classmethod
    def _has_colour(cls, value: Any) -> Any:
        if value == 1:
            raise ValueError("must be 3, 4 or left out: grey would hide the labels")
        return value


class FontDigitsConfig(SourceConfig):
    """`font-digits`: digits rendered in a font as domain a, and handwritten digits as domain b.

    The test split has other rendered digits.
    """

    count: int = Field(default=1_500, gt=0, le=1_000_000, description="number of rendered digits in train and in test")


class PointsConfig(SourceConfig):
    """`points`: a known distribution on a line or in the plane. The test split has other points, of equal number."""

    distribution: Literal["gaussian", "ring", "grid"] = Field(
        default="ring", description="one Gaussian on a line, or several on a circle or a square grid in the plane"
    )
    count: int = Field(default=100_000, gt=0, le=10_000_000, description="number of points in train and in test")
    std: float | None = Field(
        default=None,
        gt=0,
        description="standard deviation of each Gaussian; null: 1 for gaussian, 0.01 for ring, 0.05 for grid",
    )
    mean: float = Field(default=2.0, description="gaussian: its centre")
    modes: int = Field(default=8, ge=1, le=1_000, description="ring: number of Gaussians")
    radius: float = Field(default=1.0, gt=0, description="ring: radius of the circle")
    side: int = Field(default=5, ge=1, le=30, description="grid: number of Gaussians along each side")
    spacing: float = Field(default=2.0, gt=0, description="grid: distance between neighbouring centres")

    @field_validator("resolution", "channels", "random_crop", "flip", "fit", mode="after")
    @classmethod
    def _has_no_pixels(cls, value: Any, info: ValidationInfo) -> Any:
        return _require_default(cls, value, info, "points have no pixels")

    @field_validator("mean", "modes", "radius", "side", "spacing", mode="after")
    @classmethod
    def _belongs_to_distribution(cls, value: Any, info: ValidationInfo) -> Any:
        distribution = info.data.get("distribution")
        owner = {"mean": "gaussian", "modes": "ring", "radius": "ring"}.get(str(info.field_name), "grid")
        if distribution in (owner, None):
            return value
        return _require_default(cls, value, info, f"it is an option of {owner}")


class DownloadConfig(SourceConfig):
    """Named datasets that are downloaded once, or read from a folder."""

    root: Path | None = Field(default=None, description="folder of the files and downloads; null: the cache")


class EmnistConfig(DownloadConfig):
    """`emnist`: one of its six datasets."""

    variant: Literal["balanced", "byclass", "bymerge", "digits", "letters", "mnist"] = Field(
        default="balanced", description="dataset of EMNIST"
    )


class LsunConfig(SourceConfig):
    """`lsun`: scenes as LMDB folders, such as `bedroom_train_lmdb`; the scenes are the labels."""

    root: Path = Field(description="folder of LSUN's *_lmdb folders")


class FolderConfig(SourceConfig):
    """`folder`: your own images."""

    root: Path = Field(description="folder of images, or of one subfolder for each label")
    unreadable: Literal["error", "skip"] = _UNREADABLE
    max_megapixels: int = _MEGAPIXELS
    range: ValueRange = _RANGE


class PhotoCropsConfig(SourceConfig):
    """`photo-crops` (formerly `photographs`): photographs of any sizes, randomly cropped with data.random_crop.

    The default is two bundled photographs of 427x640 pixels, whose right fifth is the test split. The splits of a
    folder are its subfolders train and test (or val).
    """

    root: Path | None = Field(default=None, description="folder of photographs; null: the two bundled ones")
    unreadable: Literal["error", "skip"] = _UNREADABLE
    test_share: float = _TEST_SHARE
    max_megapixels: int = _MEGAPIXELS
    range: ValueRange = _RANGE


class PairedConfig(SourceConfig):
    """`paired`: your own pairs of images: two folders with equal file names, or pairs side by side in one image.

    Folders train and test (or val), inside or around the two folders, are the splits.
    """

    root: Path = Field(description="folder of the two folders, or of the images with two halves")
    side_by_side: Literal["ab", "ba"] | None = Field(
        default=None,
        description="each image is a pair A|B side by side, and its left half (ab) or right half (ba) is the source; "
        "null: sources and targets are in two folders",
    )
    source_folder: str = Field(default="source", min_length=1, description="folder of the sources, within root")
    target_folder: str = Field(default="target", min_length=1, description="folder of the targets, within root")
    source_channels: Literal[1, 3, 4] | None = Field(
        default=None, description="channels of the sources; null: as `channels`"
    )
    target_channels: Literal[1, 3, 4] | None = Field(
        default=None, description="channels of the targets; null: as `channels`"
    )
    unmatched: Literal["error", "skip"] = Field(
        default="error", description="stop with an error at images without a partner, or skip them"
    )
    test_share: float = _TEST_SHARE
    max_megapixels: int = _MEGAPIXELS
    range: ValueRange = _RANGE

    @field_validator("source_folder", "target_folder", "unmatched", mode="after")
    @classmethod
    def _has_two_folders(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("side_by_side") is None:
            return value
        return _require_default(cls, value, info, "with side_by_side every image is a pair")


class UnpairedConfig(FolderConfig):
    """`unpaired`: two folders of images, the domains a and b, without pairs and possibly of different numbers.

    Folders train and test (or val), inside or around the two folders, or as prefixes of their names, as in trainA, are
    the splits.
    """

    root: Path = Field(description="folder of the two folders")
    a_folder: str = Field(default="a", min_length=1, description="folder of domain a, within root")
    b_folder: str = Field(default="b", min_length=1, description="folder of domain b, within root")
    test_share: float = _TEST_SHARE


class AttributesConfig(FolderConfig):
    """`attributes`: your own images, and a table of the attributes of each image.

    The table is a CSV file with a header, whose first column, or `name_column`, names the image; or a file in the
    format of CelebA's list_attr_celeba.txt. Values are 0 or -1 for no and 1 for yes. Folders train and test (or val) in
    root are the splits.
    """

    root: Path = Field(description="folder of images")
    table: Path = Field(description="file with one line for each image and one column for each attribute")
    name_column: str | None = Field(default=None, description="column that names the image; null: the first one")
    attributes: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="only these columns, in this order; null: all"
    )
    unmatched: Literal["error", "skip"] = Field(
        default="error",
        description="stop with an error at images without a line and lines without an image, or skip them",
    )
    test_share: float = _TEST_SHARE


COMMON_OPTIONS = ("resolution", "channels", "split", "random_crop", "flip", "fit")
"""Options of `concat` that apply to all of its sources."""


class ConcatConfig(SourceConfig):
    """`concat` (formerly `joined`): several sources with labels or attributes as one dataset.

    All images must have the same size and number of channels: set `resolution` and `channels` if they differ.
    """

    sources: dict[str, SerializeAsAny[SourceConfig]] = Field(
        min_length=2, description="`data` section of each source, by a name for it"
    )
    balance: bool = Field(
        default=True, description="show images of all sources equally often, repeating those of smaller ones"
    )

    @field_validator("sources", mode="before")
    @classmethod
    def _validate_sources(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: _validate_source(str(name), given) for name, given in value.items()}

    @field_validator("classes", "limit", mode="after")
    @classmethod
    def _belongs_to_one_source(cls, value: Any) -> Any:
        if value is not None:
            raise ValueError("must be left out: set it within a source")
        return value


def _validate_source(name: str, given: Any) -> SourceConfig:
    """Validate the options of one source of `concat` with the config of that source.

    Raises:
        ValueError: they are invalid; the message begins with the name.
    """
    if isinstance(given, SourceConfig):
        return given
    if not isinstance(given, dict) or not isinstance(given.get("source"), str):
        raise ValueError(f"{name} must be a mapping of options with a source, not {shown(given)}")
    source = given["source"]
    try:
        info = registry().dataset(source)
    except UsageError as error:
        raise ValueError(f"{name}: {error}") from None
    if "image" not in info.yields or "attributes" not in info.serves or "dataset" in info.yields:
        raise ValueError(f"{name}: the source {source!r} cannot be concatenated; use one with labels or attributes")
    model: type[SourceConfig] = import_class(info.config)
    try:
        config = model.model_validate_json(json.dumps(given))
    except ValidationError as error:
        raise ValueError("; ".join(item.message for item in problems(error, model, name, given, {}))) from None
    for option in COMMON_OPTIONS:
        if getattr(config, option) != model.model_fields[option].default:
            raise ValueError(f"{name}.{option} must be left out: set data.{option}, which applies to all sources")
    return config


def _require_default(config: type[SourceConfig], value: Any, info: ValidationInfo, reason: str) -> Any:
    """Return the value of an option without effect, which may only be written out with its default."""
    if value != config.model_fields[str(info.field_name)].default:
        raise ValueError(f"must be left out: {reason}")
    return value
