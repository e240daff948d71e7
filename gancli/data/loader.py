"""Draws batches in an order that is a pure function of the seed and of how many samples were drawn before.

Epoch e visits every image once, or as often as `Packed.epoch` says, in a permutation of its own; batches run on from
one epoch into the next. Each of two unpaired domains has epochs of its own length. So nothing but `position` has to be
saved to go on where a run stopped, and the order depends neither on the batch size nor on the device nor on read-ahead.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancli.data.derived import array_of
from gancli.data.level import Level, as_tensor
from gancli.data.order import Order, Take
from gancli.data.pyramid import Levels
from gancli.data.resizing import Size
from gancli.data.source import Packed, stream_of
from gancli.errors import DataError


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
        packed: Packed,
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
            stream: Order(len(stored[key]), packed.epoch, seed=seed, stream=stream, flip=flip, crop=self._crop)
            for key, stream in self._keys.items()
        }
        self._wanted = resident
        self._level: Level | None = None

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

    def _following(self, batch_size: int) -> dict[str, Take]:
        """The next batch, to be read ahead."""
        return {stream: order.take(self.position + batch_size, batch_size) for stream, order in self._orders.items()}

    def _open(self, size: Size) -> Level:
        """The level of this size, after letting go of any other one."""
        if self._level is None or self._level.size != size:
            if size not in self._levels:
                raise DataError(f"there are no images of {size[0]}x{size[1]} here: build that level for the loader")
            self._level = None  # so that its place is free where the next one asks for room
            images = {key: self._levels[size][key] for key in self._images}
            self._level = Level(size, images, self._device, resident=self._wanted, crop=self._crop)
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
