"""How much a batch varies, shown to a discriminator. Karras et al. 2018, "Progressive Growing of GANs for Improved
Quality, Stability, and Variation", section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STDDEV_EPSILON = 1e-8
"""Under the root, whose slope at 0 is infinite: the answer for identical samples is 1e-4."""


class MinibatchStddev(nn.Module):
    """(N, C, H, W) to (N, C + 1, H, W): the last channel is one number all over.

    It is the standard deviation over the samples of a group, averaged over channels and pixels. Of N samples in groups
    of G, those whose indices are equal modulo N / G form one, as in the authors' code.

    Args:
        group: samples in a group, lowered to the next number that divides the batch; None: the whole batch, as for the
            paper's results.
    """

    def __init__(self, group: int | None = None) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        size = _largest_divisor(len(x), self.group or len(x))
        exact = torch.promote_types(x.dtype, torch.float32)
        groups = x.to(exact).view(size, -1, *x.shape[1:])
        spread = (groups.var(0, correction=0) + STDDEV_EPSILON).sqrt().mean((1, 2, 3))
        maps = spread.to(x.dtype).repeat(size).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
        return torch.cat((x, maps), 1)

    def extra_repr(self) -> str:
        return f"group={self.group}"


def _largest_divisor(number: int, limit: int) -> int:
    return next(size for size in range(min(limit, number), 0, -1) if number % size == 0)
