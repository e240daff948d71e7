"""Networks that are told a label.

Labels come as weights (N, labels) that sum to one: a one-hot row, or a point between labels. Generators map z
(N, latent_dim) and a label to images (N, C, H, W) in [-1, 1], or to points (N, D, 1, 1); discriminators map images and
labels to logits (N, 1).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gancli.family import DataSpec
from gancli.nn.dcgan import InstanceNoise, strided_discriminator
from gancli.nn.layers import Maxout, ToUnitRange, UnitSigmoid


class Joined(nn.Module):
    """Hands z and the label, side by side, to a generator of (N, latent_dim + labels)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        images: Tensor = self.network(torch.cat([z, label], 1))
        return images


class WithMaps(nn.Module):
    """Hands the image with a constant map for each label to a discriminator of C + labels channels.

    Args:
        network: the discriminator.
        noise: standard deviation of `InstanceNoise` on the images, not on the maps.
    """

    def __init__(self, network: nn.Module, *, noise: float = 0.0) -> None:
        super().__init__()
        self.noise = InstanceNoise(noise) if noise else nn.Identity()
        self.network = network

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        image = self.noise(image)
        maps = label[:, :, None, None].expand(-1, -1, *image.shape[2:])
        logits: Tensor = self.network(torch.cat([image, maps.to(image.dtype)], 1))
        return logits


class Projection(nn.Module):
    """A logit for the image plus one for the image under each label, of which the label chooses (Miyato and Koyama
    2018: an inner product of features and the label's embedding).
    """

    def __init__(self, shape: tuple[int, int, int], labels: int, *, channels: int, noise: float = 0.0) -> None:
        super().__init__()
        self.network = strided_discriminator(shape, channels=channels, outputs=1 + labels, noise=noise)

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        outputs = self.network(image)
        logits: Tensor = outputs[:, :1] + (outputs[:, 1:] * label).sum(1, keepdim=True)
        return logits


class MaxoutGenerator(nn.Module):
    """Mirza and Osindero's: 200 hidden units for z and 1000 for the label, 1200 for both, sigmoid pixels."""

    def __init__(self, latent_dim: int, data: DataSpec) -> None:
        super().__init__()
        self.of_z = nn.Sequential(nn.Linear(latent_dim, 200), nn.ReLU(), nn.Dropout(0.5))
        self.of_label = nn.Sequential(nn.Linear(len(data.labels), 1000), nn.ReLU(), nn.Dropout(0.5))
        self.joint = nn.Sequential(
            nn.Linear(1200, 1200),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(1200, math.prod(data.shape)),
            UnitSigmoid(),
            nn.Unflatten(1, data.shape),
        )

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        images: Tensor = self.joint(torch.cat([self.of_z(z), self.of_label(label)], 1))
        return images


class MaxoutDiscriminator(nn.Module):
    """Mirza and Osindero's: maxout layers of 240 units with 5 pieces for the image, 50 with 5 for the label, 240 with 4
    for both.
    """

    def __init__(self, data: DataSpec) -> None:
        super().__init__()
        self.of_image = nn.Sequential(
            nn.Flatten(), ToUnitRange(), Maxout(math.prod(data.shape), 240, pieces=5), nn.Dropout(0.5)
        )
        self.of_label = nn.Sequential(Maxout(len(data.labels), 50, pieces=5), nn.Dropout(0.5))
        self.joint = nn.Sequential(Maxout(290, 240, pieces=4), nn.Dropout(0.5), nn.Linear(240, 1))

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        logits: Tensor = self.joint(torch.cat([self.of_image(image), self.of_label(label)], 1))
        return logits
