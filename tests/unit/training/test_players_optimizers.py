"""Adam updates every element with its own gradient in any memory format."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gancli.family.optim import Adam
from gancli.training.players import build_optimizer

DECLARED = Adam(lr=0.1, betas=(0.5, 0.9))


def trained(lies: torch.memory_format, gradients_lie: torch.memory_format) -> Tensor:
    """Return parameters after three updates."""
    generator = torch.Generator().manual_seed(0)
    parameter = nn.Parameter(torch.randn(4, 3, 2, 5, generator=generator).to(memory_format=lies))
    bias = nn.Parameter(torch.zeros(3))
    unused = nn.Parameter(torch.zeros(3, 3, 2, 2).to(memory_format=lies))
    optimizer = build_optimizer(DECLARED, [unused, parameter, bias])
    for _ in range(3):
        parameter.grad = torch.randn(4, 3, 2, 5, generator=generator).to(memory_format=gradients_lie)
        bias.grad = torch.randn(3, generator=generator)
        optimizer.step()
    assert parameter.is_contiguous(memory_format=lies)
    assert optimizer.state[parameter]["exp_avg"].stride() == parameter.stride()
    assert not unused.any()
    return torch.cat((parameter.detach().flatten(), bias.detach()))


@pytest.mark.parametrize("lies", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("gradients_lie", [torch.contiguous_format, torch.channels_last])
def test_the_order_in_memory_changes_no_bit(lies: torch.memory_format, gradients_lie: torch.memory_format) -> None:
    expected = trained(torch.contiguous_format, torch.contiguous_format)
    assert torch.equal(trained(lies, gradients_lie), expected)


def test_it_is_adam() -> None:
    generator = torch.Generator().manual_seed(0)
    start, gradient = torch.randn(2, 3, 2, 2, generator=generator), torch.randn(2, 3, 2, 2, generator=generator)
    parameter = nn.Parameter(start.to(memory_format=torch.channels_last))
    optimizer = build_optimizer(DECLARED, [parameter])
    parameter.grad = gradient.to(memory_format=torch.channels_last)
    optimizer.step()
    # With bias-corrected moments the first step is the sign of the gradient.
    assert torch.allclose(parameter.detach(), start - 0.1 * gradient.sign(), atol=1e-6)
