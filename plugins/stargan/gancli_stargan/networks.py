"""The networks of Choi et al. 2018: a generator that is told the labels to reach, and a discriminator that also reads
labels.

Both keep PyTorch's own initialisation, as in the authors' code.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.nn.cpu_convolution import Conv2d
from gancli.nn.dcgan import FromImage, MapToVector
from gancli.nn.residual import residual_generator

MOST_HALVINGS = 6


class Generator(nn.Module):
    """Images (N, C, H, W) in [-1, 1] and what they should show (N, K) to images (N, C, H, W) in [-1, 1].

    Each number of the condition is a map that is constant all over, beside the image's channels. The border is padded
    with zeros: with a reflected one, the first instance normalisation would take constant maps away. That normalisation
    keeps no running statistics: in evaluation they would replace the image's own, and change what it does.

    Args:
        channels: of an image.
        condition: K.
        width: channels of the first layer.
        blocks: residual blocks.
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
    """Images (N, C, H, W) to a map of answers (N, 1, h, w), higher for more real, and logits of the labels (N, K).

    Nothing is normalised, since the gradient penalty is about single images.

    Args:
        shape: (C, H, W).
        labels: K.
        width: channels of the first layer, which every further one doubles.
        halvings: layers that halve; None: as many as leave 2 pixels a side, 6 at most.

    Raises:
        UsageError: no such network takes images of this size.
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


def _halvings(size: tuple[int, int], wanted: int | None) -> int:
    most = min(size).bit_length() - 1
    if wanted is None:
        return max(1, min(most - 1, MOST_HALVINGS))
    if wanted > most:
        raise UsageError(
            f"images of {size[0]}x{size[1]} cannot be halved {wanted} times; set model.halvings={most} or fewer, or a "
            "larger data.resolution"
        )
    return wanted
