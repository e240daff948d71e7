"""What refined synthetic images are worth as training data: how well a classifier that learned from them, with the
labels of the synthetic ones, reads real images.

Shrivastava et al. 2017, section 3.1, judge by a regressor of gaze; here it is a classifier of digits. No real label is
used but to count what is read right.
"""

from __future__ import annotations

import statistics
from typing import Literal

import torch
from digit_classifier import classification_accuracy
from torch import Tensor

from gancli.data.dataset import open_dataset
from gancli.data.source import PackedDataset
from gancli.family.tasks import Translates
from gancli.inference.model import Model
from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run

CLASSIFIERS = range(20)
"""Their seeds: single ones differ by some points."""


def worth(model: Model, recipe: Recipe, run: Run, *, split: Literal["train", "test"] = "test") -> dict[str, float]:
    """The share of real images that are read after learning from each kind of images; a mean over 20 classifiers.

    Args:
        model: of a family that refines the domain `a`.
        recipe: that it was trained with; its source yields `a_digit` and `b_digit`.
        run: that it is of.
        split: of the real images that are read; `train` is for choosing settings.

    Returns:
        The shares after `unrefined`, `refined`, `both together`, and, for scale, `real` training images.
    """
    train = open_dataset(recipe.data)
    synthetic, digits = images_of(train, "a")
    refined = refine(model, synthetic)
    material = {
        "unrefined": (synthetic, digits),
        "refined": (refined, digits),
        "both together": (torch.cat((synthetic, refined)), torch.cat((digits, digits))),
        "real": images_of(train, "b"),
    }
    real, answers = images_of(open_dataset(recipe.data.model_copy(update={"split": split})), "b")
    return {
        name: statistics.mean(classification_accuracy(*learned, real, answers, seed=seed) for seed in CLASSIFIERS)
        for name, learned in material.items()
    }


@torch.no_grad()
def refine(model: Model, images: Tensor) -> Tensor:
    """What the model makes of images (N, C, H, W) of the domain `a`."""
    assert isinstance(model.family, Translates)
    way = model.family.translations()[0]
    return torch.cat([model.family.translate(model.nets, part, way.to) for part in images.split(500)])


def images_of(packed: PackedDataset, key: str) -> tuple[Tensor, Tensor]:
    """All images of a domain, (N, C, H, W) in [-1, 1], and their digits, (N,)."""
    images = torch.from_numpy(packed.arrays[key]).float() / 127.5 - 1
    return images, torch.from_numpy(packed.arrays[f"{key}_digit"])
