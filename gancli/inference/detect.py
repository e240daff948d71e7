"""Anomaly detection with a trained model."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gancli.family.context import Context
from gancli.family.tasks import Detection, Detects
from gancli.inference.model import Model
from gancli.inference.reference_outputs import COUNT, uniform_noise
from gancli.io.images import normalize, quantize
from gancli.io.types import Bytes
from gancli.runtime.device import keep_freed_memory
from gancli.runtime.random import fork_torch_rng, make_generator

BATCH = 8
"""Fixed batch size; smaller batches are padded. Matrix products round differently for other numbers of rows, a search
amplifies the difference, and a score must not depend on the number of images."""


@torch.enable_grad()
def detect(model: Model, images: Bytes, *, seed: int) -> Iterator[Detection]:
    """Yield the detections of images in batches, on the CPU; each image is scored independently of the others.

    Args:
        model: model that detects anomalies.
        images: (N, C, H, W), of the size and the number of channels of the training data.
        seed: seed of the search, the same for every image.
    """
    assert isinstance(model.family, Detects)
    keep_freed_memory()
    for start in range(0, len(images), BATCH):
        part = torch.from_numpy(images[start : start + BATCH].copy())
        batch = torch.cat([part, part[-1:].expand(BATCH - len(part), -1, -1, -1)]).to(model.device)
        context = Context(device=model.device, generator=make_generator(model.device, seed))
        with fork_torch_rng(model.device):
            torch.manual_seed(seed)
            detection = model.family.detect(model.nets, normalize(batch), context)
        yield Detection(*(tensor.detach()[: len(part)].float().cpu() for tensor in detection))


def reference_outputs(model: Model) -> dict[str, Tensor]:
    """Return the scores of noise images, as `gancli.inference.reference_outputs` collects them."""
    pixels = quantize(uniform_noise(COUNT, *model.family.data.shape)).byte().numpy()
    return {"detect": torch.cat([detection.score for detection in detect(model, pixels, seed=0)])}
