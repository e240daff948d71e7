"""Mode collapse detection: the diversity of the generator's samples compared with that of training images.

A generator that produces one image, or only grey, has a diversity far below that of the data, whatever its losses are.
In a family that reads labels, images of the same label are compared, because a generator with a single image per label
has collapsed as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gancli.data.loader import Loader
from gancli.data.resolutions import Levels
from gancli.data.source import PackedDataset
from gancli.family.context import Context, Nets
from gancli.family.contract import Family
from gancli.family.tasks import Samples
from gancli.io.resize import Size
from gancli.metrics.diversity import coarse, diversity
from gancli.recipes.recipe import Recipe
from gancli.runtime.random import make_generator

IMAGES = 128
"""Number of samples and of training images: about 80 pairs per label with ten labels, or 8,128 pairs without labels."""

MIN_PAIRS = 100
"""Pairs of the same label, over all labels, below which all pairs are compared instead."""

PERSISTENT = 2
"""Consecutive low findings that count as a collapse: after one, a generator may still recover."""

WARM_UP = 200
"""Steps before the first check: an untrained generator may well produce the same image for every latent."""

_BATCH_SIZE = 16

_SEED = 20_140_610


@dataclass(frozen=True, kw_only=True)
class _Reference:
    """Diversity of training images at one resolution, their labels, and the groups within which images are compared."""

    diversity: float
    label: Tensor | None
    groups: Tensor | None


@dataclass
class CollapseFindings:
    """Findings of the detector so far; part of a run's state.

    Args:
        low: consecutive findings below the floor.
        since: training images shown at the first of them.
        rolled_back: True if the run has been rolled back once.
    """

    low: int = 0
    since: int = 0
    rolled_back: bool = False

    def add(self, ratio: float | None, *, images: int, floor: float) -> None:
        """Add a diversity ratio; NaN counts as low, None as not low."""
        if ratio is None or ratio >= floor:
            self.low = 0
            return
        self.since = self.since if self.low else images
        self.low += 1

    @property
    def collapsed(self) -> bool:
        return self.low >= PERSISTENT


class CollapseDetector:
    """Measures the diversity of samples as a fraction of that of the training data.

    Args:
        family: family that samples.
        recipe: says whether it reads labels.
        dataset: training data.
        levels: the training data at the resolutions of all stages.
        device: device of the networks.
    """

    def __init__(
        self, family: Family[Any], recipe: Recipe, dataset: PackedDataset, levels: Levels, device: torch.device
    ) -> None:
        self._family, self._dataset, self._levels, self._device = family, dataset, levels, device
        self._keys = tuple(key for key in recipe.info.batch if key in ("image", "label"))
        self._references: dict[Size | None, _Reference] = {}

    @torch.no_grad()
    def diversity_ratio(self, nets: Nets) -> float | None:
        """Diversity of samples of fixed latents divided by that of the data; None if the data have none.

        Args:
            nets: networks in eval mode.
        """
        resolution = nets.stage.resolution if nets.stage else None
        if resolution not in self._references:
            self._references[resolution] = self._measure_data(resolution)
        reference = self._references[resolution]
        if reference.diversity <= 0:
            return None
        assert isinstance(self._family, Samples)
        context = Context(device=self._device, generator=make_generator(self._device, _SEED), stage=nets.stage)
        z = self._family.latent(IMAGES, context)
        parts = []
        for start in range(0, IMAGES, _BATCH_SIZE):
            label = None if reference.label is None else reference.label[start : start + _BATCH_SIZE]
            parts.append(coarse(self._family.sample(nets, z[start : start + _BATCH_SIZE], label)))
        return diversity(torch.cat(parts), reference.groups) / reference.diversity

    def _measure_data(self, resolution: Size | None) -> _Reference:
        """Diversity of one training batch, from a loader of its own."""
        loader = Loader(
            self._dataset,
            keys=self._keys,
            seed=_SEED,
            device=self._device,
            resident=self._device.type == "cpu",  # takes no copy there
            levels=self._levels,
        )
        batch = loader.next_batch(IMAGES, resolution)
        label = batch.get("label")
        groups = None
        if label is not None:
            pairs = (label[:, None] == label[None, :]).triu(1).sum()
            groups = label if int(pairs) >= MIN_PAIRS else None
        return _Reference(diversity=diversity(coarse(batch["image"]), groups), label=label, groups=groups)
