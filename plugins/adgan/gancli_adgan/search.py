"""The searches for what a generator can make of an image: through its latent space alone (Schlegl et al. 2017), or
through its weights as well, each start with a copy of them (Deecke et al. 2018).

A search takes rows: an image and a start (z) each. Rows know nothing of each other, and none changes the networks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from gancli.nn.dcgan import LatentToMap

Objective = Callable[[Tensor, Tensor], Tensor]
"""How far made images (R, C, H, W) are from those that were searched for, (R,)."""


class Product(nn.Module):
    """A transposed convolution as one matrix product, so that with a kernel for every row it is a batched product: the
    library's convolution in groups takes longer.
    """

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__()
        # As a matrix whose gradient comes out lying as it does itself: otherwise the optimizer would turn each.
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
        strokes = self.weight @ x.flatten(2)
        image = F.fold(strokes, (height, width), self.kernel, padding=self.padding, stride=self.stride)
        return image if self.bias is None else image + self.bias.view(-1, 1, 1)


class Scale(nn.Module):
    """Batch normalisation in evaluation: each map times a number, plus a number."""

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
    """What the generator makes (R, C, H, W) after steps of Adam on each z towards a low objective.

    Args:
        generator: in eval mode; its gradients are not asked for.
        image: (R, C, H, W) in [-1, 1].
        z: the starts, (R, latent_dim).
        objective: of each row by itself.
        steps: 0 leaves the starts.
        rate: step length.
    """
    z = z.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=rate)
    with torch.enable_grad():
        for _ in range(steps):
            (z.grad,) = torch.autograd.grad(objective(generator(z), image).sum(), z)
            optimizer.step()
    with torch.no_grad():
        made: Tensor = generator(z)
        return made


def search_weights(
    generator: nn.Sequential, image: Tensor, z: Tensor, *, steps: int, latent_rate: float, weights_rate: float
) -> Tensor:
    """What copies of the generator, one for each row, make (R, C, H, W) after steps of Adam on z and on their weights
    towards a low mean squared error.

    Args:
        generator: in eval mode, of layers that treat each image by itself then.
        image: (R, C, H, W) in [-1, 1].
        z: the starts, (R, latent_dim).
        steps: 0 leaves starts and weights.
        latent_rate: step length of z.
        weights_rate: step length of the weights; 0 needs no copies.
    """
    net = products(generator)
    z, weights = z.detach().clone(), _views(net, len(z)) if weights_rate else {}
    buffers = dict(net.named_buffers())

    def make(weights: dict[str, Tensor], z: Tensor) -> Tensor:
        made: Tensor = functional_call(net, {**buffers, **weights}, (z.unsqueeze(0),))
        return made.squeeze(0)

    def error(weights: dict[str, Tensor], z: Tensor, image: Tensor) -> Tensor:
        return (make(weights, z) - image).square().mean()

    gradients = vmap(grad(error, argnums=(0, 1)))
    optimizer: torch.optim.Optimizer | None = None
    with torch.no_grad():
        for _ in range(steps):
            by_weights, z.grad = gradients(weights, z, image)
            if optimizer is None:  # only from here on do the weights of the rows differ
                weights = {
                    name: weight.clone(memory_format=torch.contiguous_format) for name, weight in weights.items()
                }
                optimizer = _adam(z, latent_rate, weights, weights_rate)
            for name, weight in weights.items():
                weight.grad = by_weights[name]
            optimizer.step()
        made: Tensor = vmap(make)(weights, z)
        return made


def products(generator: nn.Sequential) -> nn.Sequential:
    """A frozen copy of the generator, of layers that are quick with weights for each row."""
    layers = copy.deepcopy(generator).requires_grad_(False)
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.BatchNorm2d):
            layers[index] = Scale(layer)
        elif isinstance(layer, nn.ConvTranspose2d) and not isinstance(layer, LatentToMap):
            layers[index] = Product(layer)
    return layers


def _views(net: nn.Module, rows: int) -> dict[str, Tensor]:
    """Every weight as if there were one for each row."""
    return {name: weight.detach().expand(rows, *weight.shape) for name, weight in net.named_parameters()}


def _own(weight: Tensor) -> Tensor:
    return weight.clone(memory_format=torch.contiguous_format)


def _adam(z: Tensor, latent_rate: float, weights: dict[str, Tensor], weights_rate: float) -> torch.optim.Optimizer:
    """It treats every number by itself, so that one serves all rows; fused, it passes over the copies once."""
    groups = [{"params": [z], "lr": latent_rate}]
    if weights:
        groups.append({"params": list(weights.values()), "lr": weights_rate})
    return torch.optim.Adam(groups, fused=True)
