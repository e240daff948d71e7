"""The data loader: batches in an order that depends only on the seed and on the number of samples seen before.

Epoch e shows every image once, or as often as `PackedDataset.epoch` says, in its own permutation; batches continue from
one epoch into the next. Two unpaired domains have epochs of their own lengths. Therefore `position` is the only state
needed for exact resume, and the order does not depend on the batch size, the device or read-ahead.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gancli.data.dataset import array_for
from gancli.data.resolutions import Levels, fits_in_memory
from gancli.data.source import PackedDataset, stream_of
from gancli.data.variable_size import VariableSizeImages
from gancli.errors import DataError
from gancli.io.images import normalize
from gancli.io.resize import Size
from gancli.io.types import Array, Bytes, Points

Images = Array | VariableSizeImages
"""Images (N, C, H, W) of one size, or of different sizes."""

Rows = npt.NDArray[np.int64]


class Loader:
    """Endless stream of batches.

    If the packed images take at most a quarter of the device's free memory, they stay on the device. On a CPU, the
    packed array is used without a copy, unless it is a memory map of more than a quarter of all memory. Larger data are
    read from the array by a thread, one batch ahead. Of several levels, only the current one is kept this way. It is
    chosen by the first batch and released when the resolution changes.

    The images of a pair share order, crop and flip. The unpaired domains `a` and `b` have independent orders, crops and
    flips.

    Args:
        packed: dataset. Images larger than its spec, or of different sizes, are randomly cropped to the spec's size,
            with new crops in each epoch.
        keys: keys of a batch, such as `image` and `label`.
        seed: seed of the order, the crops and the flips.
        device: device of the batches.
        flip: mirror each image horizontally with probability 1/2, with new choices in each epoch.
        resident: keep the images on the device, or not (None: decide by the rule above).
        levels: images at each resolution in use (default: only the dataset's own resolution).

    Attributes:
        position: number of samples seen since the start of training. Assign it to restore a loader.

    Raises:
        DataError: the dataset lacks one of the keys.
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
        self._full_size: Size = packed.spec.height, packed.spec.width
        self._streams = {key: stream_of(key) for key in keys}
        self._image_keys = tuple(key for key in keys if key in packed.spec.image_keys)
        variable = packed.variable_size
        stored = {key: variable[key] if key in variable else array_for(packed, key) for key in keys}
        self._levels = {self._full_size: stored} if levels is None else levels
        self._labels = {key: as_tensor(array_for(packed, key)) for key in keys if key not in self._image_keys}
        self._crop = any(key in variable or packed.arrays[key].shape[2:] != self._full_size for key in self._image_keys)
        self._samplers = {
            stream: EpochSampler(len(stored[key]), packed.epoch, seed=seed, stream=stream, flip=flip, crop=self._crop)
            for key, stream in self._streams.items()
        }
        self._keep_resident = resident
        self._level: BatchGatherer | None = None

    @property
    def resident(self) -> bool:
        """True if the images of the last batch are stored on the device."""
        return self._level is not None and self._level.resident

    def next_batch(self, batch_size: int, resolution: Size | None = None) -> dict[str, Tensor]:
        """Return the next batch, by key: images, float32 (N, C, H, W), `label`, int64 (N,), and so on.

        Bytes are scaled to [-1, 1]; points are floats already and are returned unchanged.

        Args:
            batch_size: N, which may exceed the size of the dataset.
            resolution: (height, width) of one of the levels (None: the dataset's own resolution).

        Raises:
            DataError: there is no such level.
        """
        level = self._open_level(resolution or self._full_size)
        samples = {stream: sampler.take(self.position, batch_size) for stream, sampler in self._samplers.items()}
        ahead = {} if level.resident else self._read_ahead(batch_size)
        batch = {}
        for key, stream in self._streams.items():
            if key in self._image_keys:
                batch[key] = _prepare(level.gather(key, samples[stream], ahead.get(stream)), samples[stream].flips)
            else:
                batch[key] = self._labels[key].index_select(0, samples[stream].rows).to(self._device)
        self.position += batch_size
        return batch

    def _read_ahead(self, batch_size: int) -> dict[str, SampleBatch]:
        """Return the samples of the batch after the next one."""
        position = self.position + batch_size
        return {stream: sampler.take(position, batch_size) for stream, sampler in self._samplers.items()}

    def _open_level(self, size: Size) -> BatchGatherer:
        """Return the level of this size; any other one is released first."""
        if self._level is None or self._level.size != size:
            if size not in self._levels:
                raise DataError(f"the loader has no images of {size[0]}x{size[1]}; pass that resolution in `levels`")
            self._level = None  # frees its memory before the next level checks for free memory
            images = {key: self._levels[size][key] for key in self._image_keys}
            self._level = BatchGatherer(size, images, self._device, resident=self._keep_resident, crop=self._crop)
            for sampler in self._samplers.values():
                sampler.move(self._level.storage_device)
            self._labels = {key: tensor.to(self._level.storage_device) for key, tensor in self._labels.items()}
        return self._level


def split(batch: dict[str, Tensor], parts: int) -> list[dict[str, Tensor]]:
    """Split a batch into micro-batches that share its memory."""
    chunks = {name: tensor.chunk(parts) for name, tensor in batch.items()}
    return [{name: chunks[name][index] for name in chunks} for index in range(parts)]


def images_at(packed: PackedDataset, rows: Rows, device: torch.device) -> Tensor:
    """Return the images of `rows`, float32 (N, C, H, W): bytes scaled to [-1, 1], points unchanged."""
    images = torch.from_numpy(np.ascontiguousarray(packed.images[rows])).to(device)
    return images.float() if images.is_floating_point() else normalize(images)


def labels_at(packed: PackedDataset, rows: Rows, device: torch.device) -> Tensor | None:
    """Return the labels of `rows`, (N,); None if the dataset has no labels."""
    return None if packed.labels is None else torch.from_numpy(packed.labels[rows]).to(device)


def batches(rows: Rows, size: int, *, equal: bool = False) -> Iterator[Rows]:
    """Yield `rows` in parts of `size`; with `equal`, a smaller last part is dropped unless it is the only part."""
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        if not equal or len(part) == min(size, len(rows)):
            yield part


def random_rows(packed: PackedDataset, count: int, *, seed: int) -> Rows:
    """Return up to `count` distinct rows in random order."""
    return np.random.default_rng(seed).permutation(len(packed.images))[:count]


def as_tensor(array: np.ndarray) -> Tensor:
    """Wrap an array, even a read-only one, without a copy."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # it is never written to
        return torch.from_numpy(array)


def fits(arrays: Collection[Bytes | Points], device: torch.device) -> bool:
    """True if the arrays can be kept on the device: together they take at most a quarter of its free memory.

    On a CPU, arrays are in memory already; memory maps may take up to a quarter of all memory. The same limit applies
    to Apple GPUs, which share the CPU's memory.
    """
    if device.type == "cuda":
        return sum(array.nbytes for array in arrays) <= torch.cuda.mem_get_info(device)[0] // 4
    unloaded = [array for array in arrays if device.type != "cpu" or isinstance(array, np.memmap)]
    return not unloaded or fits_in_memory(sum(array.nbytes for array in unloaded))


class BatchGatherer:
    """Gathers batches from the images of one level.

    Args:
        size: (height, width) of the gathered images.
        images: images by key, of that size or larger.
        device: device of the batches.
        resident: keep the images on the device (None: as `fits` decides).
        crop: take random crops.
    """

    def __init__(
        self, size: Size, images: Mapping[str, Images], device: torch.device, *, resident: bool | None, crop: bool
    ) -> None:
        self._device = device
        self.size = size
        arrays = [array.flat if isinstance(array, VariableSizeImages) else array for array in images.values()]
        self.resident = fits(arrays, device) if resident is None else resident
        self.storage_device = device if self.resident else torch.device("cpu")
        self._gather = {key: self._gatherer(array, crop=crop) for key, array in images.items()}
        self._readers = {} if self.resident else {key: _Reader(gather) for key, gather in self._gather.items()}

    def gather(self, key: str, samples: SampleBatch, ahead: SampleBatch | None) -> Tensor:
        """Return the samples as packed, (N, C, *size), on the device. Reading of `ahead` may start in a thread."""
        if ahead is None or key not in self._readers:
            return self._gather[key](samples)
        return self._readers[key].read(samples, ahead).to(self._device, non_blocking=True)

    def _gatherer(self, images: Images, *, crop: bool) -> Callable[[SampleBatch], Tensor]:
        pinned = self._device.type == "cuda" and not self.resident
        if not crop:
            assert isinstance(images, np.ndarray)
            return _FullImages(images, self.storage_device, pinned=pinned)
        variable = images if isinstance(images, VariableSizeImages) else VariableSizeImages.of_equal(images)
        return _Crops(variable, self.size, self.storage_device, pinned=pinned)


class _FullImages:
    """Gathers full images of one size."""

    def __init__(self, images: Array, device: torch.device, *, pinned: bool) -> None:
        self._shape = images.shape[1:]
        self._images = as_tensor(images).flatten(1).to(device)
        self._pinned = pinned

    def __call__(self, samples: SampleBatch) -> Tensor:
        images, shape = self._images, (len(samples.rows), self._images.shape[1])
        out = torch.empty(shape, dtype=images.dtype, device=images.device, pin_memory=self._pinned)
        return torch.index_select(images, 0, samples.rows, out=out).view(-1, *self._shape)


class _Crops:
    """Gathers random crops; all positions in an image are equally likely."""

    def __init__(self, images: VariableSizeImages, size: Size, device: torch.device, *, pinned: bool) -> None:
        self._size, self._pinned, self._channels = size, pinned, images.channels
        self._flat = as_tensor(images.flat).to(device)
        self._sizes, self._starts = as_tensor(images.sizes).to(device), as_tensor(images.starts).to(device)

    def __call__(self, samples: SampleBatch) -> Tensor:
        assert samples.crops is not None
        sizes, starts = self._sizes[samples.rows], self._starts[samples.rows]
        positions = sizes - torch.tensor(self._size, device=sizes.device) + 1
        corners = (samples.crops * positions).long()
        crop = self._slice if self._flat.device.type == "cpu" else self._index
        return crop(starts, sizes, corners)

    def _slice(self, starts: Tensor, sizes: Tensor, corners: Tensor) -> Tensor:
        """Copy crop by crop; on a CPU many times faster than by index, and it reads only the needed parts of a file."""
        (height, width), channels = self._size, self._channels
        crops = torch.empty(len(starts), channels, height, width, dtype=self._flat.dtype, pin_memory=self._pinned)
        for crop, start, (rows, columns), (top, left) in zip(
            crops, starts.tolist(), sizes.tolist(), corners.tolist(), strict=True
        ):
            image = self._flat[start : start + channels * rows * columns].view(channels, rows, columns)
            crop.copy_(image[:, top : top + height, left : left + width])
        return crops

    def _index(self, starts: Tensor, sizes: Tensor, corners: Tensor) -> Tensor:
        """Gather all crops by one index operation, for devices with a cost per operation."""
        (height, width), channels, device = self._size, self._channels, starts.device

        def along(values: Tensor, axis: int) -> Tensor:
            return values.view([-1 if axis == other else 1 for other in range(4)])

        rows, columns = along(sizes[:, 0], 0), along(sizes[:, 1], 0)
        line = along(torch.arange(channels, device=device), 1) * rows + along(corners[:, 0], 0)
        line = line + along(torch.arange(height, device=device), 2)
        index = along(starts, 0) + line * columns + along(corners[:, 1], 0)
        index = index + along(torch.arange(width, device=device), 3)
        return self._flat.index_select(0, index.flatten()).view(index.shape)


class _Reader:
    """Gathers from memory or disk and reads the next batch ahead in a thread."""

    def __init__(self, gather: Callable[[SampleBatch], Tensor]) -> None:
        self._gather = gather
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gancli-data")
        self._ahead: tuple[SampleBatch, Future[Tensor]] | None = None

    def read(self, samples: SampleBatch, ahead: SampleBatch) -> Tensor:
        """Return the images of `samples` and start reading those of `ahead`; a wrong guess costs only time."""
        expected, future = self._ahead or (None, None)
        if future is not None and expected is not None and expected.same(samples):
            images = future.result()
        else:
            images = self._gather(samples)
        self._ahead = ahead, self._thread.submit(self._gather, ahead)
        return images


class SampleBatch(NamedTuple):
    """Samples of a batch.

    Args:
        rows: rows of the images, int64 (N,).
        flips: True for images to mirror, bool (N,); None: no flips.
        crops: vertical and horizontal position of each crop in [0, 1), float32 (N, 2); None: no crops.
    """

    rows: Tensor
    flips: Tensor | None
    crops: Tensor | None

    def part(self, start: int, end: int) -> SampleBatch:
        return SampleBatch(*(None if field is None else field[start:end] for field in self))  # type: ignore[arg-type]

    def same(self, other: SampleBatch) -> bool:
        """True if the rows and crops are equal. Flips do not matter, because images are mirrored after reading."""
        same_crops = (self.crops is None) == (other.crops is None) and (
            self.crops is None or other.crops is None or torch.equal(self.crops, other.crops)
        )
        return same_crops and torch.equal(self.rows, other.rows)

    def to(self, device: torch.device) -> SampleBatch:
        return SampleBatch(*(None if field is None else field.to(device) for field in self))  # type: ignore[arg-type]


class EpochSampler:
    """Order, flips and crops of a stream: a pure function of the seed and the position.

    Args:
        count: number of images.
        epoch: rows of an epoch, possibly repeated (None: each row once).
        seed: seed of the dataset.
        stream: name of the stream; each has an order of its own.
        flip: mirror images at random.
        crop: choose crops at random.
    """

    def __init__(self, count: int, epoch: np.ndarray | None, *, seed: int, stream: str, flip: bool, crop: bool) -> None:
        self._rows = None if epoch is None else torch.from_numpy(epoch)
        self._count = count if epoch is None else len(epoch)
        self._seed = f"{seed}/{stream}" if stream else str(seed)
        self._flip, self._crop = flip, crop
        self._device = torch.device("cpu")
        self._epochs: dict[int, SampleBatch] = {}

    def move(self, device: torch.device) -> None:
        """Return samples on another device from now on."""
        if device != self._device:
            self._device, self._epochs = device, {}

    def take(self, position: int, count: int) -> SampleBatch:
        """Return `count` samples, starting at `position`."""
        epoch, start = divmod(position, self._count)
        if start + count <= self._count:
            return self._epoch(epoch).part(start, start + count)
        parts = []
        while count:
            end = min(start + count, self._count)
            parts.append(self._epoch(epoch).part(start, end))
            count -= end - start
            epoch, start = epoch + 1, 0
        fields = (None if columns[0] is None else torch.cat(columns) for columns in zip(*parts, strict=True))
        return SampleBatch(*fields)  # type: ignore[arg-type]

    def _epoch(self, epoch: int) -> SampleBatch:
        if epoch not in self._epochs:
            digest = hashlib.sha256(f"{self._seed}/{epoch}".encode()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))  # it uses 32 bits of a seed
            rows, flips, crops = torch.randperm(self._count, generator=generator), None, None
            if self._rows is not None:
                rows = self._rows[rows]
            if self._flip:
                flips = torch.randint(2, (self._count,), generator=generator, dtype=torch.bool)
            if self._crop:
                crops = torch.rand(self._count, 2, generator=generator)
            self._epochs = {number: cached for number, cached in self._epochs.items() if abs(number - epoch) == 1}
            self._epochs[epoch] = SampleBatch(rows, flips, crops).to(self._device)
        return self._epochs[epoch]


def _prepare(images: Tensor, flips: Tensor | None) -> Tensor:
    """Mirror images (N, C, H, W) and scale bytes to [-1, 1]."""
    if flips is not None:
        images = torch.where(flips.to(images.device).view(-1, 1, 1, 1), images.flip(3), images)
    return normalize(images) if images.dtype == torch.uint8 else images
