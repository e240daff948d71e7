"""The same latents through time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gancli.engine.randomness import aside, make_generator
from gancli.family import Context, Family, Nets, Samples
from gancli.pictures import sheet, to_pixels, write_png
from gancli.recipe import Recipe
from gancli.run import Run

COLUMNS = 8
ROWS = 8

PREVIEW_SEED = 20_140_610
"""Seeds the latents of every preview, whatever the training's seed, so that runs can be compared."""


class Previews:
    """Draws a sheet of samples now and then; nothing in a family that does not sample."""

    def __init__(self, family: Family[Any], recipe: Recipe, run: Run, device: torch.device) -> None:
        self._family = family if isinstance(family, Samples) and "sample" in recipe.info.tasks else None
        self._labels = len(family.data.labels) if "label" in recipe.info.batch else 0
        self._recipe, self._run, self._device = recipe, run, device

    @torch.no_grad()
    def draw(self, modules: Mapping[str, nn.Module], images: int) -> Path | None:
        """Writes `samples/<images>.png`; a conditional family shows one label a column."""
        if self._family is None:
            return None
        columns = min(self._labels, 16) or COLUMNS
        modes = {name: module.training for name, module in modules.items()}
        context = Context(device=self._device, generator=make_generator(self._device, PREVIEW_SEED))
        label = torch.arange(columns, device=self._device).repeat(ROWS) if self._labels else None
        with aside(self._device):
            for module in modules.values():
                module.eval()
            z = self._family.latent(columns * ROWS, context)
            drawn = self._family.sample(Nets(modules), z, label)
            for name, module in modules.items():
                module.train(modes[name])
        path = self._run.samples / f"{images:09d}.png"
        metadata = {"run": self._run.name, "images": images, "seed": PREVIEW_SEED}
        write_png(path, sheet(to_pixels(drawn), columns=columns), metadata=metadata)
        return path
