"""Value of refined synthetic images as training data: accuracy on real images of a classifier trained on them with the
labels of the synthetic images.

Shrivastava et al. 2017, section 3.1, evaluate a gaze estimator; here it is a classifier of digits. Real labels are used
only to measure the accuracy.
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
"""Seeds of the classifiers; the accuracy of single ones differs by some percentage points."""


def worth(model: Model, recipe: Recipe, run: Run, *, split: Literal["train", "test"] = "test") -> dict[str, float]:
    """Share of real images that are classified correctly after training on each kind of images; a mean over 20
    classifiers.

    Args:
        model: model of a family that refines the domain `a`.
        recipe: recipe that it was trained with; its source yields `a_digit` and `b_digit`.
        run: run of the model.
        split: split of the real images to classify; use `train` to choose settings.

    Returns:
        The shares after training on `unrefined`, `refined`, `both together` and, for scale, `real` images.
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
    """Refine images (N, C, H, W) of the domain `a`."""
    assert isinstance(model.family, Translates)
    way = model.family.translations()[0]
    return torch.cat([model.family.translate(model.nets, part, way.to) for part in images.split(500)])


def images_of(packed: PackedDataset, key: str) -> tuple[Tensor, Tensor]:
    """Return all images of a domain, (N, C, H, W) in [-1, 1], and their digits, (N,)."""
    images = torch.from_numpy(packed.arrays[key]).float() / 127.5 - 1
    return images, torch.from_numpy(packed.arrays[f"{key}_digit"])
