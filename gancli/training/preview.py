"""The same latents, or the same images to translate or enlarge, through time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gancli.data.source import PackedDataset
from gancli.family.context import Context, Nets
from gancli.family.contract import Family
from gancli.family.tasks import Samples, Translates, Upscales
from gancli.figures import growth, plots, toy_distribution
from gancli.figures.grids import TranslationGrid, UpscalingGrid
from gancli.io.images import sheet, to_pixels, write_png
from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run
from gancli.runtime.device import eval_mode
from gancli.runtime.random import fork_torch_rng, make_generator

COLUMNS = 8

ROWS = 8

PREVIEW_SEED = 20_140_610
"""Seeds the latents and the noise of every preview, whatever the training's seed, so that runs can be compared."""


class Preview(NamedTuple):
    """A picture that was written, and what can be said of it in a few words; empty where nothing was measured."""

    path: Path
    caption: str


class Previews:
    """Draws now and then what a family samples, a sheet of images or a figure of points, or else what it makes of the
    data's images.

    Args:
        family: whose networks will be shown.
        recipe: says what the family is for.
        run: where to write.
        device: where the networks are.
        packed: the training data, some of which will be translated or enlarged.

    Raises:
        UsageError: the data are points, and what draws figures of them is not installed.
    """

    def __init__(
        self, family: Family[Any], recipe: Recipe, run: Run, device: torch.device, packed: PackedDataset
    ) -> None:
        tasks = recipe.info.tasks
        self._family = family if isinstance(family, Samples) and "sample" in tasks else None
        self._images = _images_of_images(family, tasks, packed, device)
        self._labels = len(family.data.labels) if "label" in recipe.info.batch else 0
        if packed.mixture is not None:
            plots.require()  # now, rather than after the first stretch of training
        self._run, self._device, self._mixture = run, device, packed.mixture
        self._resolution = [packed.spec.height, packed.spec.width]

    @torch.no_grad()
    def draw(self, nets: Nets, images: int) -> Preview | None:
        """Writes `samples/<images>.png`; of points, what `history.record` writes too, and of a growing network,
        what `growth.record` does.
        """
        if self._family is None:
            return self._draw_images_of_images(nets, images)
        context = Context(device=self._device, generator=make_generator(self._device, PREVIEW_SEED))
        metadata = {"run": self._run.name, "images": images, "seed": PREVIEW_SEED}
        with fork_torch_rng(self._device), eval_mode(nets.modules):
            if self._mixture is None:
                return Preview(self._draw_sheet(self._family, nets, context, metadata), "")
            view = toy_distribution.evaluate(self._family, nets, self._mixture, context, labels=self._labels)
        return Preview(toy_distribution.write(view, self._mixture, self._run, images, metadata=metadata), view.caption)

    def _draw_images_of_images(self, nets: Nets, images: int) -> Preview | None:
        """Nothing in a family that makes none either."""
        if self._images is None:
            return None
        path = self._run.samples / f"{images:09d}.png"
        with fork_torch_rng(self._device), eval_mode(nets.modules):
            torch.manual_seed(PREVIEW_SEED)
            picture = self._images.draw(nets)
        about = {"run": self._run.name, "images": images, "seed": PREVIEW_SEED}
        write_png(path, picture, metadata={**about, "resolution": self._resolution, "columns": self._images.columns})
        return Preview(path, "")

    def _draw_sheet(self, family: Samples, nets: Nets, context: Context, metadata: Mapping[str, Any]) -> Path:
        """A conditional family shows one label a column."""
        columns = min(self._labels, 16) or COLUMNS
        label = torch.arange(columns, device=self._device).repeat(ROWS) if self._labels else None
        drawn = family.sample(nets, family.latent(columns * ROWS, context), label)
        path = self._run.samples / f"{metadata['images']:09d}.png"
        about = {**metadata, "resolution": list(drawn.shape[2:]), "columns": columns}
        write_png(path, sheet(to_pixels(drawn), columns=columns), metadata=about)
        if nets.stage is not None and nets.stage.resolution is not None:
            growth.record(self._run, metadata["images"], columns=columns, metadata=about)
        return path


def _images_of_images(
    family: Family[Any], tasks: Sequence[str], packed: PackedDataset, device: torch.device
) -> TranslationGrid | UpscalingGrid | None:
    if isinstance(family, Translates) and "translate" in tasks:
        return TranslationGrid(family, packed, rows=ROWS, device=device)
    if isinstance(family, Upscales) and "upscale" in tasks:
        return UpscalingGrid(family, packed, rows=ROWS, device=device)
    return None
