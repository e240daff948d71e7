"""Growing networks of Karras et al. 2018, appendix A.

Both networks have the layers of all levels from the start. Level 0 has the size of the base, a few pixels, and every
further level doubles it. Each level has its own 1x1 convolution to or from the image, so the networks can be evaluated
at every level. While a level fades in, the output of its convolution is mixed with that of the level below.

`fade` is the progress of the fade, a 0-dim tensor in [0, 1], or None without a fade; the level below is then not
computed. At 0 and at 1 the mixture is exactly one of its inputs.
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
    """Map z (N, latent_dim) to unbounded images (N, C, H, W) of the size of a level.

    Args:
        latent_dim: dimension of z.
        shape: (C, H, W) of the base.
        channels: channels of the feature maps of each level.
        normalise_latent: normalise z to the length sqrt(latent_dim).
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
    """Map images (N, C, H, W) of the size of a level to scores (N, 1), which depend on the whole batch.

    Args:
        shape: (C, H, W) of the base.
        channels: channels of the feature maps of each level.
        group: group size of `MinibatchStddev`.
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
        # In full precision, because the gradient of the drift, a thousandth of the others, would be lost by rounding.
        with torch.autocast(hidden.device.type, enabled=False):
            scores: Tensor = self.score(hidden.float())
        return scores


class FirstMap(EqualizedLinear):
    """First layer of the generator, (N, latent_dim) to (N, channels, height, width), with one bias per channel.

    It is a transposed convolution of one pixel with a kernel of the size of the map. Its scale counts the whole kernel
    as inputs, sqrt(2) / sqrt(latent_dim * height * width), as in both versions of the authors' code.
    """

    def __init__(self, latent_dim: int, channels: int, size: Size) -> None:
        height, width = size
        area = height * width
        super().__init__(latent_dim, area * channels, gain=RELU_GAIN / area**0.5, bias=False)
        self.shape = (height, width, channels)
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        # In channels-last format, which is faster for the convolutions after it.
        maps = super().forward(x).view(-1, *self.shape).permute(0, 3, 1, 2)
        return maps + self.shift.view(-1, 1, 1)


def mix(old: Tensor, new: Tensor, fade: Tensor) -> Tensor:
    """Interpolate linearly from old (fade 0) to new (fade 1); exact at both ends."""
    return torch.lerp(old, new, fade.to(new.dtype))


def enlarge(image: Tensor) -> Tensor:
    """Double the sides by repeating every pixel."""
    return F.interpolate(image, scale_factor=2, mode="nearest")


def sizes(size: Size) -> list[Size]:
    """Return the (height, width) of every level, from the base to the image.

    Raises:
        UsageError: halving the sides does not lead to a base of 4 to 7 pixels (longer side: 4 to 16).
    """
    levels = [size]
    while not any(side % 2 for side in levels[0]) and min(levels[0]) // 2 >= SMALLEST_BASE:
        levels.insert(0, (levels[0][0] // 2, levels[0][1] // 2))
    shorter, longer = sorted(levels[0])
    if not SMALLEST_BASE <= shorter < 2 * SMALLEST_BASE or longer > LARGEST_BASE:
        raise UsageError(
            f"images of {size[0]}x{size[1]} cannot be halved to a base of {SMALLEST_BASE} to {2 * SMALLEST_BASE - 1} "
            f"pixels; set data.resolution to {_nearest(size)}, for example"
        )
    return levels


def channels(levels: int, *, base: int, most: int) -> list[int]:
    """Return the channels of every level: base / 2, base / 4, ..., at most `most` and at least 1."""
    return [max(1, min(base >> level, most)) for level in range(1, levels + 1)]


def _nearest(size: Size) -> str:
    """Return the supported square size that is nearest to the shorter side."""
    supported = [base << times for base in range(SMALLEST_BASE, 2 * SMALLEST_BASE) for times in range(9)]
    return str(min(supported, key=lambda side: (abs(side - min(size)), side)))


def _rectifier() -> nn.Module:
    return nn.LeakyReLU(0.2, inplace=True)


def _normalised() -> Iterator[nn.Module]:
    yield _rectifier()
    yield PixelNorm()
