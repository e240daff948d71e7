"""Scores of translations whose true results are known, at least in part."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from digit_classifier import train_reader
from torch import Tensor

from gancli.data.dataset import open_dataset
from gancli.data.sources.config import DigitDomainsConfig
from gancli.data.sources.digits import transform
from gancli.inference.model import Model
from gancli.inference.translate import find_translation, translate
from gancli.io.images import to_pixels
from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run

Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def masks(model: Model, recipe: Recipe, run: Run) -> dict[str, float]:
    """Intersection over union of held-out masks with the model's and with Otsu's, which needs no training.

    The first value of each is computed over all held-out pixels, the second is the mean over images, where one small
    nucleus that is missed counts as much as a photograph full of them.
    """
    changes = {"split": "test", "resolution": (recipe.data.random_crop), "random_crop": None, "flip": False}
    held_out = open_dataset(recipe.data.model_copy(update=changes))
    photographs, truths = held_out.arrays["source"], held_out.arrays["target"][:, 0] > 127
    drawn = [image[0] > 127 for image in translated(model, photographs, "target")]
    thresholds = [otsu(photograph) for photograph in photographs]
    return {
        "IoU": pooled(drawn, truths),
        "IoU by image": float(np.mean([pooled([one], [true]) for one, true in zip(drawn, truths, strict=True)])),
        "IoU of Otsu": pooled(thresholds, truths),
        "Otsu by image": float(np.mean([pooled([one], [true]) for one, true in zip(thresholds, truths, strict=True)])),
    }


def known_truth(model: Model, recipe: Recipe, run: Run) -> dict[str, float]:
    """PSNR in dB of held-out digits of domain a, translated to b, compared with the true images; and the share of them
    that is classified correctly.

    The classifier was trained on every training digit as it is in domain b. For scale, its accuracy on the true images,
    and the PSNR of the untranslated images and of the mean image of domain b.
    """
    assert isinstance(recipe.data, DigitDomainsConfig)
    name = recipe.data.transform
    train = open_dataset(recipe.data)
    test = open_dataset(recipe.data.model_copy(update={"split": "test"}))
    images, digits = test.arrays["a"], torch.from_numpy(test.arrays["a_digit"])
    truth, drawn = transform(images, name), translated(model, images, "b")
    known = np.concatenate([train.arrays["b"], transform(train.arrays["a"], name)])
    answers = np.concatenate([train.arrays[f"{key}_digit"] for key in ("b", "a")])
    reads = train_reader(_floats(known), torch.from_numpy(answers))
    mean = np.broadcast_to(train.arrays["b"].mean(0), truth.shape)
    return {
        "PSNR": psnr(drawn, truth),
        "digits read": float((reads(_floats(drawn)) == digits).float().mean()),
        "digits read of truth": float((reads(_floats(truth)) == digits).float().mean()),
        "PSNR untranslated": psnr(images, truth),
        "PSNR of the mean": psnr(mean, truth),
    }


def coloured(model: Model, recipe: Recipe, run: Run) -> dict[str, float]:
    """PSNR in dB over all pixels of held-out grey patches that were coloured; for scale, that of the grey images.

    `PSNR of colours` ignores the known brightness: the missing luma is added to each pixel.
    """
    held_out = open_dataset(recipe.data.model_copy(update={"split": "test", "flip": False}))
    truth, grey = held_out.arrays["target"], held_out.arrays["source"]
    drawn = translated(model, grey, "target")
    lacking = np.tensordot(truth.astype(np.float64) - drawn, LUMA, (1, 0))[:, None]
    return {
        "PSNR": psnr(drawn, truth),
        "PSNR of colours": psnr(drawn + lacking, truth),
        "PSNR of grey": psnr(np.broadcast_to(grey, truth.shape), truth),
    }


def variety(model: Model, recipe: Recipe, run: Run) -> dict[str, float]:
    """Mean distance between two translations relative to that between two input images, in both directions.

    Distances are root mean squares over pixels and pairs: 0 if all inputs are translated to one image.
    """
    packed = open_dataset(recipe.data)
    figures = {}
    for here, there in (("a", "b"), ("b", "a")):
        images = packed.arrays[here]
        drawn = np.stack(translated(model, images, there))
        figures[f"variety of {there} in {here}"] = _spread(drawn) / _spread(images)
        figures[f"variety of {there} in {there}"] = _spread(drawn) / _spread(packed.arrays[there])
    return figures


def translated(model: Model, images: Bytes, to: str) -> Bytes:
    """Translate images (N, C, H, W) one by one, as `gan translate` does, to (N, C', H, W)."""
    way = find_translation(model, to)
    drawn = [translate(model, _floats(image[None]), way).image for image in images]
    return to_pixels(torch.cat(drawn)).transpose(0, 3, 1, 2)


def pooled(masks: list[Mask] | Mask, truths: list[Mask] | Mask) -> float:
    """Return the intersection over union of equally many masks and true masks of one size, over all pixels."""
    ours, true = np.stack(masks), np.stack(truths)
    union = (ours | true).sum()
    return float((ours & true).sum() / union) if union else 1.0


def otsu(photograph: Bytes) -> Mask:
    """Return the smaller part of a photograph (3, H, W) split by the brightness threshold of Otsu 1979.

    The threshold maximises the difference of the two parts. Nuclei cover less than half, and are the brighter or the
    darker part.
    """
    grey = np.tensordot(LUMA, photograph, 1).round().astype(np.int64)
    counts = np.bincount(grey.ravel(), minlength=256)
    below, total = counts.cumsum(), (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (total[-1] * below / below[-1] - total) ** 2 / (below * above)
    bright: Mask = grey > np.nanargmax(between)
    return bright if bright.mean() <= 0.5 else ~bright


def psnr(images: npt.NDArray[np.generic], truths: Bytes) -> float:
    """Return the peak signal-to-noise ratio in dB over all pixels, with a peak of 255."""
    error = np.mean((images.astype(np.float64) - truths.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error))


def _spread(images: Bytes) -> float:
    return float(np.sqrt(2 * images.astype(np.float64).var(0, ddof=1).mean()))


def _floats(images: Bytes) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images)).float() / 127.5 - 1
