"""Sampling from a trained model: each image depends only on its own seed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gancli.errors import UsageError
from gancli.family.context import Context
from gancli.family.tasks import Samples
from gancli.inference.model import Model
from gancli.inference.reference_outputs import COUNT, reference_labels
from gancli.runtime.random import fork_torch_rng, make_generator

BATCH = 16
"""Fixed batch size; smaller batches are padded. Matrix products round differently for other numbers of rows, and an
image must not depend on the number of images generated with it."""


def sample_images(
    model: Model, seeds: Sequence[int], labels: Sequence[int], *, truncation: float | None = None
) -> Tensor:
    """Generate images (N, C, H, W) in [-1, 1] on the CPU, each from the latent of its own seed.

    Args:
        model: model that samples.
        seeds: one per image.
        labels: label indices, one per image; empty for a family without labels.
        truncation: maximum absolute value of a normal number in a latent; None for no limit.

    Raises:
        UsageError: `truncation` is given, and the latents contain no normal numbers.
    """
    images = []
    for start in range(0, len(seeds), BATCH):
        z = latents(model, seeds[start : start + BATCH], truncation=truncation)
        images.append(generate(model, z, torch.tensor(labels[start : start + BATCH]) if labels else None))
    return torch.cat(images)


def latents(model: Model, seeds: Sequence[int], *, truncation: float | None = None) -> Tensor:
    """Return the latents (N, ...) of seeds, on the model's device, as `sample_images` uses them.

    Raises:
        UsageError: `truncation` is given, and the latents contain no normal numbers.
    """
    contexts = [
        Context(device=model.device, generator=make_generator(model.device, seed), truncation=truncation)
        for seed in seeds
    ]
    family = _family(model)
    with fork_torch_rng(model.device):
        z = torch.cat([family.latent(1, context) for context in contexts])
    if truncation is not None and not all(context.truncated for context in contexts):
        raise UsageError(
            f"the latents of {model.run} contain no normal numbers, so --truncation has no effect; omit --truncation"
        )
    return z


@torch.no_grad()
def generate(model: Model, z: Tensor, label: Tensor | None) -> Tensor:
    """Generate images (N, C, H, W) in [-1, 1] on the CPU.

    Args:
        model: model that samples.
        z: latents (N, ...).
        label: indices (N,) or weights (N, labels), in a family that reads labels.
    """
    family, images = _family(model), []
    with fork_torch_rng(model.device):
        for start in range(0, len(z), BATCH):
            part = None if label is None else _pad(label[start : start + BATCH]).to(model.device)
            batch = family.sample(model.nets, _pad(z[start : start + BATCH]).to(model.device), part)
            images.append(batch[: len(z) - start].float().cpu())
    return torch.cat(images)


def reference_outputs(model: Model) -> dict[str, Tensor]:
    """Return the images of seeds 0, 1, ..., as `gancli.inference.reference_outputs` collects them."""
    return {"sample": sample_images(model, range(COUNT), reference_labels(model))}


def _pad(part: Tensor) -> Tensor:
    """Repeat the last row until there are `BATCH` rows."""
    return torch.cat([part, part[-1:].expand(BATCH - len(part), *part.shape[1:])])


def _family(model: Model) -> Samples:
    assert isinstance(model.family, Samples)
    return model.family
