"""A family's discriminator with the networks it asks: trained ones, or others of the same architecture."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gancli.family.context import Nets
from gancli.family.tasks import Discriminates
from gancli.inspection.hooks import NONLINEARITIES, watching


@dataclass(frozen=True, kw_only=True)
class Discriminator:
    """What can be asked about images.

    Args:
        family: whose discriminator it is.
        nets: the family's networks, in eval mode.
        conditional: whether the family reads labels.
    """

    family: Discriminates
    nets: Nets
    conditional: bool

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The networks by name."""
        return self.nets.modules

    def __call__(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """The answers (N,) for images (N, C, H, W), with labels (N,); in a conditional family, label 0 if left out."""
        if self.conditional and labels is None:
            labels = torch.zeros(len(images), dtype=torch.int64, device=images.device)
        return self.family.discriminate(self.nets, images, labels if self.conditional else None)

    def activations(self, images: Tensor, labels: Tensor | None = None) -> list[Tensor]:
        """The output of every nonlinearity that the question reaches, in this order: (N, units) or (N, C, H, W)."""
        seen: list[Tensor] = []
        # Copied, because what follows may work in place.
        with watching(self.modules, NONLINEARITIES, lambda part, inputs, output: seen.append(output.clone())):
            self(images, labels)
        return seen

    @torch.no_grad()
    def with_statistics_of(self, batches: Iterable[Tensor]) -> Discriminator:
        """The same with the statistics of batch normalisation taken anew from real images, on a copy.

        Those that training left behind are of real and generated images mixed. Radford et al. 2015 do the same before
        they take features. Without batch normalisation, the discriminator itself.

        Args:
            batches: of images (N, C, H, W), all of the same number and of at least two.
        """
        copied = replace(self, nets=self.nets.holding(copy.deepcopy(self.nets.modules)))
        norms: set[_BatchNorm] = set()
        for images in batches:
            if not norms:
                with watching(copied.modules, (_BatchNorm,), lambda part, inputs, output: norms.add(part)):
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
