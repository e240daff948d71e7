"""A trained model's search for what it cannot make, in images of the user."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from gancli.family.context import Context
from gancli.family.tasks import Detection, Detects
from gancli.inference.model import Model
from gancli.io.types import Bytes
from gancli.runtime.device import keep_freed_memory
from gancli.runtime.random import fork_torch_rng, make_generator

BATCH = 8
"""How many images are scored at once, always: a smaller batch is filled up. For another number of rows, matrix products
round otherwise, which a search makes larger, and a score must not depend on how many images are scored with it."""


@torch.enable_grad()
def detect(model: Model, images: Bytes, *, seed: int) -> Iterator[Detection]:
    """What the model says of images, on the CPU, a batch at a time; of each the same whatever the others are.

    Args:
        model: of a family that detects.
        images: (N, C, H, W), of the size and the channels of training.
        seed: of the search, and the same for every image.
    """
    assert isinstance(model.family, Detects)
    keep_freed_memory()
    for start in range(0, len(images), BATCH):
        part = torch.from_numpy(images[start : start + BATCH].copy())
        full = torch.cat([part, part[-1:].expand(BATCH - len(part), -1, -1, -1)])
        context = Context(device=model.device, generator=make_generator(model.device, seed))
        with fork_torch_rng(model.device):
            torch.manual_seed(seed)
            found = model.family.detect(model.nets, full.to(model.device, torch.float32) / 127.5 - 1, context)
        yield Detection(*(each.detach()[: len(part)].float().cpu() for each in found))
