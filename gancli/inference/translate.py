"""A trained model's translation of one image of any size."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gancli.errors import UsageError
from gancli.family.tasks import Translates, Translation
from gancli.inference.model import Model
from gancli.inference.tiling import padded, tiled
from gancli.runtime.random import fork_torch_rng


class Translated(NamedTuple):
    """An image, (1, C, H, W) in [-1, 1] on the CPU, and whether another seed would give another one."""

    image: Tensor
    noisy: bool


def find_translation(model: Model, to: str | None) -> Translation:
    """The model's way to a domain; its first where None.

    Raises:
        UsageError: there is no such way.
    """
    ways = {way.to: way for way in _translator(model).translations()}
    if to is None:
        return next(iter(ways.values()))
    if to not in ways:
        raise UsageError(f"unknown domain {to!r}; {model.run} translates to {', '.join(ways)}")
    return ways[to]


@torch.no_grad()
def translate(model: Model, image: Tensor, way: Translation, *, tile: int | None = None, seed: int = 0) -> Translated:
    """What the model makes of an image, which depends on nothing else but the seed.

    Args:
        model: of a family that translates.
        image: (1, C, H, W) in [-1, 1], of any size.
        way: one of the model's.
        tile: side of the tiles in which it is done; None: whole. Networks that normalise by the statistics of what they
            see give each tile a tone of its own, which the blend of the tiles evens out.
        seed: of the noise, in a family that has some.
    """
    family = _translator(model)

    def apply(part: Tensor) -> Tensor:
        return family.translate(model.nets, part, way.to)

    with fork_torch_rng(model.device):
        torch.manual_seed(seed)
        before = _state(model.device)
        image = image.to(model.device)
        drawn = padded(apply, image, way.multiple) if tile is None else tiled(apply, image, way.multiple, tile)
        return Translated(drawn.float().cpu(), not torch.equal(before, _state(model.device)))


def _state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _translator(model: Model) -> Translates:
    assert isinstance(model.family, Translates)
    return model.family
