"""Scores of translations between coloured digits: the requested colour must appear and the digit must be preserved.

Both are classified by small networks trained on the real images of the training split in every colour. The images of
the test split are translated, each to every colour.
"""

from __future__ import annotations

import numpy as np
import torch
from digit_classifier import train_classifier, train_reader
from torch import Tensor

from gancli.data.dataset import open_dataset
from gancli.data.loader import images_at
from gancli.data.source import PackedDataset
from gancli.data.sources.config import ColouredDigitsConfig
from gancli.data.sources.digits import tint
from gancli.family.tasks import Translates
from gancli.inference.model import Model
from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run


def colours_and_digits(model: Model, recipe: Recipe, run: Run) -> dict[str, float]:
    """Shares of translations whose colour, and whose digit, is classified as it should be.

    For scale, the share of digits that are classified correctly in the same images untranslated; and the distance to
    the true image in the other colour, a mean over pixels in [-1, 1].

    Args:
        model: model that translates to every label of the data.
        recipe: recipe that it was trained with, on `coloured-digits`.
        run: run of the model.

    Returns:
        All four values by name.
    """
    family, config = model.family, recipe.data
    assert isinstance(family, Translates)
    assert isinstance(config, ColouredDigitsConfig)
    images, colours, digits = _in_every_colour(open_dataset(config), config.saturation)
    read_colour, read_digit = train_classifier(images, colours), train_reader(images, digits)
    test = open_dataset(config.model_copy(update={"split": "test", "limit": None}))
    shown = images_at(test, np.arange(test.count), model.device)
    with torch.no_grad():
        ways = [
            torch.cat([family.translate(model.nets, part, to) for part in shown.split(100)]) for to in test.spec.labels
        ]
    drawn = torch.cat(ways).cpu()
    truth, asked, kept = _in_every_colour(test, config.saturation)
    return {
        "colour reached": _share(read_colour(drawn) == asked),
        "digit kept": _share(read_digit(drawn) == kept),
        "digit read in real test": _share(read_digit(shown.cpu()) == kept[: test.count]),
        "distance from the truth": float((drawn - truth).abs().mean()),
    }


def _in_every_colour(packed: PackedDataset, saturation: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return all digits in each colour: images (N, 3, H, W) in [-1, 1], colours (N,) and digits (N,)."""
    grey, count = packed.images.max(1, keepdims=True).astype(np.uint8), len(packed.spec.labels)
    colours = np.repeat(np.arange(count), packed.count)
    images = tint(np.tile(grey, (count, 1, 1, 1)), colours, saturation)
    digits = torch.from_numpy(np.tile(packed.arrays["digit"], count))
    return torch.from_numpy(images).float() / 127.5 - 1, torch.from_numpy(colours), digits


def _share(right: Tensor) -> float:
    return float(right.float().mean())
