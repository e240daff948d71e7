"""The automatic choice of the memory format."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gancli.nn.layers import make_norm
from gancli.runtime.device import choose_memory_format

CONVOLVING = nn.Sequential(nn.Linear(4, 4), nn.Unflatten(1, (1, 2, 2)), nn.ConvTranspose2d(1, 1, 3))
BY_INSTANCE = nn.Sequential(nn.Conv2d(1, 1, 3), nn.InstanceNorm2d(1))
BY_OUR_INSTANCE = nn.Sequential(nn.Conv2d(1, 1, 3), make_norm("instance", 1))


@pytest.mark.parametrize(
    ("network", "device", "channels_last"),
    [
        (CONVOLVING, "cpu", True),
        (CONVOLVING, "cuda", True),
        (CONVOLVING, "mps", False),
        (BY_INSTANCE, "cpu", False),
        (BY_OUR_INSTANCE, "cpu", True),
        (BY_OUR_INSTANCE, "cuda", False),
        (nn.Linear(1, 1), "cpu", False),
    ],
)
def test_channels_come_last_where_that_is_faster(network: nn.Module, device: str, channels_last: bool) -> None:
    chosen = choose_memory_format("auto", network, torch.device(device))
    assert chosen is (torch.channels_last if channels_last else torch.contiguous_format)


def test_a_memory_format_that_is_asked_for_is_taken() -> None:
    device = torch.device("cpu")
    assert choose_memory_format("contiguous", CONVOLVING, device) is torch.contiguous_format
    assert choose_memory_format("channels_last", BY_INSTANCE, device) is torch.channels_last
