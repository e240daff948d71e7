"""What a data source is, and what it hands over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from gancli.dataspec import DataSpec
from gancli.recipe import SourceConfig

if TYPE_CHECKING:
    from gancli.data.mixture import Mixture

C = TypeVar("C", bound=SourceConfig)

Bytes = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

Progress = Callable[[int, int], None]
"""Called with how many images are done and how many there are."""


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A data set, ready to draw from.

    Args:
        images: (N, C, H, W) in 0..255, possibly a read-only memory map; of points, (N, D, 1, 1) as they are.
        labels: (N,), indices into `spec.labels`; None where the source has no labels.
        spec: the shape of one image and the names of the labels.
        fingerprint: SHA-256, in hex, of the content (or of what stands for it) and of every option that changes it.
        mixture: the known distribution that points were drawn from; None of images.
    """

    images: Bytes | Points
    labels: Labels | None
    spec: DataSpec
    fingerprint: str
    mixture: Mixture | None = None


@dataclass(frozen=True, kw_only=True)
class Survey:
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
        }


class Source(ABC, Generic[C]):
    """Reads one kind of data.

    A source honours every option of `SourceConfig` but `flip`, which is the loader's. Most do it by describing their
    content as `gancli.data.arrays.Arrays` or `gancli.data.packing.Pictures`, which know how to choose, fit and convert.
    A source of points refuses the options of pixels in its config, as `gancli.data.config.PointsConfig` does.
    """

    def __init__(self, config: C) -> None:
        self.config = config

    @abstractmethod
    def read(self, progress: Progress | None = None) -> Packed:
        """The images that the recipe asks for.

        Raises:
            DataError: there are none, or they cannot be had; the text says what to do.
        """

    @abstractmethod
    def survey(self, progress: Progress | None = None) -> Survey:
        """What there is in `config.split`, whatever the other options say. An image that cannot be read is listed.

        Raises:
            DataError: the source as a whole cannot be had.
        """
