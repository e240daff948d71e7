"""Guided backpropagation. Springenberg et al. 2015, "Striving for Simplicity: The All Convolutional Net".

The gradient of one feature with respect to the image, from which every rectifier on the way back drops what is not
positive: where its own output was not, as the rectifier's derivative would, and where the gradient that arrives is not,
as a deconvolutional network would. What is left is what in the image excites the feature. Radford et al. 2015 draw it
for the last layer of their discriminator, beside an untrained one, in figure 5.

Leaky and smooth rectifiers are treated alike; the maximum of a maxout unit passes the gradient on as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gancli.inspection.discriminator import Discriminator
from gancli.inspection.hooks import RECTIFIERS, watching


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The responses of one layer's features to images; a feature's response is the largest in its map.

    Args:
        index: among the activations of the discriminator.
        size: (height, width) of its maps; (1, 1) of a fully connected layer.
        responses: (images, features).
    """

    index: int
    size: tuple[int, int]
    responses: Tensor

    def most_active(self, count: int) -> Tensor:
        """The features (count,) whose response is the highest on average, the highest first."""
        return self.responses.mean(0).topk(min(count, self.responses.shape[1])).indices

    def strongest(self, features: Tensor, count: int) -> Tensor:
        """The images (len(features), count), as rows of `responses`, that excite each feature most, the most first."""
        return self.responses[:, features].topk(min(count, len(self.responses)), dim=0).indices.T


def layers(discriminator: Discriminator, batches: Iterable[tuple[Tensor, Tensor | None]]) -> list[Layer]:
    """Every layer that depends on the image, in the order in which it is reached.

    Args:
        discriminator: to look into.
        batches: images (N, C, H, W) and, or None, labels (N,).
    """
    seen: list[list[Tensor]] = []
    sizes: dict[int, tuple[int, int]] = {}
    for images, labels in batches:
        if not sizes:
            sizes = _sizes(discriminator, images[:1], None if labels is None else labels[:1])
        with torch.no_grad():
            activations = discriminator.activations(images, labels)
        seen.append([_largest(activations[index]).cpu() for index in sizes])
    return [
        Layer(index=index, size=size, responses=torch.cat(parts))
        for (index, size), parts in zip(sizes.items(), zip(*seen, strict=True), strict=True)
    ]


def guided_gradients(
    discriminator: Discriminator, images: Tensor, labels: Tensor | None, *, layer: int, features: Tensor
) -> Tensor:
    """What in each image excites a feature: the guided gradient of its response.

    Args:
        discriminator: to look into; nothing in it changes.
        images: (N, C, H, W).
        labels: (N,), or None.
        layer: index among the activations.
        features: (N,), one for each image.

    Returns:
        (N, C, H, W), zero where nothing does.
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
    def guide(part: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        if output.requires_grad:
            active = output.detach() > 0
            output.register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: gradient.where(active & (gradient > 0), 0.0)
            )

    with watching(modules, RECTIFIERS, guide):
        yield


def _sizes(discriminator: Discriminator, image: Tensor, label: Tensor | None) -> dict[int, tuple[int, int]]:
    """The index and size of every layer with a gradient to the image; a label's own layers have none."""
    with torch.enable_grad():
        activations = discriminator.activations(image.detach().clone().requires_grad_(), label)
    return {
        index: (activation.shape[2], activation.shape[3]) if activation.dim() == 4 else (1, 1)
        for index, activation in enumerate(activations)
        if activation.requires_grad
    }


def _largest(activation: Tensor) -> Tensor:
    """(N, features), the largest of each map."""
    return activation.flatten(2).amax(2) if activation.dim() > 2 else activation
