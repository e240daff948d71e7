"""GAN inversion: search for the latent from which a trained model generates the image closest to a given one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gancli.errors import NumericalError
from gancli.family.tasks import Samples
from gancli.inference.model import Model
from gancli.inference.sample import BATCH, generate, latents
from gancli.io.types import Progress
from gancli.runtime.random import fork_torch_rng

LEARNING_RATE = 0.1
"""Initial learning rate of Adam; it falls to 0 along half a cosine."""


class Inversion(NamedTuple):
    """Result of a search.

    Args:
        z: the latent (1, ...), on the model's device.
        image: the image generated from it, (1, C, H, W) in [-1, 1], on the CPU.
        error: mean squared error of the image; 4 is the error of black for white.
        seed: seed of the initial latent.
        label: label index, in a family that reads labels.
    """

    z: Tensor
    image: Tensor
    error: float
    seed: int
    label: int | None


def invert(
    model: Model,
    target: Tensor,
    *,
    seeds: Sequence[int],
    labels: Sequence[int],
    steps: int,
    progress: Progress | None = None,
) -> Inversion:
    """Search from the latent of each seed with each label by gradient descent; return the best latent of all steps.

    The model is not changed. The error has many local minima, so that a single search often ends in a poor one (Lipton
    and Tripathy 2017, who recover latents in this way).

    Args:
        model: model that samples images.
        target: (1, C, H, W) in [-1, 1], of the size that the model generates.
        seeds: seeds of the initial latents, as in `gan sample`.
        labels: label indices to try; empty for a family without labels.
        steps: number of steps of each search; 0 returns the best initial latent.
        progress: called with the number of finished steps and of all steps.

    Raises:
        NumericalError: the model generates values that are not finite.
    """
    candidates: Sequence[int | None] = labels or [None]
    starts = [(seed, label) for label in candidates for seed in seeds]
    batches = [starts[begin : begin + BATCH] for begin in range(0, len(starts), BATCH)]
    results: list[tuple[Tensor, Tensor]] = []
    for number, batch in enumerate(batches):

        def report(step: int, before: int = number * steps) -> None:
            if progress:
                progress(before + step, len(batches) * steps)

        z = latents(model, [seed for seed, _ in batch])
        label = _label_tensor([label for _, label in batch], model)
        results.append(_search(model, target.to(model.device), z, label, steps, report))
    z, errors = (torch.cat(parts) for parts in zip(*results, strict=True))
    best = int(errors.argmin())
    if not math.isfinite(float(errors[best])):
        raise NumericalError(f"{model.run} generates values that are not finite; train it again")
    seed, best_label = starts[best]
    image = generate(model, z[best : best + 1], _label_tensor([best_label], model))
    error = float((image - target.cpu()).square().mean())
    return Inversion(z[best : best + 1], image, error, seed, best_label)


def _search(
    model: Model, target: Tensor, z: Tensor, label: Tensor | None, steps: int, report: Callable[[int], None]
) -> tuple[Tensor, Tensor]:
    """Return the best latents (N, ...) of the searches that start at `z`, and their errors (N,).

    The rows are independent of each other, since Adam works elementwise.
    """
    family = model.family
    assert isinstance(family, Samples)
    best, lowest = z.clone(), torch.full((len(z),), math.inf, device=z.device)
    z = z.clone().requires_grad_()
    adam = torch.optim.Adam([z])
    with torch.enable_grad(), fork_torch_rng(model.device):
        for step in range(steps + 1):
            errors = (family.sample(model.nets, z, label) - target).square().flatten(1).mean(1)
            better = errors.detach() < lowest
            lowest[better], best[better] = errors.detach()[better], z.detach()[better]
            if step < steps:
                adam.param_groups[0]["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * step / steps)) / 2
                (z.grad,) = torch.autograd.grad(errors.sum(), z)
                adam.step()
                report(step + 1)
    return best, lowest


def _label_tensor(labels: Sequence[int | None], model: Model) -> Tensor | None:
    indices = [label for label in labels if label is not None]
    return torch.tensor(indices, device=model.device) if indices else None
