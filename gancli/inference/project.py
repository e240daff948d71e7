"""The latent of which a trained model makes an image most like a given one."""

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
from gancli.runtime.random import fork_torch_rng

LEARNING_RATE = 0.1
"""Of Adam at the first step; it falls to 0 along half a cosine, so that the last steps settle."""


class Inversion(NamedTuple):
    """What a search found.

    Args:
        z: the latent (1, ...), on the model's device.
        image: what the model makes of it, (1, C, H, W) in [-1, 1], on the CPU.
        error: mean squared error of that image; 4 is that of black for white.
        seed: where the search for it began.
        label: the index that it goes with, in a family that reads labels.
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
    progress: Callable[[int, int], None] | None = None,
) -> Inversion:
    """Searches from the latent of every seed with every label, by gradients of the error; the best that any passed.

    The model stays as it is. Errors have many valleys, so that one search often ends in a poor one (Lipton and Tripathy
    2017, who recover latents like this).

    Args:
        model: of a family that samples images.
        target: (1, C, H, W) in [-1, 1], of the size that the model draws.
        seeds: as `gan sample` takes them.
        labels: label indices to try; empty for a family without labels.
        steps: of each search; 0 takes the best of the latents that it would begin at.
        progress: called with the steps done and all of them.

    Raises:
        NumericalError: what the model draws is not finite.
    """
    tried: Sequence[int | None] = labels or [None]
    starts = [(seed, label) for label in tried for seed in seeds]
    batches = [starts[begin : begin + BATCH] for begin in range(0, len(starts), BATCH)]
    found: list[tuple[Tensor, Tensor]] = []
    for number, batch in enumerate(batches):

        def tell(step: int, before: int = number * steps) -> None:
            if progress:
                progress(before + step, len(batches) * steps)

        z = latents(model, [seed for seed, _ in batch])
        label = _indices([label for _, label in batch], model)
        found.append(_search(model, target.to(model.device), z, label, steps, tell))
    z, errors = (torch.cat(each) for each in zip(*found, strict=True))
    best = int(errors.argmin())
    if not math.isfinite(float(errors[best])):
        raise NumericalError(f"{model.run} draws values that are not finite; train it anew")
    seed, chosen = starts[best]
    image = generate(model, z[best : best + 1], _indices([chosen], model))
    error = float((image - target.cpu()).square().mean())
    return Inversion(z[best : best + 1], image, error, seed, chosen)


def _search(
    model: Model, target: Tensor, z: Tensor, label: Tensor | None, steps: int, tell: Callable[[int], None]
) -> tuple[Tensor, Tensor]:
    """The best latents (N, ...) on the ways from `z`, and their errors (N,). Rows have nothing to do with each other,
    since Adam goes by single numbers.
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
                tell(step + 1)
    return best, lowest


def _indices(labels: Sequence[int | None], model: Model) -> Tensor | None:
    known = [label for label in labels if label is not None]
    return torch.tensor(known, device=model.device) if known else None
