"""Discriminators small enough to be checked by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gancli.family.context import Nets
from gancli.inspection.discriminator import Discriminator


class Judge:
    """A family that asks one network called `discriminator`; with labels it hands them over as well."""

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        given = (image,) if label is None else (image, label)
        answer: Tensor = nets.discriminator(*given)
        return answer.flatten(1).sum(1)


@pytest.fixture
def judge() -> Callable[..., Discriminator]:
    """A discriminator around a network, frozen and in eval mode as trained ones are."""

    def make(network: nn.Module, *, conditional: bool = False) -> Discriminator:
        modules = {"discriminator": network.requires_grad_(False).eval()}
        return Discriminator(family=Judge(), nets=Nets(modules), conditional=conditional)

    return make


@pytest.fixture
def convolutional(judge: Callable[..., Discriminator]) -> Discriminator:
    """Two convolutions with batch normalisation and leaky rectifiers, for 3x8x8."""
    torch.manual_seed(0)
    return judge(
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
