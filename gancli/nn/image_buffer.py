"""Images that are remembered from one step to the next, as a discriminator may be shown again what it saw before."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gancli.family.context import Context


class ImageMemory(nn.Module):
    """Holds up to `capacity` images, and how many it holds.

    It has no parameters, so it is state of the run: moved, checkpointed and restored with the networks, and never
    compiled. It changes with every call, so it is called once for every batch that a discriminator is to be trained on:
    in that player's loss, which runs once for every part of a batch, and nowhere else.

    Args:
        capacity: images that it keeps; 0: none, and every image passes by.
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


class HistoryBuffer(ImageMemory):
    """Replaces half of a batch by earlier images, then keeps the other half.

    Of N images, the first N - N // 2 are handed on, and after them N // 2 different ones that it kept in earlier calls.
    Then the first N // 2 of the new images are kept: in free places while there are any, else in place of as many
    others, drawn evenly. While it has too few, as in its first call, new images are handed on instead.

    A capacity of less than half a batch limits the earlier images to that number.
    """

    @torch.no_grad()
    def forward(self, images: Tensor, ctx: Context) -> Tensor:
        """As many images (N, C, H, W), new ones before kept ones, cut from the graph; draws two numbers for each place
        from `ctx`.
        """
        images = images.detach()
        half = min(len(images) // 2, self.capacity)
        if not half:
            return images
        keys, others = ctx.rand(self.capacity), ctx.rand(self.capacity)
        # Nothing here waits for the device: how many it keeps is not known to this program, only to the device.
        places = torch.arange(self.capacity, device=images.device)
        free = places >= self.count
        drawn = keys.masked_fill(free, 2).topk(half, largest=False).indices
        kept = self.images.index_select(0, drawn).to(images.dtype)
        missing = free.index_select(0, drawn).view(-1, 1, 1, 1)
        handed = torch.cat((images[:-half], torch.where(missing, images[-half:], kept)))
        slots = torch.where(free, places - self.capacity, others).topk(half, largest=False).indices
        self.images.index_copy_(0, slots, images[:half].to(self.images.dtype))
        self.count.add_(half).clamp_(max=self.capacity)
        return handed


class ImagePool(ImageMemory):
    """Keeps the last images, more or less, and hands out some of them instead of new ones.

    While it is not full, it keeps every new image and hands it on. After that, with probability 1/2, it hands out one
    that it keeps, drawn evenly, and keeps the new one in its place; else the new one passes by. The images of a batch
    come one after another.
    """

    @torch.no_grad()
    def forward(self, images: Tensor, ctx: Context) -> Tensor:
        """As many images (N, C, H, W), new or kept, cut from the graph; draws two numbers for each from `ctx`."""
        images = images.detach()
        if not self.capacity:
            return images
        chances, places = ctx.rand(len(images)), ctx.rand(len(images))
        # Nothing here waits for the device: whether the pool is full is not known to this program, only to the device.
        arriving = zip(images.chunk(len(images)), chances, places, strict=True)
        return torch.cat([self._exchange(*each) for each in arriving])

    def _exchange(self, image: Tensor, chance: Tensor, place: Tensor) -> Tensor:
        filling = self.count < self.capacity
        drawn = (place * self.capacity).long().clamp(max=self.capacity - 1)
        slot = torch.where(filling, self.count, drawn)
        kept = self.images.index_select(0, slot)
        takes = filling | (chance > 0.5)
        new = image.to(kept.dtype)
        self.images.index_copy_(0, slot, torch.where(takes, new, kept))
        self.count += filling
        return torch.where(filling | ~takes, new, kept).to(image.dtype)
