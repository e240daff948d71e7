"""Previews during training: samples of fixed latent vectors, or translations and upscalings of fixed images."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch

from gancli.data.source import PackedDataset
from gancli.family.context import Context, Nets
from gancli.family.contract import Family
from gancli.family.tasks import TASKS
from gancli.figures import plots, toy_distribution
from gancli.figures.grids import PREVIEW_SEED, SampleGrid, write_growth
from gancli.io.images import Pixels, write_png
from gancli.plugins.registry import import_class
from gancli.recipes.recipe import Recipe
from gancli.runs.run import Run
from gancli.runtime.device import eval_mode
from gancli.runtime.random import fork_torch_rng, make_generator

ROWS = 8


class Grid(Protocol):
    """A grid of images that shows training progress: the class that `Task.preview` names.

    It is built as `Grid(family, dataset, rows=8, device=device)`.
    """

    @property
    def columns(self) -> int:
        """Number of columns."""
        ...

    @property
    def resolution(self) -> tuple[int, int]:
        """Height and width of an image."""
        ...

    def render(self, nets: Nets) -> Pixels:
        """The grid as an image (height, width, C)."""
        ...


class Preview(NamedTuple):
    """A preview file, and a short caption with what was measured; empty if nothing was."""

    path: Path
    caption: str


MAX_SHEETS = 200
"""Sample sheets that a run keeps, besides those at the ends of its stages."""


def thin(run: Run, images: int, *, every: int, stage_ends: Collection[int]) -> None:
    """Remove sample sheets so that a long run keeps at most `MAX_SHEETS`, evenly spaced, and those that it needs.

    The first sheet, the last one, and the first one at or after the end of each stage are kept. Of the others, every
    2nd, 4th, 8th, ... is, in the order of training. What is kept depends only on the progress of the run, so a resumed
    run has the same sheets as an uninterrupted one.

    Args:
        run: run directory.
        images: training images shown.
        every: training images between two sheets.
        stage_ends: training images at the ends of the stages.
    """
    spacing = every
    while images // spacing > MAX_SHEETS:
        spacing *= 2
    if spacing == every:
        return
    for suffix in (".png", ".json"):
        sheets = run.previews(suffix)
        needed = {min(sheets, default=0), max(sheets, default=0)}
        needed |= {min((position for position in sheets if position >= end), default=0) for end in stage_ends}
        before = -1
        for position, path in sheets.items():
            is_regular, before = position // spacing != before // spacing, position
            if not is_regular and position not in needed:
                path.unlink(missing_ok=True)


class Previews:
    """Writes `samples/<images>.png`: a grid of images, or a figure for points.

    Args:
        family: family of the networks.
        recipe: names the tasks of the family.
        run: run directory to write to.
        device: device of the networks.
        dataset: training data; some of it is translated or upscaled.

    Raises:
        UsageError: the data are points, and matplotlib is not installed.
    """

    def __init__(
        self, family: Family[Any], recipe: Recipe, run: Run, device: torch.device, dataset: PackedDataset
    ) -> None:
        self._family, self._run, self._device, self._mixture = family, run, device, dataset.mixture
        self._labels = len(family.data.labels) if "label" in recipe.info.batch else 0
        if dataset.mixture is not None:
            plots.require()  # fail now rather than after the first stretch of training
        self._grid: Grid | None = None
        task = next((task for task in TASKS.values() if task.preview and _can(family, recipe, task.name)), None)
        if task is not None and task.preview is not None:
            grid = import_class(task.preview)
            labels = {"labels": self._labels} if grid is SampleGrid else {}
            self._grid = grid(family, dataset, rows=ROWS, device=device, **labels)

    @torch.no_grad()
    def draw(self, nets: Nets, images: int) -> Preview | None:
        """Write the preview after `images` training images; for a growing network also `growing.png`.

        Returns None for a family without previews.
        """
        if self._grid is None:
            return None
        metadata = {"run": self._run.name, "images": images, "seed": PREVIEW_SEED}
        with fork_torch_rng(self._device), eval_mode(nets.modules):
            if self._mixture is not None:
                context = Context(device=self._device, generator=make_generator(self._device, PREVIEW_SEED))
                view = toy_distribution.evaluate(self._family, nets, self._mixture, context, labels=self._labels)
                path = toy_distribution.write(view, self._mixture, self._run, images, metadata=metadata)
                return Preview(path, view.caption)
            pixels = self._grid.render(nets)
        path = self._run.samples / f"{images:09d}.png"
        columns = self._grid.columns
        metadata |= {"resolution": list(self._grid.resolution), "columns": columns}
        write_png(path, pixels, metadata=metadata)
        if isinstance(self._grid, SampleGrid) and nets.stage is not None and nets.stage.resolution is not None:
            write_growth(self._run, images, columns=columns, metadata=metadata)
        return Preview(path, "")


def _can(family: Family[Any], recipe: Recipe, task: str) -> bool:
    return task in recipe.info.tasks and isinstance(family, TASKS[task].protocol)
