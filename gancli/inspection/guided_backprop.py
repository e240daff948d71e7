"""Guided backpropagation: Springenberg et al. 2015, "Striving for Simplicity: The All Convolutional Net".

The gradient of a feature with respect to the image, in which every rectifier of the backward pass keeps only positive
values: those whose forward output was positive, as in the derivative of the rectifier, and whose incoming gradient is
positive, as in a deconvolutional network. The result shows the parts of the image that excite the feature. Radford et
al. 2015 show it for the last layer of their discriminator and of an untrained one, in figure 5.

Leaky and smooth rectifiers are treated in the same way. The maximum of a maxout unit passes the gradient unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gancli.inspection.discriminator import RECTIFIERS, Discriminator, forward_hooks


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Responses of the features of a layer to images. The response of a feature is the maximum of its map.

    Args:
        index: index among the activations of the discriminator.
        size: (height, width) of its maps; (1, 1) for a fully connected layer.
        responses: (images, features).
    """

    index: int
    size: tuple[int, int]
    responses: Tensor

    def most_active(self, count: int) -> Tensor:
        """Return the features (count,) with the highest mean response, the highest first."""
        return self.responses.mean(0).topk(min(count, self.responses.shape[1])).indices

    def strongest(self, features: Tensor, count: int) -> Tensor:
        """Return the images (len(features), count), as rows of `responses`, that excite each feature most."""
        return self.responses[:, features].topk(min(count, len(self.responses)), dim=0).indices.T


def layer_responses(discriminator: Discriminator, batches: Iterable[tuple[Tensor, Tensor | None]]) -> list[Layer]:
    """Return the responses of every layer that depends on the image, in order of execution.

    Args:
        discriminator: the discriminator.
        batches: images (N, C, H, W), and labels (N,) or None.
    """
    by_batch: list[list[Tensor]] = []
    sizes: dict[int, tuple[int, int]] = {}
    for images, labels in batches:
        if not sizes:
            sizes = _map_sizes(discriminator, images[:1], None if labels is None else labels[:1])
        with torch.no_grad():
            activations = discriminator.activations(images, labels)
        by_batch.append([_largest(activations[index]).cpu() for index in sizes])
    return [
        Layer(index=index, size=size, responses=torch.cat(parts))
        for (index, size), parts in zip(sizes.items(), zip(*by_batch, strict=True), strict=True)
    ]


def guided_gradients(
    discriminator: Discriminator, images: Tensor, labels: Tensor | None, *, layer: int, features: Tensor
) -> Tensor:
    """Return the guided gradient of a feature's response with respect to each image.

    Args:
        discriminator: the discriminator; it is not changed.
        images: (N, C, H, W).
        labels: (N,), or None.
        layer: index among the activations.
        features: (N,), a feature for each image.

    Returns:
        (N, C, H, W), zero where nothing excites the feature.
    """
    images = images.detach().clone().requires_grad_()
    with torch.enable_grad(), _guided(discriminator.modules):
        activation = discriminator.activations(images, labels)[layer]
        rows = torch.arange(len(images), device=images.device)
        responses = activation[rows, features].reshape(len(images), -1).max(1).values
        (gradients,) = torch.autograd.grad(responses.sum(), images)
    return gradients


@contextmanager
def _guided(modules: Mapping[str, nn.Module]) -> Iterator[None]:
    def hook(module: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        if output.requires_grad:
            active = output.detach() > 0
            output.register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: gradient.where(active & (gradient > 0), 0.0)
            )

    with forward_hooks(modules, RECTIFIERS, hook):
        yield


def _map_sizes(discriminator: Discriminator, image: Tensor, label: Tensor | None) -> dict[int, tuple[int, int]]:
    """Return the index and size of every layer that depends on the image, not only on the label."""
    with torch.enable_grad():
        activations = discriminator.activations(image.detach().clone().requires_grad_(), label)
    return {
        index: (activation.shape[2], activation.shape[3]) if activation.dim() == 4 else (1, 1)
        for index, activation in enumerate(activations)
        if activation.requires_grad
    }


def _largest(activation: Tensor) -> Tensor:
    """Return the maximum of each map, (N, features)."""
    return activation.flatten(2).amax(2) if activation.dim() > 2 else activation
