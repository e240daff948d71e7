"""Images that a generator made earlier, shown to the discriminator again. Shrivastava et al. 2017, "Learning from
Simulated and Unsupervised Images through Adversarial Training", section 2.3; as Zhu et al. 2017 use it in CycleGAN.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancli.family import Context
from gancli.nn.image_memory import ImageMemory


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
