"""A family's discriminator with its networks: scores, activations and features of images."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.family.context import Nets
from gancli.family.tasks import Discriminates
from gancli.nn.layers import Maxout

RECTIFIERS = (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SiLU, nn.GELU)

NONLINEARITIES = (*RECTIFIERS, Maxout)
"""Modules whose outputs are features. Tanh and the sigmoid are not included, since they mostly convert a range."""

GRID = 4
"""Maximum side of a map after pooling."""

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

Hook = Callable[[Any, tuple[Any, ...], Tensor], None]
"""Called with a module, its arguments and its output."""


@dataclass(frozen=True, kw_only=True)
class Discriminator:
    """The discriminator of a family, with trained or other networks.

    Args:
        family: family of the discriminator.
        nets: the family's networks, in eval mode.
        conditional: True if the family takes labels.
    """

    family: Discriminates
    nets: Nets
    conditional: bool

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The networks by name."""
        return self.nets.modules

    def __call__(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the scores (N,) of images (N, C, H, W) with labels (N,), by default label 0 for conditional ones."""
        if self.conditional and labels is None:
            labels = torch.zeros(len(images), dtype=torch.int64, device=images.device)
        return self.family.discriminate(self.nets, images, labels if self.conditional else None)

    def activations(self, images: Tensor, labels: Tensor | None = None) -> list[Tensor]:
        """Return the outputs of all nonlinearities in order of execution: (N, units) or (N, C, H, W)."""
        outputs: list[Tensor] = []
        # Cloned, because later layers may work in place.
        with forward_hooks(self.modules, NONLINEARITIES, lambda module, inputs, output: outputs.append(output.clone())):
            self(images, labels)
        return outputs

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Return features (N, D), float32 on the CPU, of images (N, C, H, W).

        As in Radford et al. 2015, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
        Networks", section 5.1: the outputs of all nonlinearities, concatenated, with maps max-pooled to 4x4. A
        conditional discriminator receives label 0 for every image, so the features contain no label.

        Raises:
            UsageError: the discriminator has no suitable nonlinearity.
        """
        activations = self.activations(images)
        if not activations:
            raise UsageError(
                "this family's discriminator has no features, since no hidden layer ends in a rectifier or a maxout "
                "unit; use another metric or backbone"
            )
        return torch.cat([_pool(activation).flatten(1) for activation in activations], dim=1).float().cpu()

    @torch.no_grad()
    def with_statistics_of(self, batches: Iterable[Tensor]) -> Discriminator:
        """Return a copy whose batch normalisation statistics are computed from real images.

        Statistics of training are those of real and generated images mixed. Radford et al. 2015 also recompute them
        before extracting features. Without batch normalisation, returns the discriminator itself.

        Args:
            batches: batches of images (N, C, H, W), all of the same size N, at least 2.
        """
        copied = replace(self, nets=self.nets.holding(copy.deepcopy(self.nets.modules)))
        norms: set[Any] = set()
        for images in batches:
            if not norms:
                with forward_hooks(copied.modules, _BATCH_NORMS, lambda module, inputs, output: norms.add(module)):
                    copied(images)
                if not norms:
                    return self
                for norm in norms:
                    norm.reset_running_stats()
                    norm.momentum = None  # the plain mean over all batches
                    norm.train()
            copied(images)
        for norm in norms:
            norm.eval()
        return copied


@contextmanager
def forward_hooks(modules: Mapping[str, nn.Module], kinds: tuple[type[nn.Module], ...], hook: Hook) -> Iterator[None]:
    """Call a hook for every forward call of modules of some kinds, in order of execution, within the context.

    Args:
        modules: networks by name.
        kinds: classes of the modules to follow, at any depth.
        hook: called after each forward call; must not change its arguments.
    """
    parts = {part for module in modules.values() for part in module.modules() if isinstance(part, kinds)}
    handles = [part.register_forward_hook(hook) for part in parts]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _pool(activation: Tensor) -> Tensor:
    if activation.dim() != 4:
        return activation
    height, width = activation.shape[2:]
    return F.adaptive_max_pool2d(activation, (min(GRID, height), min(GRID, width)))
