"""Residual networks of Gulrajani et al. 2017 for 32x32 pixels, and the paper's initialisation.

The generator maps z (N, latent_dim) to images (N, C, H, W) in [-1, 1], the critic images to scores (N, 1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from gancli.errors import UsageError

BASE = 4


class ResidualUp(nn.Module):
    """Residual block that doubles the sides of (N, channels, H, W) by nearest neighbours, with a 1x1 shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.shortcut = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.conv1(_up(F.relu(self.norm1(x))))
        hidden = self.conv2(F.relu(self.norm2(hidden)))
        shortcut: Tensor = self.shortcut(_up(x))
        return hidden + shortcut


class ResidualCritic(nn.Module):
    """Residual block of the critic: ReLU and convolution twice, with a shortcut.

    Args:
        inputs: input channels.
        channels: output channels.
        down: halve the sides by the mean over 2x2 pixels.
        first: block for images: no ReLU before the first convolution, and averaging before the shortcut.
    """

    def __init__(self, inputs: int, channels: int, *, down: bool, first: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels if first else inputs, 3, padding=1)
        self.conv2 = nn.Conv2d(channels if first else inputs, channels, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, channels, 1) if down else nn.Identity()
        self.relu1 = nn.Identity() if first else nn.ReLU()
        self.relu2 = nn.ReLU()
        self.down, self.first = down, first

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.conv2(self.relu2(self.conv1(self.relu1(x))))
        if not self.down:
            return hidden + x
        shortcut = self.shortcut(F.avg_pool2d(x, 2)) if self.first else F.avg_pool2d(self.shortcut(x), 2)
        return F.avg_pool2d(hidden, 2) + shortcut


class MeanPool(nn.Module):
    """Mean over all pixels, (N, C, H, W) to (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def resnet_generator(latent_dim: int, shape: tuple[int, int, int], channels: int) -> nn.Sequential:
    """Build a generator with a fully connected layer to 4x4 pixels and one block for every doubling.

    Raises:
        UsageError: the sides are not 4 times the same power of two.
    """
    blocks = _doublings(shape)

    def layers() -> Iterator[nn.Module]:
        yield nn.Linear(latent_dim, channels * BASE * BASE)
        yield nn.Unflatten(1, (channels, BASE, BASE))
        for _ in range(blocks):
            yield ResidualUp(channels)
        yield nn.BatchNorm2d(channels)
        yield nn.ReLU(inplace=True)
        yield nn.Conv2d(channels, shape[0], 3, padding=1)
        yield nn.Tanh()

    return nn.Sequential(*layers())


def resnet_critic(shape: tuple[int, int, int], channels: int) -> nn.Sequential:
    """Build a critic that halves images to 8x8 pixels, has two blocks of that size, and averages over all pixels.

    Raises:
        UsageError: the sides are not 4 times the same power of two.
    """
    halvings = _doublings(shape) - 1

    def layers() -> Iterator[nn.Module]:
        yield ResidualCritic(shape[0], channels, down=True, first=True)
        for _ in range(halvings - 1):
            yield ResidualCritic(channels, channels, down=True)
        yield ResidualCritic(channels, channels, down=False)
        yield ResidualCritic(channels, channels, down=False)
        yield nn.ReLU(inplace=True)
        yield MeanPool()
        yield nn.Linear(channels, 1)

    return nn.Sequential(*layers())


def initialise(network: nn.Sequential) -> nn.Sequential:
    """Initialise as the authors do: uniform weights, and biases of 0. Returns the network.

    The variance of a convolution is 4 / (inputs + outputs). Both are counted for every tap of the kernel, and the
    channels on the side of the smaller map are divided by the stride squared. Shortcuts, the last layer of the residual
    generator and fully connected layers have half the variance (Glorot initialisation).
    """
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            # In the strided generator, whose last layer is transposed, the last layer is initialised like the others.
            last = isinstance(module, nn.Conv2d) and module is network[-2]
            _initialise_convolution(module, gain=1.0 if last or module.kernel_size == (1, 1) else 2.0)
    return network


def _initialise_convolution(module: nn.Conv2d | nn.ConvTranspose2d, *, gain: float) -> None:
    """Initialise with a variance of 2 gain / (inputs + outputs), counted as in `initialise`."""
    small, large = module.in_channels, module.out_channels
    if isinstance(module, nn.Conv2d):
        small, large = large, small
    bound = math.sqrt(6 * gain / (math.prod(module.kernel_size) * (small / module.stride[0] ** 2 + large)))
    nn.init.uniform_(module.weight, -bound, bound)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def _up(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _doublings(shape: tuple[int, int, int]) -> int:
    _, height, width = shape
    doublings = (height // BASE).bit_length() - 1
    if height != width or height != BASE << doublings or doublings < 2:
        raise UsageError(
            f"architecture resnet needs square images of 16, 32, 64, ... pixels, not {height}x{width}; set "
            "data.resolution to one of these"
        )
    return doublings
