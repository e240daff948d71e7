"""Buffers of earlier generated images, which a discriminator is trained on again."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gancli.family.context import Context


class ImageBuffer(nn.Module):
    """Base class: storage for up to `capacity` images and their number.

    A buffer has no parameters, so it is state of the run: moved, saved and restored with the networks, and never
    compiled. Every call changes it, so call it only in the discriminator's loss, once per batch.

    Args:
        capacity: largest number of stored images (0: the buffer returns its input).
        shape: (C, H, W) of an image.
    """

    images: Tensor
    count: Tensor

    def __init__(self, capacity: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.capacity = capacity
        self.register_buffer("images", torch.zeros(capacity, *shape))
        self.register_buffer("count", torch.zeros(1, dtype=torch.long))

    def extra_repr(self) -> str:
        return f"capacity={self.capacity}"


class HistoryBuffer(ImageBuffer):
    """Replace half of a batch by earlier images, then store the other half. Shrivastava et al. 2017, "Learning from
    Simulated and Unsupervised Images through Adversarial Training", section 2.3.

    Of N new images, the first N - N // 2 are returned, followed by N // 2 different images from earlier calls. Then the
    first N // 2 new images are stored, in free slots if there are any, else replacing random ones. If fewer images are
    stored, as in the first call, new images are returned instead.

    A capacity below half a batch limits the number of earlier images to the capacity.
    """

    @torch.no_grad()
    def forward(self, images: Tensor, ctx: Context) -> Tensor:
        """Return N detached images, new ones before stored ones, for N images (N, C, H, W).

        Uses two random numbers of `ctx` per slot.
        """
        images = images.detach()
        half = min(len(images) // 2, self.capacity)
        if not half:
            return images
        keys, others = ctx.rand(self.capacity), ctx.rand(self.capacity)
        # The number of stored images stays on the device, so that nothing here synchronises with it.
        positions = torch.arange(self.capacity, device=images.device)
        free = positions >= self.count
        chosen = keys.masked_fill(free, 2).topk(half, largest=False).indices
        stored = self.images.index_select(0, chosen).to(images.dtype)
        missing = free.index_select(0, chosen).view(-1, 1, 1, 1)
        mixed = torch.cat((images[:-half], torch.where(missing, images[-half:], stored)))
        slots = torch.where(free, positions - self.capacity, others).topk(half, largest=False).indices
        self.images.index_copy_(0, slots, images[:half].to(self.images.dtype))
        self.count.add_(half).clamp_(max=self.capacity)
        return mixed


class ImagePool(ImageBuffer):
    """Replace images by earlier ones with probability 1/2. Zhu et al. 2017, "Unpaired Image-to-Image Translation using
    Cycle-Consistent Adversarial Networks", section 4.

    While the pool is not full, every new image is stored and returned. Then, with probability 1/2, a random stored
    image is returned and the new one takes its slot; otherwise the new image is returned and not stored. The images of
    a batch are processed one after another.
    """

    @torch.no_grad()
    def forward(self, images: Tensor, ctx: Context) -> Tensor:
        """Return N detached images, new or stored, for N images (N, C, H, W).

        Uses two random numbers of `ctx` per image.
        """
        images = images.detach()
        if not self.capacity:
            return images
        chances, places = ctx.rand(len(images)), ctx.rand(len(images))
        arguments = zip(images.chunk(len(images)), chances, places, strict=True)
        return torch.cat([self._exchange(image, chance, place) for image, chance, place in arguments])

    def _exchange(self, image: Tensor, chance: Tensor, place: Tensor) -> Tensor:
        # Whether the pool is full stays on the device, so that nothing here synchronises with it.
        filling = self.count < self.capacity
        random_slot = (place * self.capacity).long().clamp(max=self.capacity - 1)
        slot = torch.where(filling, self.count, random_slot)
        stored = self.images.index_select(0, slot)
        replace = filling | (chance > 0.5)
        new = image.to(stored.dtype)
        self.images.index_copy_(0, slot, torch.where(replace, new, stored))
        self.count += filling
        return torch.where(filling | ~replace, new, stored).to(image.dtype)
