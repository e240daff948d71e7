"""Learned filters as images: the discriminator's first layer, and the generator's last."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gancli.family.context import Nets
from gancli.family.tasks import Samples
from gancli.inspection.discriminator import Discriminator
from gancli.inspection.hooks import watching


def first_filters(discriminator: Discriminator, image: Tensor) -> Tensor | None:
    """What the units of the first layer look for, (units, C, h, w); None where it is of another kind.

    That layer is the first convolution or matrix product whose output depends on the image. Of a convolution, the
    channels that hold the image are drawn; of a matrix, each row as the gradient of its unit, which is the row itself,
    wherever and however the layer's input holds the pixels.

    Args:
        discriminator: to look into.
        image: any (1, C, H, W).
    """
    image = image.detach().clone().requires_grad_()
    found: list[tuple[nn.Conv2d | nn.Linear, Tensor]] = []

    def see(part: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        if not found and output.requires_grad:
            found.append((part, inputs[0]))

    with torch.enable_grad():
        with watching(discriminator.modules, (nn.Conv2d, nn.Linear), see):
            discriminator(image)
        if not found:
            return None
        layer, given = found[0]
        weight = layer.weight.detach()
        if isinstance(layer, nn.Conv2d):
            return weight[:, _with_pixels(given, image)] if layer.groups == 1 else weight.clone()
        return torch.stack([_gradient(given, image, row[None]) for row in weight])


@torch.no_grad()
def last_filters(family: Samples, nets: Nets, z: Tensor, label: Tensor | None) -> Tensor | None:
    """What each feature of the generator's last layer paints, (features, C, h, w); None if that is no convolution.

    Args:
        family: whose generator it is.
        nets: its networks.
        z: any latent (1, ...).
        label: (1,), in a family that reads labels.
    """
    found: list[nn.Module] = []
    with watching(
        nets.modules, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear), lambda part, inputs, output: found.append(part)
    ):
        channels = family.sample(nets, z, label).shape[1]
    last = found[-1] if found else None
    if isinstance(last, nn.ConvTranspose2d) and last.out_channels == channels and last.groups == 1:
        return last.weight.clone()
    if isinstance(last, nn.Conv2d) and last.out_channels == channels and last.groups == 1:
        # A convolution gathers; what one pixel of a feature paints around itself is the kernel turned round.
        return last.weight.transpose(0, 1).flip(2, 3)
    return None


def _with_pixels(given: Tensor, image: Tensor) -> list[int]:
    """The channels of a convolution's input (1, channels, H, W) that depend on the image; labels may fill others."""
    one = torch.eye(given.shape[1], device=given.device)[:, None, :, None, None].expand(-1, *given.shape)
    return [channel for channel, weights in enumerate(one) if _gradient(given, image, weights).any()]


def _gradient(given: Tensor, image: Tensor, weights: Tensor) -> Tensor:
    """Of a weighted sum of a layer's input with respect to the image, (C, H, W)."""
    (gradient,) = torch.autograd.grad(given, image, weights, retain_graph=True)
    return gradient[0]


def filter_tiles(filters: Tensor) -> Tensor:
    """Filters (N, C, h, w), each stretched from its least to its largest weight, as images in [-1, 1].

    With 1 or 3 channels a filter is one grey or coloured image; with any other number its channels are grey images
    side by side, (N, 1, h, C w). One whose weights are all alike is grey.
    """
    if filters.shape[1] not in (1, 3):
        filters = torch.cat(torch.split(filters, 1, dim=1), dim=3)
    least, largest = filters.flatten(1).aminmax(dim=1)
    middle, half = (least + largest) / 2, (largest - least) / 2
    return (filters - _spread(middle)) / _spread(half.where(half > 0, 1.0))


def around_zero(gradients: Tensor) -> Tensor:
    """Gradients (N, C, H, W), each divided by its largest absolute value: in [-1, 1], and 0 is grey."""
    largest = gradients.abs().flatten(1).amax(1)
    return gradients / _spread(largest.where(largest > 0, 1.0))


def in_colour(images: Tensor) -> Tensor:
    """Images (N, C, H, W) without their opacity: 1 or 3 channels."""
    return images[:, :3] if images.shape[1] > 3 else images


def _spread(values: Tensor) -> Tensor:
    return values[:, None, None, None]
