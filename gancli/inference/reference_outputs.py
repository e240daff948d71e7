"""Reference outputs: the outputs of a model for fixed inputs. Equal models have equal reference outputs."""

from __future__ import annotations

import torch
from torch import Tensor

from gancli.family.tasks import TASKS, Discriminates
from gancli.inference.model import Model
from gancli.plugins.registry import import_class
from gancli.runtime.random import fork_torch_rng

COUNT = 4
"""Number of reference inputs in a batch."""


@torch.no_grad()
def reference_outputs(model: Model) -> dict[str, Tensor]:
    """Return the outputs of a model by task, on the CPU; translations by domain.

    The inputs are equal for all models of the same family, options and data: latents of the seeds 0, 1, ..., and images
    of uniform noise, (N, C, H, W) in [-1, 1] of the training size.
    """
    outputs: dict[str, Tensor] = {}
    for task in TASKS.values():
        if task.name in model.abilities and isinstance(model.family, task.protocol):
            outputs |= import_class(task.reference)(model)
    if isinstance(model.family, Discriminates):
        labels = reference_labels(model)
        label = torch.tensor(labels, device=model.device) if labels else None
        with fork_torch_rng(model.device):
            torch.manual_seed(0)
            images = uniform_noise(COUNT, *model.family.data.shape).to(model.device)
            outputs["discriminate"] = model.family.discriminate(model.nets, images, label).float().cpu()
    return outputs


def reference_labels(model: Model) -> list[int]:
    """Return the labels of the reference inputs; empty for a model without labels."""
    return [index % len(model.labels) for index in range(COUNT)] if model.labels else []


def uniform_noise(*shape: int) -> Tensor:
    """Return reference images of uniform noise in [-1, 1]."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
