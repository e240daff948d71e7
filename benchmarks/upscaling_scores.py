"""Scores of upscaled images of Set5, which is never used for training: distance to the originals and sharpness."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gancli.family.tasks import Upscales
from gancli.inference.model import Model
from gancli.io.images import to_pixels
from gancli.metrics.super_resolution import luma, psnr
from gancli.nn.imresize import imresize
from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run


def set5(model: Model, recipe: Recipe, run: Run, shared: Path) -> dict[str, float]:
    """PSNR in dB on luma, without a border as wide as the scale, and gradient energy relative to the originals, of the
    model and of bicubic upscaling: means over the five images, from the small images as given.
    """
    family = model.family
    assert isinstance(family, Upscales)
    figures: dict[str, list[float]] = {}
    for path in sorted((shared / "set5" / f"x{family.scale}").glob("*_HR.png")):
        original = _luma(_read(path), family.scale)
        small = _read(path.with_name(path.name.replace("_HR", "_LR")))
        with torch.inference_mode():
            enlarged = {"": family.upscale(model.nets, small), " of bicubic": imresize(small, scale=family.scale)}
        for kind, images in enlarged.items():
            drawn = _luma(images, family.scale)
            figures.setdefault(f"PSNR{kind}", []).append(float(psnr(drawn, original)))
            figures.setdefault(f"gradients{kind}", []).append(_energy(drawn) / _energy(original))
    return {name: fmean(values) for name, values in figures.items()}


def _read(path: Path) -> Tensor:
    """Read an image (1, 3, H, W) in [-1, 1]."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def _luma(images: Tensor, border: int) -> Tensor:
    """Return the luma (1, 1, H, W) of the images as saved, without a border."""
    pixels = torch.from_numpy(to_pixels(images)).permute(0, 3, 1, 2).float()
    return luma(pixels)[:, :, border:-border, border:-border]


def _energy(images: Tensor) -> float:
    """Return the mean squared difference to the neighbours below and to the right."""
    return sum(float(images.diff(dim=axis).square().mean()) for axis in (2, 3))
