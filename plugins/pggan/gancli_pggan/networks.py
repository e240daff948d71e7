"""Networks that grow. Karras et al. 2018, appendix A.

Both have the layers of all levels from the start. Level 0 works at the size of the base, a few pixels; every level
doubles it. A level has a head of its own to or from the image, a 1x1 convolution, so that the networks can be run at
any level. While a level fades in, what its head gives is mixed with what the head below gives.

`fade` is how far that has come, a 0-dim tensor in [0, 1], or None where nothing fades: then the old head is not
computed. At 0 and at 1 the mixture is the one or the other side to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.nn.progressive import (
    RELU_GAIN,
    EqualizedConv2d,
    EqualizedLinear,
    EqualizedUpConv2d,
    MinibatchStddev,
    PixelNorm,
)

Size = tuple[int, int]

SMALLEST_BASE, LARGEST_BASE = 4, 16


class Generator(nn.Module):
    """z (N, latent_dim) to images (N, C, H, W) of a level's size, without bounds.

    Args:
        latent_dim: length of z.
        shape: (C, H, W) of the base.
        channels: of the maps, level by level.
        normalise_latent: bring z to the length sqrt(latent_dim) first.
    """

    def __init__(
        self, latent_dim: int, shape: tuple[int, int, int], channels: Sequence[int], *, normalise_latent: bool
    ) -> None:
        super().__init__()
        self.start = nn.Sequential(
            PixelNorm() if normalise_latent else nn.Identity(),
            FirstMap(latent_dim, channels[0], shape[1:]),
            *_normalised(),
            EqualizedConv2d(channels[0], channels[0], 3),
            *_normalised(),
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                EqualizedUpConv2d(before, after), *_normalised(), EqualizedConv2d(after, after, 3), *_normalised()
            )
            for before, after in pairwise(channels)
        )
        self.to_image = nn.ModuleList(EqualizedConv2d(count, shape[0], 1, gain=1.0) for count in channels)

    def forward(self, z: Tensor, level: int, fade: Tensor | None = None) -> Tensor:
        below = hidden = self.start(z)
        for block in self.blocks[:level]:
            below, hidden = hidden, block(hidden)
        image: Tensor = self.to_image[level](hidden)
        if fade is None or not level:
            return image
        return mix(enlarge(self.to_image[level - 1](below)), image, fade)


class Discriminator(nn.Module):
    """Images (N, C, H, W) of a level's size to scores (N, 1), which depend on the whole batch.

    Args:
        shape: (C, H, W) of the base.
        channels: of the maps, level by level.
        group: as in `MinibatchStddev`.
    """

    def __init__(self, shape: tuple[int, int, int], channels: Sequence[int], *, group: int | None) -> None:
        super().__init__()
        self.from_image = nn.ModuleList(
            nn.Sequential(EqualizedConv2d(shape[0], count, 1), _rectifier()) for count in channels
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                EqualizedConv2d(before, before, 3),
                _rectifier(),
                EqualizedConv2d(before, after, 3),
                _rectifier(),
                nn.AvgPool2d(2),
            )
            for after, before in pairwise(channels)
        )
        width = channels[0]
        self.end = nn.Sequential(
            MinibatchStddev(group),
            EqualizedConv2d(width + 1, width, 3),
            _rectifier(),
            nn.Flatten(),
            EqualizedLinear(width * shape[1] * shape[2], width),
            _rectifier(),
        )
        self.score = EqualizedLinear(width, 1, gain=1.0)

    def forward(self, image: Tensor, level: int, fade: Tensor | None = None) -> Tensor:
        hidden = self.from_image[level](image)
        for index in reversed(range(level)):
            hidden = self.blocks[index](hidden)
            if fade is not None and index == level - 1:
                hidden = mix(self.from_image[index](F.avg_pool2d(image, 2)), hidden, fade)
        hidden = self.end(hidden)
        # In full precision, or rounding would take away the drift's gradient, a thousandth of the others.
        with torch.autocast(hidden.device.type, enabled=False):
            scores: Tensor = self.score(hidden.float())
        return scores


class FirstMap(EqualizedLinear):
    """(N, latent_dim) to (N, channels, height, width), with one bias a channel.

    It is a transposed convolution of a single pixel whose kernel is as large as the map, and counts the whole kernel
    among its inputs: sqrt(2) / sqrt(latent_dim * height * width), as in both versions of the authors' code.
    """

    def __init__(self, latent_dim: int, channels: int, size: Size) -> None:
        height, width = size
        area = height * width
        super().__init__(latent_dim, area * channels, gain=RELU_GAIN / area**0.5, bias=False)
        self.shape = (height, width, channels)
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        # Channels last in memory at once, as the convolutions after it want it.
        maps = super().forward(x).view(-1, *self.shape).permute(0, 3, 1, 2)
        return maps + self.shift.view(-1, 1, 1)


def mix(old: Tensor, new: Tensor, fade: Tensor) -> Tensor:
    """From old to new, exactly these at a fade of 0 and of 1."""
    return torch.lerp(old, new, fade.to(new.dtype))


def enlarge(image: Tensor) -> Tensor:
    """Every pixel as a square of four."""
    return F.interpolate(image, scale_factor=2, mode="nearest")


def sizes(size: Size) -> list[Size]:
    """(height, width) of every level, from the base to the image.

    Raises:
        UsageError: sides do not halve to a base of 4 to 7 pixels, 4 to 16 in its longer side.
    """
    found = [size]
    while not any(side % 2 for side in found[0]) and min(found[0]) // 2 >= SMALLEST_BASE:
        found.insert(0, (found[0][0] // 2, found[0][1] // 2))
    shorter, longer = sorted(found[0])
    if not SMALLEST_BASE <= shorter < 2 * SMALLEST_BASE or longer > LARGEST_BASE:
        raise UsageError(
            f"images of {size[0]}x{size[1]} do not halve down to a base of {SMALLEST_BASE} to {2 * SMALLEST_BASE - 1} "
            f"pixels; set data.resolution to {_nearest(size)}, for example"
        )
    return found


def channels(levels: int, *, base: int, most: int) -> list[int]:
    """Of every level: base / 2, base / 4, ..., at most `most` and at least 1."""
    return [max(1, min(base >> level, most)) for level in range(1, levels + 1)]


def _nearest(size: Size) -> str:
    """The square that fits and is nearest to the shorter side."""
    fitting = [base << times for base in range(SMALLEST_BASE, 2 * SMALLEST_BASE) for times in range(9)]
    return str(min(fitting, key=lambda side: (abs(side - min(size)), side)))


def _rectifier() -> nn.Module:
    return nn.LeakyReLU(0.2, inplace=True)


def _normalised() -> Iterator[nn.Module]:
    yield _rectifier()
    yield PixelNorm()
