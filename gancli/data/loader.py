"""Draws batches in an order that is a pure function of the seed and of how many samples were drawn before.

Epoch e visits every image once, in a permutation of its own; batches run on from one epoch into the next. So nothing
but `position` has to be saved to go on where a run stopped, and the order depends neither on the batch size nor on the
device nor on read-ahead.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.data.source import Packed
from gancli.errors import DataError

KEYS = ("image", "label")


class Loader:
    """An endless stream of batches.

    The images stay on the device, as they were packed, where they take at most a quarter of its free memory. On a CPU
    the packed array itself is used, without a copy, unless it is a map of more than a quarter of all memory. What does
    not fit is gathered from the array by a thread, one batch ahead.

    Args:
        packed: the data set.
        keys: what a batch holds, out of `image` and `label`.
        seed: of the order and of the flips.
        device: where batches go.
        flip: mirrors each image with probability 1/2, drawn anew in each epoch.
        resident: keeps the images on the device, or does not, instead of the rule above.

    Attributes:
        position: samples drawn since the run began. Setting it is all it takes to restore a loader.

    Raises:
        DataError: a key is asked for that the data does not have.
    """

    def __init__(
        self,
        packed: Packed,
        *,
        keys: tuple[str, ...],
        seed: int,
        device: torch.device,
        flip: bool = False,
        resident: bool | None = None,
    ) -> None:
        for key in keys:
            if key not in KEYS or (key == "label" and packed.labels is None):
                raise DataError(f"the data has no {key!r}; choose a source that yields it, see `gan data ls`")
        self.position = 0
        self.resident = _fits(packed, device) if resident is None else resident
        self._keys = keys
        self._device = device
        self._shape = packed.spec.shape
        home = device if self.resident else torch.device("cpu")  # where rows are looked up
        self._order = _Order(len(packed.images), seed=seed, flip=flip, device=home)
        self._labels = None if packed.labels is None else _as_tensor(packed.labels).to(home)
        images = _as_tensor(packed.images).flatten(1)
        self._images = images.to(home)
        self._reader = None if self.resident else _Reader(images, pinned=device.type == "cuda")

    def draw(self, batch_size: int, resolution: tuple[int, int] | None = None) -> dict[str, Tensor]:
        """The next batch: `image`, float32 (N, C, H, W), and `label`, int64 (N,), as far as asked for.

        Bytes become numbers in [-1, 1]; points, which are floats already, are delivered as they are.

        Args:
            batch_size: N, which may exceed the data set.
            resolution: (height, width) to reduce the images to, by averaging whole squares.

        Raises:
            DataError: `resolution` does not divide the data's.
        """
        rows, flips = self._order.take(self.position, batch_size)
        batch = {}
        if "image" in self._keys:
            images = self._gather(rows, batch_size)
            if flips is not None:
                images = torch.where(flips.to(self._device).view(-1, 1, 1, 1), images.flip(3), images)
            values = images
            if images.dtype == torch.uint8:
                # Dividing is exact at both ends, 0 -> -1 and 255 -> 1; multiplying by the reciprocal is not.
                values = images.to(torch.float32).div_(127.5).sub_(1.0)
            batch["image"] = values if resolution in (None, self._shape[1:]) else self._reduce(values, resolution)
        if "label" in self._keys and self._labels is not None:
            batch["label"] = self._labels.index_select(0, rows).to(self._device)
        self.position += batch_size
        return batch

    def _gather(self, rows: Tensor, batch_size: int) -> Tensor:
        """The images as they were packed, (N, C, H, W), on the device."""
        if self._reader is None:
            return self._images.index_select(0, rows).view(-1, *self._shape)
        ahead, _ = self._order.take(self.position + batch_size, batch_size)
        images = self._reader.read(rows, ahead)
        return images.to(self._device, non_blocking=True).view(-1, *self._shape)

    def _reduce(self, images: Tensor, resolution: tuple[int, int]) -> Tensor:
        _, height, width = self._shape
        down, across = height // resolution[0], width // resolution[1]
        if (down * resolution[0], across * resolution[1]) != (height, width):
            raise DataError(
                f"images of {height}x{width} cannot be reduced to {resolution[0]}x{resolution[1]} by whole numbers; "
                "set data.resolution to a multiple of every stage's"
            )
        return F.avg_pool2d(images, (down, across))


class _Order:
    """Which image comes at which position, and whether it is mirrored."""

    def __init__(self, count: int, *, seed: int, flip: bool, device: torch.device) -> None:
        self._count = count
        self._device = device
        self._seed = seed
        self._flip = flip
        self._epochs: dict[int, tuple[Tensor, Tensor | None]] = {}

    def take(self, position: int, count: int) -> tuple[Tensor, Tensor | None]:
        """Rows (int64) and flips (bool, or None) of the samples at `position` and the `count` - 1 after it."""
        epoch, start = divmod(position, self._count)
        rows, flips = self._epoch(epoch)
        if start + count <= self._count:
            return rows[start : start + count], None if flips is None else flips[start : start + count]
        parts = []
        while count:
            rows, flips = self._epoch(epoch)
            end = min(start + count, self._count)
            parts.append((rows[start:end], None if flips is None else flips[start:end]))
            count -= end - start
            epoch, start = epoch + 1, 0
        flipped = [flips for _, flips in parts if flips is not None]
        return torch.cat([rows for rows, _ in parts]), torch.cat(flipped) if flipped else None

    def _epoch(self, epoch: int) -> tuple[Tensor, Tensor | None]:
        if epoch not in self._epochs:
            digest = hashlib.sha256(f"{self._seed}/{epoch}".encode()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))  # it uses 32 bits of a seed
            rows = torch.randperm(self._count, generator=generator).to(self._device)
            flips = None
            if self._flip:
                flips = torch.randint(2, (self._count,), generator=generator, dtype=torch.bool).to(self._device)
            self._epochs = {number: kept for number, kept in self._epochs.items() if abs(number - epoch) == 1}
            self._epochs[epoch] = rows, flips
        return self._epochs[epoch]


class _Reader:
    """Gathers rows from an array in memory or on disk, with the next batch under way in a thread."""

    def __init__(self, images: Tensor, *, pinned: bool) -> None:
        self._images = images
        self._pinned = pinned
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gancli-data")
        self._ahead: tuple[Tensor, Future[Tensor]] | None = None

    def read(self, rows: Tensor, next_rows: Tensor) -> Tensor:
        """The images of `rows`, while those of `next_rows` are started; a wrong guess only costs its time."""
        expected, future = self._ahead or (None, None)
        if future is not None and expected is not None and torch.equal(expected, rows):
            images = future.result()
        else:
            images = self._gather(rows)
        self._ahead = next_rows, self._thread.submit(self._gather, next_rows)
        return images

    def _gather(self, rows: Tensor) -> Tensor:
        shape = (len(rows), self._images.shape[1])
        images = torch.empty(shape, dtype=self._images.dtype, pin_memory=self._pinned)
        return torch.index_select(self._images, 0, rows, out=images)


def _as_tensor(images: np.ndarray) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # and nothing here writes to it
        return torch.from_numpy(images)


def _fits(packed: Packed, device: torch.device) -> bool:
    if device.type == "cpu":
        mapped = isinstance(packed.images, np.memmap)
        return not mapped or packed.images.nbytes <= _physical_memory() // 4
    if device.type == "cuda":
        return packed.images.nbytes <= torch.cuda.mem_get_info(device)[0] // 4
    return packed.images.nbytes <= _physical_memory() // 4  # Apple's GPUs share the CPU's memory


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
