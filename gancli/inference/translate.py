"""Image-to-image translation of one image of any size with a trained model."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gancli.errors import UsageError
from gancli.family.tasks import Translates, Translation
from gancli.inference.model import Model
from gancli.inference.reference_outputs import uniform_noise
from gancli.inference.tiling import apply_padded, apply_tiled
from gancli.runtime.random import fork_torch_rng


class Translated(NamedTuple):
    """A translated image (1, C, H, W) in [-1, 1] on the CPU, and whether it depends on the seed."""

    image: Tensor
    noisy: bool


def find_translation(model: Model, to: str | None) -> Translation:
    """Return the translation of a model to a domain (default: its first).

    Raises:
        UsageError: the model does not translate to this domain.
    """
    translations = {translation.to: translation for translation in _family(model).translations()}
    if to is None:
        return next(iter(translations.values()))
    if to not in translations:
        raise UsageError(f"unknown domain {to!r}; {model.run} translates to {', '.join(translations)}")
    return translations[to]


@torch.no_grad()
def translate(
    model: Model, image: Tensor, translation: Translation, *, tile: int | None = None, seed: int = 0
) -> Translated:
    """Translate an image; the result depends only on the image and the seed.

    Args:
        model: model that translates.
        image: (1, C, H, W) in [-1, 1], of any size.
        translation: one of the model's translations.
        tile: side of the tiles; None to translate the whole image at once. A network that normalises by the statistics
            of its input gives each tile a slightly different tone, which blending evens out.
        seed: seed of the noise, in a family that uses noise.
    """
    family = _family(model)
    enough = model.family.data.height, model.family.data.width

    def apply(part: Tensor) -> Tensor:
        return family.translate(model.nets, part, translation.to)

    with fork_torch_rng(model.device):
        torch.manual_seed(seed)
        before = _rng_state(model.device)
        image = image.to(model.device)
        if tile is None:
            output = apply_padded(apply, image, translation.multiple, enough=enough)
        else:
            output = apply_tiled(apply, image, translation.multiple, tile, enough=enough)
        return Translated(output.float().cpu(), not torch.equal(before, _rng_state(model.device)))


def reference_outputs(model: Model) -> dict[str, Tensor]:
    """Return translations of a noise image by domain, as `gancli.inference.reference_outputs` collects them."""
    return {
        f"translate to {translation.to}": translate(
            model, uniform_noise(1, *model.family.data.shape_of(translation.reads)), translation
        ).image
        for translation in _family(model).translations()
    }


def _rng_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _family(model: Model) -> Translates:
    assert isinstance(model.family, Translates)
    return model.family
