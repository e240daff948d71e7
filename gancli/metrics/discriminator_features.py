"""A discriminator as a feature extractor: the protocol of Radford et al. 2015, "Unsupervised Representation Learning
with Deep Convolutional Generative Adversarial Networks", section 5.1.

The features of an image are the outputs of all nonlinearities of the discriminator, the maps among them reduced to 4x4
by taking maxima, side by side. A discriminator that reads labels is asked about label 0 for every image, so that the
features know nothing of the label.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.errors import UsageError
from gancli.inspection.discriminator import Discriminator

GRID = 4
"""The side of a map after pooling, at most."""


@torch.no_grad()
def features(discriminator: Discriminator, images: Tensor) -> Tensor:
    """Features (N, D), float32 on the CPU, of images (N, C, H, W).

    Raises:
        UsageError: the discriminator has no nonlinearity that could serve.
    """
    activations = discriminator.activations(images)
    if not activations:
        raise UsageError(
            "this family's discriminator has no hidden layer that ends in a rectifier or a maxout unit, so there are "
            "no features to take; measure it by another metric"
        )
    return torch.cat([_pooled(activation).flatten(1) for activation in activations], dim=1).float().cpu()


def _pooled(activation: Tensor) -> Tensor:
    if activation.dim() != 4:
        return activation
    height, width = activation.shape[2:]
    return F.adaptive_max_pool2d(activation, (min(GRID, height), min(GRID, width)))
