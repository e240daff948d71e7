"""Networks of Choi et al. 2018: a generator with target labels as second input, and a discriminator that also
classifies labels.

Both use PyTorch's default initialisation, as in the authors' code.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.nn.cpu_convolution import Conv2d, FromImage, MapToVector
from gancli.nn.residual import residual_generator

MAX_HALVINGS = 6


class Generator(nn.Module):
    """Map images (N, C, H, W) in [-1, 1] and conditions (N, K) to images (N, C, H, W) in [-1, 1].

    Each number of the condition is a constant channel next to those of the image. Borders are padded with zeros,
    because with reflected borders the first instance normalisation removes constant channels. The normalisation has no
    running statistics, which would replace the image's own statistics in eval mode.

    Args:
        channels: channels of an image.
        condition: length K of a condition.
        width: channels of the first layer.
        blocks: number of residual blocks.
    """

    def __init__(self, channels: int, condition: int, *, width: int, blocks: int) -> None:
        super().__init__()
        self.layers = residual_generator(
            channels + condition,
            channels,
            blocks=blocks,
            channels=width,
            norm="instance_affine",
            bias=False,
            padding="zeros",
            kernel=4,
        )

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        planes = condition.to(image.dtype)[:, :, None, None].expand(-1, -1, *image.shape[2:])
        translated: Tensor = self.layers(torch.cat([image, planes], dim=1))
        return translated


class Discriminator(nn.Module):
    """Map images (N, C, H, W) to patch outputs (N, 1, h, w), higher for more real, and logits of the labels (N, K).

    There is no normalisation, because the gradient penalty applies to single images.

    Args:
        shape: (C, H, W).
        labels: number of labels K.
        width: channels of the first layer, doubled in every further layer.
        halvings: number of layers that halve the sides (None: as many as leave 2 pixels per side, at most 6).

    Raises:
        UsageError: images of this size are not supported.
    """

    def __init__(self, shape: tuple[int, int, int], labels: int, *, width: int, halvings: int | None) -> None:
        super().__init__()
        count = _halvings(shape[1:], halvings)
        widths = [width << index for index in range(count)]

        def layers() -> Iterator[nn.Module]:
            yield from (FromImage(shape[0], width, bias=True), nn.LeakyReLU(0.01, inplace=True))
            for before in widths[:-1]:
                yield from (Conv2d(before, 2 * before, 4, stride=2, padding=1), nn.LeakyReLU(0.01, inplace=True))

        self.trunk = nn.Sequential(*layers())
        self.source = Conv2d(widths[-1], 1, 3, padding=1, bias=False)
        self.labels = MapToVector(widths[-1], labels, (shape[1] >> count, shape[2] >> count))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(image)
        return self.source(features), self.labels(features)


def _halvings(size: tuple[int, int], option: int | None) -> int:
    most = min(size).bit_length() - 1
    if option is None:
        return max(1, min(most - 1, MAX_HALVINGS))
    if option > most:
        raise UsageError(
            f"images of {size[0]}x{size[1]} cannot be halved {option} times; set model.halvings={most} or fewer, or a "
            "larger data.resolution"
        )
    return option
