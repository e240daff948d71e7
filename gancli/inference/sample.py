"""Images of a trained model, each from a random stream of its own seed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gancli.errors import UsageError
from gancli.family.context import Context
from gancli.family.tasks import Samples
from gancli.inference.model import Model
from gancli.runtime.random import fork_torch_rng, make_generator

BATCH = 16
"""How many images are drawn at once, always: a smaller batch is filled up. For another number of rows, matrix products
round otherwise, and an image must not depend on how many are drawn with it."""


def sample_images(
    model: Model, seeds: Sequence[int], labels: Sequence[int], *, truncation: float | None = None
) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] on the CPU, each from the latent of its own seed.

    Args:
        model: of a family that samples.
        seeds: one for each image.
        labels: label indices, one for each image; empty for a family without labels.
        truncation: largest absolute value of a normal number in a latent; None: no limit.

    Raises:
        UsageError: there are no normal numbers to truncate.
    """
    drawn = []
    for start in range(0, len(seeds), BATCH):
        z = latents(model, seeds[start : start + BATCH], truncation=truncation)
        drawn.append(generate(model, z, torch.tensor(labels[start : start + BATCH]) if labels else None))
    return torch.cat(drawn)


def latents(model: Model, seeds: Sequence[int], *, truncation: float | None = None) -> Tensor:
    """The latents (N, ...) of seeds, on the model's device; each is what `draw` makes an image of.

    Raises:
        UsageError: there are no normal numbers to truncate.
    """
    contexts = [
        Context(device=model.device, generator=make_generator(model.device, seed), truncation=truncation)
        for seed in seeds
    ]
    family = _sampler(model)
    with fork_torch_rng(model.device):
        z = torch.cat([family.latent(1, context) for context in contexts])
    if truncation is not None and not all(context.truncated for context in contexts):
        raise UsageError(
            f"the latents of {model.run} hold no normal numbers, so --truncation means nothing to it; leave it out"
        )
    return z


@torch.no_grad()
def generate(model: Model, z: Tensor, label: Tensor | None) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] on the CPU.

    Args:
        model: of a family that samples.
        z: latents (N, ...).
        label: indices (N,) or weights (N, labels), in a family that reads labels.
    """
    family, drawn = _sampler(model), []
    with fork_torch_rng(model.device):
        for start in range(0, len(z), BATCH):
            part = None if label is None else _full(label[start : start + BATCH]).to(model.device)
            images = family.sample(model.nets, _full(z[start : start + BATCH]).to(model.device), part)
            drawn.append(images[: len(z) - start].float().cpu())
    return torch.cat(drawn)


def _full(part: Tensor) -> Tensor:
    """A batch of `BATCH`, the last one repeated where some are missing."""
    return torch.cat([part, part[-1:].expand(BATCH - len(part), *part.shape[1:])])


def _sampler(model: Model) -> Samples:
    assert isinstance(model.family, Samples)
    return model.family
