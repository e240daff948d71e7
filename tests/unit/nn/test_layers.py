"""Normalisation uses the statistics of the batch in training, and those of each image in eval mode."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gancli.nn.cpu_convolution import instance_norm
from gancli.nn.layers import PerImageBatchNorm2d, make_norm


def scaled(channels: int) -> PerImageBatchNorm2d:
    layer = PerImageBatchNorm2d(channels).double()
    nn.init.uniform_(layer.weight, 0.5, 2)
    nn.init.normal_(layer.bias)
    return layer


def images(count: int) -> torch.Tensor:
    return torch.randn(count, 3, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3 + 1


def reference(x: torch.Tensor, layer: PerImageBatchNorm2d, over: tuple[int, ...]) -> torch.Tensor:
    mean, variance = x.mean(over, keepdim=True), x.var(over, correction=0, keepdim=True)
    return (x - mean) / (variance + layer.eps).sqrt() * layer.weight.view(-1, 1, 1) + layer.bias.view(-1, 1, 1)


def test_training_takes_the_statistics_of_the_batch() -> None:
    layer, x = scaled(3), images(4)
    assert torch.allclose(layer(x), reference(x, layer, (0, 2, 3)), rtol=1e-12)


def test_use_takes_those_of_each_image_and_remembers_none() -> None:
    layer, x = scaled(3), images(4)
    layer(100 * x)  # training leaves no statistics
    layer.eval()
    assert torch.allclose(layer(x), reference(x, layer, (2, 3)), rtol=1e-12)
    assert torch.allclose(layer(x)[:1], layer(x[:1]), rtol=1e-12)
    assert not list(layer.buffers())


def test_with_one_image_training_and_use_are_instance_normalisation() -> None:
    layer, x = scaled(3), images(1)
    instance = nn.InstanceNorm2d(3, affine=True).double()
    instance.load_state_dict(layer.state_dict())
    assert torch.allclose(layer(x), instance(x), rtol=1e-12)
    assert torch.allclose(layer.eval()(x), instance(x), rtol=1e-12)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("affine", [False, True])
def test_instance_normalisation_is_the_librarys(
    count: int, memory_format: torch.memory_format, *, affine: bool
) -> None:
    layer = scaled(3)
    weight, bias = (layer.weight, layer.bias) if affine else (None, None)
    x = images(count).to(memory_format=memory_format).requires_grad_()
    inputs = [x, weight, bias] if affine else [x]
    ours = instance_norm(x, weight, bias, eps=1e-5)
    theirs = F.instance_norm(x, weight=weight, bias=bias)
    torch.testing.assert_close(ours, theirs)
    assert ours.is_contiguous(memory_format=memory_format)
    for one, other in zip(*(torch.autograd.grad(y.pow(3).sum(), inputs) for y in (ours, theirs)), strict=True):
        torch.testing.assert_close(one, other)


def test_a_map_of_one_pixel_cannot_be_normalised() -> None:
    for count in (1, 2):
        with pytest.raises(ValueError, match="Expected more than 1"):
            instance_norm(torch.ones(count, 3, 1, 1), None, None, eps=1e-5)


def test_kinds() -> None:
    counts = {
        kind: sum(p.numel() for p in make_norm(kind, 6).parameters())
        for kind in ("batch", "instance", "instance_affine", "none")
    }
    assert counts == {"batch": 12, "instance": 0, "instance_affine": 12, "none": 0}
