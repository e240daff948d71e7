"""Features of a discriminator with the protocol of Radford et al. 2015."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.family.context import Nets
from gancli.inspection.discriminator import Discriminator


class SingleNetwork:
    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        scores: Tensor = nets.discriminator(image)
        return scores.flatten(1).sum(1)


def discriminator(*parts: nn.Module) -> Discriminator:
    modules = {"discriminator": nn.Sequential(*parts).requires_grad_(False).eval()}
    return Discriminator(family=SingleNetwork(), nets=Nets(modules), conditional=False)


def test_the_papers_discriminator_has_28_672() -> None:
    """Section 5.1: 16 values for each of the 256, 512 and 1,024 maps of 16x16, 8x8 and 4x4."""
    widths = (3, 256, 512, 1024)
    parts = [
        part
        for index in range(3)
        for part in (nn.Conv2d(widths[index], widths[index + 1], 5, stride=2, padding=2), nn.LeakyReLU(0.2))
    ]
    assert discriminator(*parts).features(torch.zeros(1, 3, 32, 32)).shape == (1, 28_672)


def test_a_map_is_reduced_by_maxima_and_a_small_one_stays() -> None:
    images = torch.arange(64.0).reshape(1, 1, 8, 8)
    found = discriminator(nn.ReLU(), nn.AvgPool2d(4), nn.ReLU()).features(images)
    pooled = images.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5)).flatten()
    assert found.shape == (1, 16 + 4)
    assert torch.equal(found[0, :16], pooled)
    assert torch.equal(found[0, 16:], nn.AvgPool2d(4)(images).flatten())


def test_units_are_taken_as_they_are() -> None:
    images = torch.tensor([[1.0, -1.0], [2.0, 3.0]]).reshape(2, 2, 1, 1)
    assert discriminator(nn.Flatten(), nn.ReLU()).features(images).tolist() == [[1, 0], [2, 3]]


def test_without_a_nonlinearity_there_is_nothing_to_take() -> None:
    with pytest.raises(UsageError, match="has no features"):
        discriminator(nn.Conv2d(1, 1, 1), nn.Tanh()).features(torch.zeros(1, 1, 4, 4))
