"""The interface of data sources, and the datasets and summaries that they return."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

from gancli.data.spec import DataSpec
from gancli.data.variable_size import VariableSizeImages
from gancli.errors import DataError
from gancli.io.types import Array, Bytes, Labels, Points, Progress
from gancli.plugins.moved_modules import old_names
from gancli.recipes.options import SourceConfig

if TYPE_CHECKING:
    from gancli.data.mixture import Mixture


C = TypeVar("C", bound=SourceConfig)

UNPAIRED = ("a", "b")
"""Batch keys of unpaired domains: each has its own order and number of images."""


def stream_of(key: str) -> str:
    """Return the stream that orders the rows of a key: `a` for `a` and `a_digit`; `""` for keys outside domains."""
    domain = key.partition("_")[0]
    return domain if domain in UNPAIRED else ""


@dataclass(frozen=True, kw_only=True)
class PackedDataset:
    """A dataset in memory or in a memory map, ready for training.

    Args:
        arrays: arrays by batch key. Images (`spec.image_keys`) are uint8 (N, C, H, W), possibly read-only memory maps;
            points are float32 (N, D, 1, 1). `label` is int64 (N,), indices into `spec.labels`; `attributes` is float32
            (N, K), 0 or 1 for each of `spec.labels`; `dataset` is int64 (N,), indices into `spec.known`. Row i of all
            arrays belongs to the same sample, except that the unpaired domains `a` and `b` are independent and may
            differ in length. Further facts about the images of one key, for metrics, are prefixed by it: `a_digit`.
            Derivable arrays, such as `attributes` of labels, may be missing.
        variable_size: images of different sizes by key, instead of an array; none is smaller than `spec` says.
        spec: shape of one training image, and names of the labels. Larger images are randomly cropped by the loader.
        fingerprint: SHA-256, in hex, of the content (or of an identifier of it) and of all options that change it.
        mixture: distribution of points; None for images.
        epoch: rows of one training epoch, int64, possibly repeated (None: each row once). Not for unpaired domains.
    """

    arrays: Mapping[str, Array]
    spec: DataSpec
    fingerprint: str
    mixture: Mixture | None = None
    epoch: Labels | None = None
    variable_size: Mapping[str, VariableSizeImages] = field(default_factory=dict)

    @classmethod
    def of_images(
        cls,
        *,
        images: Bytes | Points | VariableSizeImages,
        labels: Labels | None,
        spec: DataSpec,
        fingerprint: str,
        mixture: Mixture | None = None,
    ) -> Self:
        """Create a dataset of single images or points, with or without labels."""
        arrays: dict[str, Array] = {} if labels is None else {"label": labels}
        variable_size = {"image": images} if isinstance(images, VariableSizeImages) else {}
        if not isinstance(images, VariableSizeImages):
            arrays = {"image": images, **arrays}
        return cls(arrays=arrays, variable_size=variable_size, spec=spec, fingerprint=fingerprint, mixture=mixture)

    @property
    def images(self) -> Bytes | Points:
        """Array of the key `image`.

        Raises:
            DataError: the data are pairs or domains, or images of different sizes.
        """
        if "image" in self.variable_size:
            raise DataError("this needs images of one size, but these differ in size; set data.resolution")
        if "image" not in self.arrays:
            keys = " and ".join(self.spec.image_keys)
            raise DataError(
                f"this needs single images, but the data have {keys}; choose a source that yields `image`, see "
                "`gan data ls`"
            )
        return self.arrays["image"]

    def stored(self, key: str) -> Array | VariableSizeImages:
        """Return the images of one of `spec.image_keys`."""
        return self.variable_size[key] if key in self.variable_size else self.arrays[key]

    @property
    def labels(self) -> Labels | None:
        """Array of the key `label`; None if the source has no labels."""
        return self.arrays.get("label")

    @property
    def count(self) -> int:
        """Number of images; for two domains, that of the larger one."""
        return max(len(self.stored(key)) for key in self.spec.image_keys)

    @property
    def described(self) -> str:
        """Number and shape of the images, such as `1,437 images of 1x28x28`, for each key."""
        if not self.spec.channels_of:
            return f"{self.count:,} {self.spec.described}"
        shapes = {key: "x".join(map(str, self.spec.shape_of(key))) for key in self.spec.image_keys}
        return ", ".join(f"{key}: {len(self.stored(key)):,} images of {shape}" for key, shape in shapes.items())


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """Content of a source, before resizing, conversion, selection and checks.

    Args:
        source: name of the source.
        count: number of readable images.
        sizes: number of images of each (height, width).
        channels: number of images with 1 (grey), 3 (RGB) and 4 (RGBA) channels; for points, by dimension.
        bits: number of images by bits per channel.
        labels: number of readable images of each label; empty if the source has no labels.
        unreadable: name of each unreadable image, and the reason.
        ignored: files whose names are not those of images.
        kind: as in `DataSpec`.
        parts: summary of each key of pairs and domains; the numbers above are totals.
        problems: reasons why the data cannot be used for training although each image is readable, one sentence each.
        scale: factor between the sides of targets and sources, if it is the same for all pairs.
        notes: sentences about content that is not read, such as further pages, or that looks unintended.
    """

    source: str
    count: int
    sizes: Mapping[tuple[int, int], int]
    channels: Mapping[int, int]
    bits: Mapping[int, int]
    labels: Mapping[str, int] = field(default_factory=dict)
    unreadable: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    kind: Literal["image", "points"] = "image"
    parts: Mapping[str, DataSummary] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    scale: int | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "kind": self.kind,
            "count": self.count,
            "sizes": [{"height": h, "width": w, "count": n} for (h, w), n in self.sizes.items()],
            "channels": [{"channels": channels, "count": n} for channels, n in self.channels.items()],
            "bits": [{"bits": bits, "count": n} for bits, n in self.bits.items()],
            "labels": [{"label": label, "count": n} for label, n in self.labels.items()],
            "unreadable": [{"file": name, "reason": reason} for name, reason in self.unreadable],
            "ignored": list(self.ignored),
            "parts": {key: part.to_json() for key, part in self.parts.items()},
            "problems": list(self.problems),
            "scale": self.scale,
            "notes": list(self.notes),
        }


class Source(ABC, Generic[C]):
    """Base class of data sources.

    A source implements all options of `SourceConfig` except `random_crop` and `flip`, which the loader implements. Most
    sources describe their content as `gancli.data.sources.arrays.Arrays` or `gancli.data.pack.EncodedImages`, whose
    functions select, resize and convert images. The config of a source of points rejects options about pixels, as
    `gancli.data.sources.config.PointsConfig` does.
    """

    def __init__(self, config: C) -> None:
        self.config = config

    @abstractmethod
    def read(self, progress: Progress | None = None) -> PackedDataset:
        """Read the images that the recipe selects.

        Raises:
            DataError: there are none, or they cannot be read; the message says what to do.
        """

    def whole(self, progress: Progress | None = None) -> Mapping[str, PackedDataset]:
        """Read the images at their original sizes, by key, for the evaluation of upscaling.

        By default they are those of `read`.

        Raises:
            DataError: as for `read`.
        """
        return {"image": self.read(progress)}

    @abstractmethod
    def survey(self, progress: Progress | None = None) -> DataSummary:
        """Summarise the content of `config.split`, including unreadable images; other options are ignored.

        Raises:
            DataError: the source as a whole cannot be read.
        """


if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)
