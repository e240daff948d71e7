"""The data loader: batches in an order that depends only on the seed and on the number of samples drawn before.

Epoch e visits every image once, or as often as `PackedDataset.epoch` says, in its own permutation; batches continue
from one epoch into the next. Each of two unpaired domains has epochs of its own length. So `position` is the only
state to save for an exact resume, and the order depends neither on the batch size nor on the device nor on read-ahead.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gancli.data.dataset import array_of
from gancli.data.memory import fits
from gancli.data.ragged import VariableSizeImages
from gancli.data.resolutions import Levels
from gancli.data.source import PackedDataset, stream_of
from gancli.errors import DataError
from gancli.io.resize import Size
from gancli.io.types import Array


class Loader:
    """An endless stream of batches.

    The images stay on the device, as they were packed, where they take at most a quarter of its free memory. On a CPU
    the packed array itself is used, without a copy, unless it is a map of more than a quarter of all memory. What does
    not fit is gathered from the array by a thread, one batch ahead. Of the levels, only the one that is drawn from is
    held so; it is chosen by the first draw, and gives way to another one where the resolution changes.

    The images of a pair stay together: they share order, crop and flip. The unpaired domains `a` and `b` have orders,
    crops and flips of their own.

    Args:
        packed: the data set. Where its images are larger than its spec, or of many sizes, parts of the spec's size are
            cut out of them, anew in each epoch.
        keys: what a batch holds, such as `image` and `label`.
        seed: of the order, the crops and the flips.
        device: where batches go.
        flip: mirrors each image with probability 1/2, drawn anew in each epoch.
        resident: keeps the images on the device, or does not, instead of the rule above.
        levels: the images at each resolution that will be drawn; at their own only, if left out.

    Attributes:
        position: samples drawn since the run began. Setting it is all it takes to restore a loader.

    Raises:
        DataError: a key is asked for that the data does not have.
    """

    def __init__(
        self,
        packed: PackedDataset,
        *,
        keys: tuple[str, ...],
        seed: int,
        device: torch.device,
        flip: bool = False,
        resident: bool | None = None,
        levels: Levels | None = None,
    ) -> None:
        self.position = 0
        self._device = device
        self._own: Size = packed.spec.height, packed.spec.width
        self._keys = {key: stream_of(key) for key in keys}
        self._images = tuple(key for key in keys if key in packed.spec.image_keys)
        stored = {key: packed.ragged[key] if key in packed.ragged else array_of(packed, key) for key in keys}
        self._levels = {self._own: stored} if levels is None else levels
        self._beside = {key: as_tensor(array_of(packed, key)) for key in keys if key not in self._images}
        self._crop = any(key in packed.ragged or packed.arrays[key].shape[2:] != self._own for key in self._images)
        self._orders = {
            stream: EpochSampler(len(stored[key]), packed.epoch, seed=seed, stream=stream, flip=flip, crop=self._crop)
            for key, stream in self._keys.items()
        }
        self._wanted = resident
        self._level: BatchGatherer | None = None

    @property
    def resident(self) -> bool:
        """Whether the images of the last batch lie on the device."""
        return self._level is not None and self._level.resident

    def draw(self, batch_size: int, resolution: Size | None = None) -> dict[str, Tensor]:
        """The next batch: images, float32 (N, C, H, W), `label`, int64 (N,), and so on, as far as asked for.

        Bytes become numbers in [-1, 1]; points, which are floats already, are delivered as they are.

        Args:
            batch_size: N, which may exceed the data set.
            resolution: (height, width), one of the levels; the data's own if None.

        Raises:
            DataError: there is no such level.
        """
        level = self._open(resolution or self._own)
        takes = {stream: order.take(self.position, batch_size) for stream, order in self._orders.items()}
        following = {} if level.resident else self._following(batch_size)
        batch = {}
        for key, stream in self._keys.items():
            take = takes[stream]
            if key in self._images:
                batch[key] = _prepared(level.gather(key, take, following.get(stream)), take.flips)
            else:
                batch[key] = self._beside[key].index_select(0, take.rows).to(self._device)
        self.position += batch_size
        return batch

    def _following(self, batch_size: int) -> dict[str, SampleBatch]:
        """The next batch, to be read ahead."""
        return {stream: order.take(self.position + batch_size, batch_size) for stream, order in self._orders.items()}

    def _open(self, size: Size) -> BatchGatherer:
        """The level of this size, after letting go of any other one."""
        if self._level is None or self._level.size != size:
            if size not in self._levels:
                raise DataError(f"there are no images of {size[0]}x{size[1]} here: build that level for the loader")
            self._level = None  # so that its place is free where the next one asks for room
            images = {key: self._levels[size][key] for key in self._images}
            self._level = BatchGatherer(size, images, self._device, resident=self._wanted, crop=self._crop)
            for order in self._orders.values():
                order.move(self._level.home)
            self._beside = {key: tensor.to(self._level.home) for key, tensor in self._beside.items()}
        return self._level


def split(batch: dict[str, Tensor], parts: int) -> list[dict[str, Tensor]]:
    """A batch as so many micro-batches, which share its memory."""
    chunks = {name: tensor.chunk(parts) for name, tensor in batch.items()}
    return [{name: chunks[name][index] for name in chunks} for index in range(parts)]


def _prepared(images: Tensor, flips: Tensor | None) -> Tensor:
    """Images (N, C, H, W) as networks take them: mirrored, and in [-1, 1] where they are bytes."""
    if flips is not None:
        images = torch.where(flips.to(images.device).view(-1, 1, 1, 1), images.flip(3), images)
    if images.dtype == torch.uint8:
        # Dividing is exact at both ends, 0 -> -1 and 255 -> 1; multiplying by the reciprocal is not.
        images = images.to(torch.float32).div_(127.5).sub_(1.0)
    return images


Images = Array | VariableSizeImages
"""Images of one size, (N, C, H, W), or of many."""


class BatchGatherer:
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
        arrays = [each.flat if isinstance(each, VariableSizeImages) else each for each in images.values()]
        self.resident = fits(arrays, device) if resident is None else resident
        self.home = device if self.resident else torch.device("cpu")  # where rows are looked up
        self._gather = {key: self._gatherer(each, crop=crop) for key, each in images.items()}
        self._readers = {} if self.resident else {key: _Reader(gather) for key, gather in self._gather.items()}

    def gather(self, key: str, take: SampleBatch, ahead: SampleBatch | None) -> Tensor:
        """The samples of `take` as they were packed, (N, C, *size), on the device; those of `ahead` may be started."""
        if ahead is None or key not in self._readers:
            return self._gather[key](take)
        return self._readers[key].read(take, ahead).to(self._device, non_blocking=True)

    def _gatherer(self, images: Images, *, crop: bool) -> Callable[[SampleBatch], Tensor]:
        pinned = self._device.type == "cuda" and not self.resident
        if not crop:
            assert isinstance(images, np.ndarray)
            return _Rows(images, self.home, pinned=pinned)
        ragged = images if isinstance(images, VariableSizeImages) else VariableSizeImages.of_equal(images)
        return _Parts(ragged, self.size, self.home, pinned=pinned)


class _Rows:
    """Whole images of one size."""

    def __init__(self, images: Array, home: torch.device, *, pinned: bool) -> None:
        self._shape = images.shape[1:]
        self._images = as_tensor(images).flatten(1).to(home)
        self._pinned = pinned

    def __call__(self, take: SampleBatch) -> Tensor:
        images, shape = self._images, (len(take.rows), self._images.shape[1])
        out = torch.empty(shape, dtype=images.dtype, device=images.device, pin_memory=self._pinned)
        return torch.index_select(images, 0, take.rows, out=out).view(-1, *self._shape)


class _Parts:
    """A part of each image, each of all places being equally likely."""

    def __init__(self, images: VariableSizeImages, size: Size, home: torch.device, *, pinned: bool) -> None:
        self._size, self._pinned, self._channels = size, pinned, images.channels
        self._flat = as_tensor(images.flat).to(home)
        self._sizes, self._starts = as_tensor(images.sizes).to(home), as_tensor(images.starts).to(home)

    def __call__(self, take: SampleBatch) -> Tensor:
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

    def __init__(self, gather: Callable[[SampleBatch], Tensor]) -> None:
        self._gather = gather
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gancli-data")
        self._ahead: tuple[SampleBatch, Future[Tensor]] | None = None

    def read(self, take: SampleBatch, following: SampleBatch) -> Tensor:
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


class SampleBatch(NamedTuple):
    """Of some samples: their rows, int64 (N,); whether each is mirrored, bool (N,); where each is cut, in [0, 1)
    of the room down and across, float32 (N, 2). None: none is.
    """

    rows: Tensor
    flips: Tensor | None
    places: Tensor | None

    def part(self, start: int, end: int) -> SampleBatch:
        return SampleBatch(*(None if each is None else each[start:end] for each in self))  # type: ignore[arg-type]

    def same(self, other: SampleBatch) -> bool:
        """Whether it is of the same rows, cut at the same places. Mirroring comes later."""
        placed = (self.places is None) == (other.places is None) and (
            self.places is None or other.places is None or torch.equal(self.places, other.places)
        )
        return placed and torch.equal(self.rows, other.rows)

    def to(self, device: torch.device) -> SampleBatch:
        return SampleBatch(*(None if each is None else each.to(device) for each in self))  # type: ignore[arg-type]


class EpochSampler:
    """Which image of a stream comes at which position, whether it is mirrored, and where it is cut."""

    def __init__(self, count: int, epoch: np.ndarray | None, *, seed: int, stream: str, flip: bool, crop: bool) -> None:
        self._shown = None if epoch is None else torch.from_numpy(epoch)
        self._count = count if epoch is None else len(epoch)
        self._seed = f"{seed}/{stream}" if stream else str(seed)
        self._flip, self._crop = flip, crop
        self._home = torch.device("cpu")
        self._epochs: dict[int, SampleBatch] = {}

    def move(self, home: torch.device) -> None:
        """Answers on another device from now on."""
        if home != self._home:
            self._home, self._epochs = home, {}

    def take(self, position: int, count: int) -> SampleBatch:
        """The samples at `position` and the `count` - 1 after it."""
        epoch, start = divmod(position, self._count)
        if start + count <= self._count:
            return self._epoch(epoch).part(start, start + count)
        parts = []
        while count:
            end = min(start + count, self._count)
            parts.append(self._epoch(epoch).part(start, end))
            count -= end - start
            epoch, start = epoch + 1, 0
        joined = (None if columns[0] is None else torch.cat(columns) for columns in zip(*parts, strict=True))
        return SampleBatch(*joined)  # type: ignore[arg-type]

    def _epoch(self, epoch: int) -> SampleBatch:
        if epoch not in self._epochs:
            digest = hashlib.sha256(f"{self._seed}/{epoch}".encode()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))  # it uses 32 bits of a seed
            rows, flips, places = torch.randperm(self._count, generator=generator), None, None
            if self._shown is not None:
                rows = self._shown[rows]
            if self._flip:
                flips = torch.randint(2, (self._count,), generator=generator, dtype=torch.bool)
            if self._crop:
                places = torch.rand(self._count, 2, generator=generator)
            self._epochs = {number: kept for number, kept in self._epochs.items() if abs(number - epoch) == 1}
            self._epochs[epoch] = SampleBatch(rows, flips, places).to(self._home)
        return self._epochs[epoch]
