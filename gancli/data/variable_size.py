"""Images of different sizes in one array: photographs at full size, from which training takes random crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gancli.io.types import Bytes

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class VariableSizeImages:
    """N images, stored one after the other.

    Args:
        flat: pixels of all images, one-dimensional, each image in the order (C, H, W); possibly a read-only memory map.
        sizes: (height, width) of each image, int64 (N, 2).
        channels: number of channels, the same for all images.
    """

    flat: Bytes
    sizes: Integers
    channels: int

    @classmethod
    def of_equal(cls, images: Bytes) -> VariableSizeImages:
        """Wrap images (N, C, H, W) of one size; contiguous arrays are not copied."""
        count, channels, height, width = images.shape
        return cls(images.reshape(-1), np.full((count, 2), (height, width), dtype=np.int64), channels)

    @classmethod
    def of(cls, images: Sequence[Bytes]) -> VariableSizeImages:
        """Concatenate one or more images (C, H, W) with equal numbers of channels."""
        sizes = np.array([image.shape[1:] for image in images], dtype=np.int64)
        return cls(np.concatenate([image.reshape(-1) for image in images]), sizes, images[0].shape[0])

    @cached_property
    def starts(self) -> Integers:
        """Offset of each image in `flat`, (N,)."""
        lengths = self.sizes.prod(1) * self.channels
        starts: Integers = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        return starts

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, row: int) -> Bytes:
        """Return one image, (C, H, W), without a copy."""
        (height, width), start = self.sizes[row].tolist(), int(self.starts[row])
        image: Bytes = self.flat[start : start + self.channels * height * width].reshape(self.channels, height, width)
        return image

    def part(self, start: int | None, end: int | None) -> VariableSizeImages:
        """Return the images of the slice `start:end`, without a copy."""
        sizes, starts = self.sizes[start:end], self.starts[start:end]
        first = int(starts[0]) if len(starts) else 0
        length = int(sizes.prod(1).sum()) * self.channels
        return VariableSizeImages(self.flat[first : first + length], sizes, self.channels)

    @property
    def smallest(self) -> tuple[int, int]:
        """Smallest height and smallest width: the largest crop that fits into every image."""
        height, width = self.sizes.min(0).tolist()
        return height, width
