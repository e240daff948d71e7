"""Receptive fields, sizes and parameter counts of the published discriminators."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gancli.errors import UsageError
from gancli.nn.layers import NormKind
from gancli.nn.patch_discriminator import RECEPTIVE_FIELDS, ReceptiveField, patch_discriminator


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("receptive_field", "count"),
    [(1, 9_024), (16, 139_585), (34, 666_433), (70, 2_768_705), (142, 6_964_033), (286, 11_159_361)],
)
def test_parameter_counts_with_six_channels(receptive_field: ReceptiveField, count: int) -> None:
    with torch.device("meta"):
        assert parameters(patch_discriminator(6, (512, 512), receptive_field=receptive_field)) == count


@pytest.mark.parametrize(
    ("norm", "count"), [("batch", 2_765_633), ("instance", 2_764_737), ("instance_affine", 2_766_529)]
)
def test_parameter_counts_with_three_channels(norm: NormKind, count: int) -> None:
    with torch.device("meta"):
        assert parameters(patch_discriminator(3, (256, 256), norm=norm)) == count


@pytest.mark.parametrize("receptive_field", RECEPTIVE_FIELDS)
def test_an_answer_sees_exactly_its_patch(receptive_field: ReceptiveField) -> None:
    """Checked by the gradient of one output in the middle, without normalisation, which would connect all pixels."""
    side = max(32, receptive_field + 32 - receptive_field % 32 + 96)
    torch.manual_seed(0)
    network = patch_discriminator(1, (side, side), receptive_field=receptive_field, channels=2, norm="none")
    image = torch.randn(1, 1, side, side, requires_grad=True)
    answers = network(image)
    answers[0, 0, answers.shape[2] // 2, answers.shape[3] // 2].backward()
    seen = image.grad[0, 0].nonzero()  # type: ignore[index]
    height, width = (seen.max(0).values - seen.min(0).values + 1).tolist()
    assert (height, width) == (receptive_field, receptive_field)


def test_the_published_one_answers_256_pixels_with_30_by_30() -> None:
    assert patch_discriminator(3, (256, 256), channels=2)(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)


def test_answers_are_those_of_plain_layers() -> None:
    torch.manual_seed(0)
    ours = patch_discriminator(2, (32, 48), receptive_field=34, channels=3, norm="instance")
    plain = nn.Sequential(
        nn.Conv2d(2, 3, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(3, 6, 4, 2, 1),
        nn.InstanceNorm2d(6),
        nn.LeakyReLU(0.2),
        nn.Conv2d(6, 12, 4, 1, 1),
        nn.InstanceNorm2d(12),
        nn.LeakyReLU(0.2),
        nn.Conv2d(12, 1, 4, 1, 1),
    )
    plain.load_state_dict(ours.state_dict())
    image = torch.randn(2, 2, 32, 48)
    assert torch.allclose(ours(image), plain(image), atol=1e-5)


@pytest.mark.parametrize(("side", "expected"), [(256, 30), (32, 2), (16, 2), (8, 2), (4, 4)])
def test_small_images_get_the_largest_field_that_leaves_two_answers(side: int, expected: int) -> None:
    network = patch_discriminator(1, (side, side), channels=2)
    assert network(torch.randn(2, 1, side, side)).shape[2:] == (expected, expected)


def test_a_field_that_is_too_large_is_refused_with_one_that_fits() -> None:
    with pytest.raises(UsageError, match=r"set model\.receptive_field to 34"):
        patch_discriminator(1, (16, 16), receptive_field=70)
    assert patch_discriminator(1, (16, 16), receptive_field=34)
