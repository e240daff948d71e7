"""Discriminators small enough to be checked by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gancli.family.context import Nets
from gancli.inspection.discriminator import Discriminator


class SingleNetwork:
    """A family with one network, `discriminator`, which receives labels if there are any."""

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        arguments = (image,) if label is None else (image, label)
        scores: Tensor = nets.discriminator(*arguments)
        return scores.flatten(1).sum(1)


@pytest.fixture
def make_discriminator() -> Callable[..., Discriminator]:
    """Return a function that makes a discriminator of a network, frozen and in eval mode."""

    def make(network: nn.Module, *, conditional: bool = False) -> Discriminator:
        modules = {"discriminator": network.requires_grad_(False).eval()}
        return Discriminator(family=SingleNetwork(), nets=Nets(modules), conditional=conditional)

    return make


@pytest.fixture
def convolutional(make_discriminator: Callable[..., Discriminator]) -> Discriminator:
    """Two convolutions with batch normalisation and leaky rectifiers, for 3x8x8."""
    torch.manual_seed(0)
    return make_discriminator(
        nn.Sequential(
            nn.Conv2d(3, 4, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(4, 6, 4, stride=2, padding=1),
            nn.BatchNorm2d(6),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(6, 1, 2),
        )
    )


@pytest.fixture
def images() -> Tensor:
    """Twelve images of 3x8x8 in [-1, 1]."""
    return torch.rand(12, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
