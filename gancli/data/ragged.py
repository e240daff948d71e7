"""Images of many sizes in one array: photographs kept as they are, of which training cuts out parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gancli.plugins.moved_modules import old_names

Bytes = npt.NDArray[np.uint8]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class VariableSizeImages:
    """N images, one after the other.

    Args:
        flat: the pixels, (all,), of each image in the order (C, H, W); possibly a read-only memory map.
        sizes: (height, width) of each, int64 (N, 2).
        channels: of every one.
    """

    flat: Bytes
    sizes: Integers
    channels: int

    @classmethod
    def of_equal(cls, images: Bytes) -> VariableSizeImages:
        """Images (N, C, H, W) that share one size; nothing is copied if they lie in one piece."""
        count, channels, height, width = images.shape
        return cls(images.reshape(-1), np.full((count, 2), (height, width), dtype=np.int64), channels)

    @classmethod
    def of(cls, images: Sequence[Bytes]) -> VariableSizeImages:
        """Images (C, H, W), one at least, of as many channels each."""
        sizes = np.array([image.shape[1:] for image in images], dtype=np.int64)
        return cls(np.concatenate([image.reshape(-1) for image in images]), sizes, images[0].shape[0])

    @cached_property
    def starts(self) -> Integers:
        """Where each image begins in `flat`, (N,)."""
        lengths = self.sizes.prod(1) * self.channels
        starts: Integers = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        return starts

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, row: int) -> Bytes:
        """One image, (C, H, W), without a copy."""
        (height, width), start = self.sizes[row].tolist(), int(self.starts[row])
        image: Bytes = self.flat[start : start + self.channels * height * width].reshape(self.channels, height, width)
        return image

    def part(self, start: int | None, end: int | None) -> VariableSizeImages:
        """The images from `start` up to `end`, as in a slice; nothing is copied."""
        sizes, starts = self.sizes[start:end], self.starts[start:end]
        first = int(starts[0]) if len(starts) else 0
        return VariableSizeImages(
            self.flat[first : first + int(sizes.prod(1).sum()) * self.channels], sizes, self.channels
        )

    @property
    def smallest(self) -> tuple[int, int]:
        """The largest (height, width) that lies within every image."""
        height, width = self.sizes.min(0).tolist()
        return height, width


if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)
