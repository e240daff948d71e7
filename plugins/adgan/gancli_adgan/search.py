"""Searches for the output of a generator that is nearest to an image: over latents (Schlegl et al. 2017), or over
latents and the generator's weights, with a copy of the weights for each start (Deecke et al. 2018).

The inputs of a search are rows of an image and a start z. Rows do not depend on each other, and the networks do not
change.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from gancli.nn.cpu_convolution import LatentToMap

Objective = Callable[[Tensor, Tensor], Tensor]
"""Function from generated images and target images (R, C, H, W) to their distances (R,)."""


class ProductConvTranspose2d(nn.Module):
    """A transposed convolution as one matrix product. With one kernel per row it is a batched product, which is faster
    than PyTorch's grouped convolution.
    """

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__()
        # The gradient of this matrix has the same memory layout; otherwise the optimizer would transpose each one.
        self.weight = nn.Parameter(layer.weight.flatten(1).t().contiguous(), requires_grad=False)
        self.bias = layer.bias
        self.stride, self.kernel = layer.stride, layer.kernel_size
        assert isinstance(layer.padding, tuple)
        self.padding, self.output_padding = layer.padding, layer.output_padding

    def forward(self, x: Tensor) -> Tensor:
        height, width = (
            (side - 1) * stride - 2 * padding + kernel + extra
            for side, stride, padding, kernel, extra in zip(
                x.shape[2:], self.stride, self.padding, self.kernel, self.output_padding, strict=True
            )
        )
        parts = self.weight @ x.flatten(2)
        image = F.fold(parts, (height, width), self.kernel, padding=self.padding, stride=self.stride)
        return image if self.bias is None else image + self.bias.view(-1, 1, 1)


class FrozenBatchNorm2d(nn.Module):
    """Batch normalisation in eval mode: a scale and a shift per channel."""

    def __init__(self, layer: nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = layer.weight, layer.bias, layer.eps
        self.register_buffer("running_mean", layer.running_mean)
        self.register_buffer("running_var", layer.running_var)
        self.running_mean: Tensor
        self.running_var: Tensor

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * scale
        return torch.addcmul(shift.view(-1, 1, 1), x, scale.view(-1, 1, 1))


def search_latent(
    generator: nn.Module, image: Tensor, z: Tensor, objective: Objective, *, steps: int, rate: float
) -> Tensor:
    """Return the generated images (R, C, H, W) after minimising an objective over each z with Adam.

    Args:
        generator: network in eval mode, whose parameters get no gradients.
        image: target images (R, C, H, W) in [-1, 1].
        z: starts (R, latent_dim).
        objective: distance to minimise.
        steps: number of steps (0: use the starts).
        rate: learning rate.
    """
    z = z.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=rate)
    with torch.enable_grad():
        for _ in range(steps):
            (z.grad,) = torch.autograd.grad(objective(generator(z), image).sum(), z)
            optimizer.step()
    with torch.no_grad():
        generated: Tensor = generator(z)
        return generated


def search_weights(
    generator: nn.Sequential, image: Tensor, z: Tensor, *, steps: int, latent_rate: float, weights_rate: float
) -> Tensor:
    """Return the images (R, C, H, W) of one copy of the generator per row, after minimising the mean squared error over
    z and the weights of the copies with Adam.

    Args:
        generator: network in eval mode, in which images do not depend on each other.
        image: target images (R, C, H, W) in [-1, 1].
        z: starts (R, latent_dim).
        steps: number of steps (0: use the starts and the original weights).
        latent_rate: learning rate of z.
        weights_rate: learning rate of the weights; with 0 there are no copies.
    """
    net = with_fast_rows(generator)
    z, weights = z.detach().clone(), _views(net, len(z)) if weights_rate else {}
    buffers = dict(net.named_buffers())

    def generate(weights: dict[str, Tensor], z: Tensor) -> Tensor:
        generated: Tensor = functional_call(net, {**buffers, **weights}, (z.unsqueeze(0),))
        return generated.squeeze(0)

    def error(weights: dict[str, Tensor], z: Tensor, image: Tensor) -> Tensor:
        return (generate(weights, z) - image).square().mean()

    gradients = vmap(grad(error, argnums=(0, 1)))
    optimizer: torch.optim.Optimizer | None = None
    with torch.no_grad():
        for _ in range(steps):
            weight_gradients, z.grad = gradients(weights, z, image)
            if optimizer is None:  # the weights of the rows are equal until here
                weights = {
                    name: weight.clone(memory_format=torch.contiguous_format) for name, weight in weights.items()
                }
                optimizer = _adam(z, latent_rate, weights, weights_rate)
            for name, weight in weights.items():
                weight.grad = weight_gradients[name]
            optimizer.step()
        generated: Tensor = vmap(generate)(weights, z)
        return generated


def with_fast_rows(generator: nn.Sequential) -> nn.Sequential:
    """Return a frozen copy of the generator whose layers are fast with different weights for each row."""
    layers = copy.deepcopy(generator).requires_grad_(False)
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.BatchNorm2d):
            layers[index] = FrozenBatchNorm2d(layer)
        elif isinstance(layer, nn.ConvTranspose2d) and not isinstance(layer, LatentToMap):
            layers[index] = ProductConvTranspose2d(layer)
    return layers


def _views(net: nn.Module, rows: int) -> dict[str, Tensor]:
    """Return every weight expanded to one per row, without copying."""
    return {name: weight.detach().expand(rows, *weight.shape) for name, weight in net.named_parameters()}


def _adam(z: Tensor, latent_rate: float, weights: dict[str, Tensor], weights_rate: float) -> torch.optim.Optimizer:
    """Return one Adam for all rows, which is possible because it treats every number separately; fused for speed."""
    groups = [{"params": [z], "lr": latent_rate}]
    if weights:
        groups.append({"params": list(weights.values()), "lr": weights_rate})
    return torch.optim.Adam(groups, fused=True)
