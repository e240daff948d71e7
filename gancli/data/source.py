"""What a data source is, and what it hands over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

from gancli.data.ragged import VariableSizeImages
from gancli.data.spec import DataSpec
from gancli.errors import DataError
from gancli.io.types import Array, Bytes, Labels, Points, Progress
from gancli.plugins.moved_modules import old_names
from gancli.recipes.options import SourceConfig

if TYPE_CHECKING:
    from gancli.data.mixture import Mixture


C = TypeVar("C", bound=SourceConfig)

UNPAIRED = ("a", "b")
"""The keys of images that have no partners: each has an order, and a number, of its own."""


def stream_of(key: str) -> str:
    """What orders the rows of a key: its own domain, such as `a` for `a` and `a_digit`, or `""` as for all others."""
    domain = key.partition("_")[0]
    return domain if domain in UNPAIRED else ""


@dataclass(frozen=True, kw_only=True)
class PackedDataset:
    """A data set, ready to draw from.

    Args:
        arrays: by the key that a batch has them under. Those of `spec.image_keys` hold images, uint8 (N, C, H, W),
            possibly read-only memory maps; of points, float32 (N, D, 1, 1). `label` is int64 (N,), indices into
            `spec.labels`; `attributes` is float32 (N, K), 0 or 1 for each of `spec.labels`; `dataset` is int64 (N,),
            indices into `spec.known`. Row i of each belongs to row i of all others, but for those of the unpaired
            domains `a` and `b`, which may differ in number. What is known of the images of one key, for scores, is
            called after it: `a_digit`. What can be made of these, as `attributes` of labels, need not be here.
        ragged: instead of those, by key, images of many sizes, none smaller than `spec`'s.
        spec: the shape of one image as it is trained on, and the names of the labels. Images larger than that are
            cropped as they are drawn.
        fingerprint: SHA-256, in hex, of the content (or of what stands for it) and of every option that changes it.
        mixture: the known distribution that points were drawn from; None of images.
        epoch: the rows that an epoch of training shows, int64, some of them more than once; None: each once. Not of
            unpaired domains.
    """

    arrays: Mapping[str, Array]
    spec: DataSpec
    fingerprint: str
    mixture: Mixture | None = None
    epoch: Labels | None = None
    ragged: Mapping[str, VariableSizeImages] = field(default_factory=dict)

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
        """Single images, or points, with a label each, or without any."""
        arrays: dict[str, Array] = {} if labels is None else {"label": labels}
        ragged = {"image": images} if isinstance(images, VariableSizeImages) else {}
        if not isinstance(images, VariableSizeImages):
            arrays = {"image": images, **arrays}
        return cls(arrays=arrays, ragged=ragged, spec=spec, fingerprint=fingerprint, mixture=mixture)

    @property
    def images(self) -> Bytes | Points:
        """The array under `image`.

        Raises:
            DataError: the data are pairs or domains, or of many sizes.
        """
        if "image" in self.ragged:
            raise DataError("this works on images of one size, and these differ; set data.resolution")
        if "image" not in self.arrays:
            has = " and ".join(self.spec.image_keys)
            raise DataError(
                f"this works on data of single images, and these hold {has}; name data whose source yields `image`, "
                "see `gan data ls`"
            )
        return self.arrays["image"]

    def stored(self, key: str) -> Array | VariableSizeImages:
        """The images under one of `spec.image_keys`, of one size or of many."""
        return self.ragged[key] if key in self.ragged else self.arrays[key]

    @property
    def labels(self) -> Labels | None:
        """The array under `label`; None where the source has no labels."""
        return self.arrays.get("label")

    @property
    def count(self) -> int:
        """How many images an epoch takes; of two domains, those of the larger one."""
        return max(len(self.stored(key)) for key in self.spec.image_keys)

    @property
    def described(self) -> str:
        """Number and shape: `1,437 images of 1x28x28`, or those of each key."""
        if not self.spec.channels_of:
            return f"{self.count:,} {self.spec.described}"
        shapes = {key: "x".join(map(str, self.spec.shape_of(key))) for key in self.spec.image_keys}
        return ", ".join(f"{key}: {len(self.stored(key)):,} images of {shape}" for key, shape in shapes.items())


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """What there is in a source, before anything is resized, converted, chosen or refused.

    Args:
        source: its name.
        count: readable images.
        sizes: how many images have each (height, width).
        channels: how many have 1 (grey), 3 (colour) and 4 (colour and opacity) channels; of points, the dimensions.
        bits: how many have each number of bits a channel.
        labels: how many readable images each label has; empty where the source has no labels.
        unreadable: name and reason of every image that cannot be read.
        ignored: files that are not images by their names.
        kind: as in `DataSpec`.
        parts: of pairs and domains, the images of each key by themselves; the numbers above are then of all together.
        problems: why the whole cannot be trained on although each image may be sound, a sentence each.
        scale: of pairs that have it in common, how many times as large the targets are along each side.
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
        }


class Source(ABC, Generic[C]):
    """Reads one kind of data.

    A source honours every option of `SourceConfig` but `random_crop` and `flip`, which are the loader's. Most do it by
    describing their content as `gancli.data.sources.arrays.Arrays` or `gancli.data.pack.Pictures`, which select, fit
    and convert images.
    A source of points refuses the options of pixels in its config, as `gancli.data.sources.config.PointsConfig` does.
    """

    def __init__(self, config: C) -> None:
        self.config = config

    @abstractmethod
    def read(self, progress: Progress | None = None) -> PackedDataset:
        """The images that the recipe asks for.

        Raises:
            DataError: there are none, or they cannot be had; the text says what to do.
        """

    def whole(self, progress: Progress | None = None) -> Mapping[str, PackedDataset]:
        """The images as they are, each at its own size, by key: what is upscaled, rather than trained on.

        They are those of `read`, unless a source knows better.

        Raises:
            DataError: as `read` raises.
        """
        return {"image": self.read(progress)}

    @abstractmethod
    def survey(self, progress: Progress | None = None) -> DataSummary:
        """What there is in `config.split`, whatever the other options say. An image that cannot be read is listed.

        Raises:
            DataError: the source as a whole cannot be had.
        """


if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)
