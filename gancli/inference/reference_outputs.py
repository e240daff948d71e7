"""What a trained model answers to fixed questions, one for everything it can do: equal answers are equal models."""

from __future__ import annotations

import torch
from torch import Tensor

from gancli.family.tasks import Detects, Discriminates, Samples, Translates, Upscales
from gancli.inference.detect import detect
from gancli.inference.model import Model
from gancli.inference.sample import sample_images
from gancli.inference.translate import translate
from gancli.runtime.random import fork_torch_rng

COUNT = 4
"""Questions of a kind, where the answers come together."""


@torch.no_grad()
def reference_outputs(model: Model) -> dict[str, Tensor]:
    """Answers by task, translations by domain; on the CPU.

    The questions are the same for every model of the same family, options and data: latents of the seeds from 0 on, and
    images of uniform noise, (N, C, H, W) of the size of training, in [-1, 1].
    """
    family, can, found = model.family, model.abilities, dict[str, Tensor]()
    data = family.data
    labels = [number % len(model.labels) for number in range(COUNT)] if model.labels else []
    if isinstance(family, Samples) and "sample" in can:
        found["sample"] = sample_images(model, range(COUNT), labels)
    if isinstance(family, Translates) and "translate" in can:
        for way in family.translations():
            shape = data.shape_of(way.reads)
            found[f"translate to {way.to}"] = translate(model, _noise(1, *shape), way).image
    if isinstance(family, Upscales) and "upscale" in can:
        found["upscale"] = family.upscale(model.nets, _noise(1, *data.shape).to(model.device)).float().cpu()
    if isinstance(family, Detects) and "detect" in can:
        pixels = ((_noise(COUNT, *data.shape) + 1) * 127.5).round().to(torch.uint8).numpy()
        found["detect"] = torch.cat([each.score for each in detect(model, pixels, seed=0)])
    if isinstance(family, Discriminates):
        label = torch.tensor(labels, device=model.device) if labels else None
        with fork_torch_rng(model.device):
            torch.manual_seed(0)
            shown = _noise(COUNT, *data.shape).to(model.device)
            found["discriminate"] = family.discriminate(model.nets, shown, label).float().cpu()
    return found


def _noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
