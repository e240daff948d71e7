"""What a family may know about its data before it builds a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class LabelSet:
    """Labels that are known together: those of one data set.

    Args:
        name: of the data set; empty where there is only one.
        labels: the names of its columns in a batch's `attributes`.
        exclusive: each image has exactly one of them, as a label; otherwise any number, as attributes.
    """

    name: str = ""
    labels: tuple[str, ...]
    exclusive: bool


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """The shape of one image, and the names of the labels.

    Where a batch holds images under other keys than `image`, as pairs and unpaired domains do, all have one height and
    width, `channels_of` tells their channels apart, and `channels` and `shape` are those of what is generated: `target`
    of a pair, `b` of two domains.

    A family that accepts points builds networks for them where `kind` says so: points are images of one pixel whose
    channels are coordinates, real numbers without bounds, so no output ends in a tanh.

    Args:
        channels: 1 (grey), 3 (RGB) or 4 (RGBA); of points, the dimensions.
        height: in pixels; 1 for points.
        width: in pixels; 1 for points.
        labels: the name of every label, in the order of their indices, or of every attribute, in the order of their
            columns; empty where the data has none.
        kind: `image`, in [-1, 1] inside the toolkit, or `points`.
        channels_of: the channels of the images under each key, such as `source` and `target`; empty where `image` is
            the only one.
        label_sets: `labels` in parts, in their order, where they are attributes or come from several data sets; empty
            where each image has one of them. `known` says it of any data.
    """

    channels: int
    height: int
    width: int
    labels: tuple[str, ...] = ()
    kind: Literal["image", "points"] = "image"
    channels_of: Mapping[str, int] = field(default_factory=dict, hash=False)
    label_sets: tuple[LabelSet, ...] = ()

    @property
    def known(self) -> tuple[LabelSet, ...]:
        """The labels by data set; a batch's `dataset` counts these. Empty where the data has none."""
        return self.label_sets or ((LabelSet(labels=self.labels, exclusive=True),) if self.labels else ())

    @property
    def image_keys(self) -> tuple[str, ...]:
        """The keys of a batch that hold images, or points."""
        return tuple(self.channels_of) or ("image",)

    def shape_of(self, key: str) -> tuple[int, int, int]:
        """(channels, height, width) of the images under a key."""
        return self.channels_of.get(key, self.channels), self.height, self.width

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.height, self.width

    @property
    def described(self) -> str:
        """What stands behind a number of them: `images of 1x28x28` or `points in 2 dimensions`."""
        if self.kind == "points":
            return f"points in {self.channels} dimension{'s' if self.channels > 1 else ''}"
        return f"images of {self.channels}x{self.height}x{self.width}"

    def to_json(self) -> dict[str, Any]:
        sets = [
            {"name": each.name, "labels": list(each.labels), "exclusive": each.exclusive} for each in self.label_sets
        ]
        values = {**asdict(self), "labels": list(self.labels), "label_sets": sets}
        for key in ("channels_of", "label_sets"):  # fingerprints are made of this, and older than these two
            if not values[key]:
                del values[key]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DataSpec:
        return cls(
            channels=int(values["channels"]),
            height=int(values["height"]),
            width=int(values["width"]),
            labels=tuple(str(name) for name in values["labels"]),
            kind="points" if values.get("kind") == "points" else "image",
            channels_of={str(key): int(channels) for key, channels in values.get("channels_of", {}).items()},
            label_sets=tuple(
                LabelSet(
                    name=str(each["name"]),
                    labels=tuple(str(name) for name in each["labels"]),
                    exclusive=bool(each["exclusive"]),
                )
                for each in values.get("label_sets", ())
            ),
        )
