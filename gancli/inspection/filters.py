"""Learned filters as images: those of the discriminator's first layer, and of the generator's last."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gancli.family.context import Nets
from gancli.family.tasks import Samples
from gancli.inspection.discriminator import Discriminator, forward_hooks


def first_filters(discriminator: Discriminator, image: Tensor) -> Tensor | None:
    """Return the filters of the first layer, (units, C, h, w); None if that is neither convolution nor linear layer.

    The first layer is the first convolution or linear layer whose output depends on the image. For a convolution, the
    filters are restricted to the channels of the image. For a linear layer, each filter is the gradient of a unit,
    which is its row of weights, however the layer's input contains the pixels.

    Args:
        discriminator: the discriminator.
        image: any image (1, C, H, W).
    """
    image = image.detach().clone().requires_grad_()
    first: list[tuple[nn.Conv2d | nn.Linear, Tensor]] = []

    def hook(module: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        if not first and output.requires_grad:
            first.append((module, inputs[0]))

    with torch.enable_grad():
        with forward_hooks(discriminator.modules, (nn.Conv2d, nn.Linear), hook):
            discriminator(image)
        if not first:
            return None
        layer, layer_input = first[0]
        weight = layer.weight.detach()
        if isinstance(layer, nn.Conv2d):
            return weight[:, _image_channels(layer_input, image)] if layer.groups == 1 else weight.clone()
        return torch.stack([_gradient(layer_input, image, row[None]) for row in weight])


@torch.no_grad()
def last_filters(family: Samples, nets: Nets, z: Tensor, label: Tensor | None) -> Tensor | None:
    """Return the output pattern of each feature of the generator's last layer, (features, C, h, w).

    None if the last layer is no convolution.

    Args:
        family: family of the generator.
        nets: its networks.
        z: any latent (1, ...).
        label: (1,), for a conditional family.
    """
    executed: list[nn.Module] = []
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    with forward_hooks(nets.modules, kinds, lambda module, inputs, output: executed.append(module)):
        channels = family.sample(nets, z, label).shape[1]
    last = executed[-1] if executed else None
    if isinstance(last, nn.ConvTranspose2d) and last.out_channels == channels and last.groups == 1:
        return last.weight.clone()
    if isinstance(last, nn.Conv2d) and last.out_channels == channels and last.groups == 1:
        # The pattern that one pixel of a feature adds to the output is the flipped kernel.
        return last.weight.transpose(0, 1).flip(2, 3)
    return None


def filter_tiles(filters: Tensor) -> Tensor:
    """Return filters (N, C, h, w) as images in [-1, 1], each scaled from its smallest to its largest weight.

    A filter with 1 or 3 channels is one grey or colour image. Otherwise its channels are grey images side by side,
    (N, 1, h, C w). A constant filter is grey.
    """
    if filters.shape[1] not in (1, 3):
        filters = torch.cat(torch.split(filters, 1, dim=1), dim=3)
    least, largest = filters.flatten(1).aminmax(dim=1)
    middle, half = (least + largest) / 2, (largest - least) / 2
    return (filters - _expand(middle)) / _expand(half.where(half > 0, 1.0))


def gradient_images(gradients: Tensor) -> Tensor:
    """Divide each of the gradients (N, C, H, W) by its largest absolute value: images in [-1, 1] with 0 as grey."""
    largest = gradients.abs().flatten(1).amax(1)
    return gradients / _expand(largest.where(largest > 0, 1.0))


def without_opacity(images: Tensor) -> Tensor:
    """Return the colour channels of images (N, C, H, W): 1 or 3 channels."""
    return images[:, :3] if images.shape[1] > 3 else images


def _image_channels(layer_input: Tensor, image: Tensor) -> list[int]:
    """Return the channels of a convolution's input (1, channels, H, W) that depend on the image, not on labels."""
    selections = torch.eye(layer_input.shape[1], device=layer_input.device)[:, None, :, None, None]
    return [
        channel
        for channel, weights in enumerate(selections.expand(-1, *layer_input.shape))
        if _gradient(layer_input, image, weights).any()
    ]


def _gradient(layer_input: Tensor, image: Tensor, weights: Tensor) -> Tensor:
    """Return the gradient (C, H, W) of a weighted sum of a layer's input with respect to the image."""
    (gradient,) = torch.autograd.grad(layer_input, image, weights, retain_graph=True)
    return gradient[0]


def _expand(values: Tensor) -> Tensor:
    return values[:, None, None, None]
