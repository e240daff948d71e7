"""Images that a refiner made earlier, for half of what a discriminator is trained on. Shrivastava et al. 2017,
"Learning from Simulated and Unsupervised Images through Adversarial Training", section 2.3.

CycleGAN's form of it, which decides for each image by itself, is `gancli.nn.image_pool`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gancli.family import Context
from gancli.nn.image_memory import ImageMemory


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
