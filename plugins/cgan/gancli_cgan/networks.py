"""Networks with a label as second input.

Labels are weights (N, labels) that sum to one: one-hot rows, or points between labels. Generators map z (N, latent_dim)
and a label to images (N, C, H, W) in [-1, 1] or to points (N, D, 1, 1). Discriminators map images and labels to logits
(N, 1).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gancli.family import DataSpec
from gancli.nn.dcgan import InstanceNoise, strided_discriminator
from gancli.nn.layers import Maxout, ToUnitRange, UnitSigmoid


class ConcatLabel(nn.Module):
    """Pass z concatenated with the label to a generator from (N, latent_dim + labels)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        images: Tensor = self.network(torch.cat([z, label], 1))
        return images


class LabelMaps(nn.Module):
    """Pass the image concatenated with a constant channel for each label to a discriminator of C + labels channels.

    Args:
        network: discriminator.
        noise: standard deviation of `InstanceNoise` on the images, but not on the label channels.
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
    """Logit of the image plus an inner product of its features and the embedding of the label (Miyato and Koyama 2018).

    The network has one output for the image and one for each label; the label selects among the latter.
    """

    def __init__(self, shape: tuple[int, int, int], labels: int, *, channels: int, noise: float = 0.0) -> None:
        super().__init__()
        self.network = strided_discriminator(shape, channels=channels, outputs=1 + labels, noise=noise)

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        outputs = self.network(image)
        logits: Tensor = outputs[:, :1] + (outputs[:, 1:] * label).sum(1, keepdim=True)
        return logits


class MaxoutGenerator(nn.Module):
    """Generator of the paper: 200 hidden units for z, 1000 for the label, 1200 for both, and sigmoid pixels."""

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
    """Discriminator of the paper: maxout layers of 240 units with 5 pieces for the image, 50 units with 5 pieces for
    the label, and 240 units with 4 pieces for both.
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
