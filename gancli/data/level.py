"""The images at one resolution, on the device or gathered ahead: whole ones, or the parts that an order cuts out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from gancli.data.order import Take
from gancli.data.ragged import Ragged
from gancli.data.residency import fits
from gancli.data.resizing import Size
from gancli.data.source import Array

Images = Array | Ragged
"""Images of one size, (N, C, H, W), or of many."""


class Level:
    """Where the samples of a batch come from.

    Args:
        size: (height, width) at which they are delivered.
        images: by key, of that size or larger.
        device: where batches go.
        resident: whether the images stay there; as `fits` says, if None.
        crop: whether parts are cut out of them.
    """

    def __init__(
        self, size: Size, images: Mapping[str, Images], device: torch.device, *, resident: bool | None, crop: bool
    ) -> None:
        self._device = device
        self.size = size
        arrays = [each.flat if isinstance(each, Ragged) else each for each in images.values()]
        self.resident = fits(arrays, device) if resident is None else resident
        self.home = device if self.resident else torch.device("cpu")  # where rows are looked up
        self._gather = {key: self._gatherer(each, crop=crop) for key, each in images.items()}
        self._readers = {} if self.resident else {key: _Reader(gather) for key, gather in self._gather.items()}

    def gather(self, key: str, take: Take, ahead: Take | None) -> Tensor:
        """The samples of `take` as they were packed, (N, C, *size), on the device; those of `ahead` may be started."""
        if ahead is None or key not in self._readers:
            return self._gather[key](take)
        return self._readers[key].read(take, ahead).to(self._device, non_blocking=True)

    def _gatherer(self, images: Images, *, crop: bool) -> Callable[[Take], Tensor]:
        pinned = self._device.type == "cuda" and not self.resident
        if not crop:
            assert isinstance(images, np.ndarray)
            return _Rows(images, self.home, pinned=pinned)
        ragged = images if isinstance(images, Ragged) else Ragged.of_equal(images)
        return _Parts(ragged, self.size, self.home, pinned=pinned)


class _Rows:
    """Whole images of one size."""

    def __init__(self, images: Array, home: torch.device, *, pinned: bool) -> None:
        self._shape = images.shape[1:]
        self._images = as_tensor(images).flatten(1).to(home)
        self._pinned = pinned

    def __call__(self, take: Take) -> Tensor:
        images, shape = self._images, (len(take.rows), self._images.shape[1])
        out = torch.empty(shape, dtype=images.dtype, device=images.device, pin_memory=self._pinned)
        return torch.index_select(images, 0, take.rows, out=out).view(-1, *self._shape)


class _Parts:
    """A part of each image, each of all places being equally likely."""

    def __init__(self, images: Ragged, size: Size, home: torch.device, *, pinned: bool) -> None:
        self._size, self._pinned, self._channels = size, pinned, images.channels
        self._flat = as_tensor(images.flat).to(home)
        self._sizes, self._starts = as_tensor(images.sizes).to(home), as_tensor(images.starts).to(home)

    def __call__(self, take: Take) -> Tensor:
        assert take.places is not None
        sizes, starts = self._sizes[take.rows], self._starts[take.rows]
        room = sizes - torch.tensor(self._size, device=sizes.device) + 1
        corners = (take.places * room).long()
        cut = self._slice if self._flat.device.type == "cpu" else self._index
        return cut(starts, sizes, corners)

    def _slice(self, starts: Tensor, sizes: Tensor, corners: Tensor) -> Tensor:
        """Piece by piece, which reads no more than it takes: many times as fast as by index, and as good from disk."""
        (height, width), channels = self._size, self._channels
        parts = torch.empty(len(starts), channels, height, width, dtype=self._flat.dtype, pin_memory=self._pinned)
        places = zip(parts, starts.tolist(), sizes.tolist(), corners.tolist(), strict=True)
        for part, start, (rows, columns), (top, left) in places:
            image = self._flat[start : start + channels * rows * columns].view(channels, rows, columns)
            part.copy_(image[:, top : top + height, left : left + width])
        return parts

    def _index(self, starts: Tensor, sizes: Tensor, corners: Tensor) -> Tensor:
        """All at once, for a device that would wait for each piece."""
        (height, width), channels, device = self._size, self._channels, starts.device

        def along(values: Tensor, axis: int) -> Tensor:
            return values.view([-1 if each == axis else 1 for each in range(4)])

        rows, columns = along(sizes[:, 0], 0), along(sizes[:, 1], 0)
        line = along(torch.arange(channels, device=device), 1) * rows + along(corners[:, 0], 0)
        line = line + along(torch.arange(height, device=device), 2)
        place = along(starts, 0) + line * columns + along(corners[:, 1], 0)
        place = place + along(torch.arange(width, device=device), 3)
        return self._flat.index_select(0, place.flatten()).view(place.shape)


class _Reader:
    """Gathers from memory or from disk, with the next batch under way in a thread."""

    def __init__(self, gather: Callable[[Take], Tensor]) -> None:
        self._gather = gather
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gancli-data")
        self._ahead: tuple[Take, Future[Tensor]] | None = None

    def read(self, take: Take, following: Take) -> Tensor:
        """The samples of `take`, while those of `following` are started; a wrong guess only costs its time."""
        expected, future = self._ahead or (None, None)
        if future is not None and expected is not None and expected.same(take):
            images = future.result()
        else:
            images = self._gather(take)
        self._ahead = following, self._thread.submit(self._gather, following)
        return images


def as_tensor(array: np.ndarray) -> Tensor:
    """The array itself, without a copy, even where it is read-only."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # and nothing here writes to it
        return torch.from_numpy(array)
