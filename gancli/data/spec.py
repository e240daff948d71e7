"""Description of a dataset that a family receives before it builds its networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class LabelSet:
    """Labels of one dataset.

    Args:
        name: name of the dataset; empty if there is only one.
        labels: names of its columns in a batch's `attributes`.
        exclusive: True if each image has exactly one of the labels, False if it can have any number (attributes).
    """

    name: str = ""
    labels: tuple[str, ...]
    exclusive: bool


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """Shape of one image, and names of the labels.

    Pairs and unpaired domains have several images per sample, under keys other than `image`. All have the same height
    and width; `channels_of` gives the channels of each key, and `channels` and `shape` describe the generated images:
    `target` of a pair, `b` of two domains.

    Points are images of one pixel whose channels are coordinates: unbounded real numbers, so networks for `points` must
    not end in a tanh.

    Args:
        channels: 1 (grey), 3 (RGB) or 4 (RGBA); for points, the number of dimensions.
        height: height in pixels; 1 for points.
        width: width in pixels; 1 for points.
        labels: names of the labels by index, or of the attributes by column; empty if the data has none.
        kind: `image`, with values in [-1, 1] in batches, or `points`.
        channels_of: channels of the images of each key, such as `source` and `target`; empty if `image` is the only
            key.
        label_sets: `labels` in consecutive groups, if they are attributes or come from several datasets; empty if each
            image has exactly one of the labels. `known` covers both cases.
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
        """Label sets, indexed by a batch's `dataset`; empty if the data has no labels."""
        return self.label_sets or ((LabelSet(labels=self.labels, exclusive=True),) if self.labels else ())

    @property
    def image_keys(self) -> tuple[str, ...]:
        """Batch keys of images or points."""
        return tuple(self.channels_of) or ("image",)

    def shape_of(self, key: str) -> tuple[int, int, int]:
        """Return (channels, height, width) of the images of a key."""
        return self.channels_of.get(key, self.channels), self.height, self.width

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.height, self.width

    @property
    def described(self) -> str:
        """Text to follow a count: `images of 1x28x28` or `points in 2 dimensions`."""
        if self.kind == "points":
            return f"points in {self.channels} dimension{'s' if self.channels > 1 else ''}"
        return f"images of {self.channels}x{self.height}x{self.width}"

    def to_json(self) -> dict[str, Any]:
        sets = [
            {"name": item.name, "labels": list(item.labels), "exclusive": item.exclusive} for item in self.label_sets
        ]
        values = {**asdict(self), "labels": list(self.labels), "label_sets": sets}
        for key in ("channels_of", "label_sets"):  # left out if empty, as in fingerprints made before they were added
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
                    name=str(item["name"]),
                    labels=tuple(str(name) for name in item["labels"]),
                    exclusive=bool(item["exclusive"]),
                )
                for item in values.get("label_sets", ())
            ),
        )
