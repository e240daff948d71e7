"""Whether a generator collapses: its samples set against training images, by how different they are among themselves.

A generator that draws one image, or nothing but grey, is as far from the data as it can be in this, whatever its losses
say. Where a family reads labels, images of one label are compared, for one that draws a single image of each label has
collapsed as well.
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
"""Samples, and training images: about 80 pairs of each of ten labels, or 8,128 pairs without labels."""

ENOUGH = 100
"""Pairs of one label, over all labels; where there are fewer, all pairs are compared."""

PERSISTENT = 2
"""So many findings in a row are a collapse: in between, a generator may still be on its way."""

WARM_UP = 200
"""Steps before which the guard does not look: what has learned nothing yet may well draw the same for every z."""

_AT_ONCE = 16

_SEED = 20_140_610


@dataclass(frozen=True, kw_only=True)
class _Reference:
    """Of training images at one resolution: how diverse they are, their labels, and which of them are compared."""

    diversity: float
    label: Tensor | None
    groups: Tensor | None


class CollapseDetector:
    """Measures the diversity of a family's samples as a fraction of the data's.

    Args:
        family: one that samples.
        recipe: says whether it reads labels.
        packed: the training data.
        levels: the same at the resolutions of all stages.
        device: where the networks are.
    """

    def __init__(
        self, family: Family[Any], recipe: Recipe, packed: PackedDataset, levels: Levels, device: torch.device
    ) -> None:
        self._family, self._packed, self._levels, self._device = family, packed, levels, device
        self._keys = tuple(key for key in recipe.info.batch if key in ("image", "label"))
        self._references: dict[Size | None, _Reference] = {}

    @torch.no_grad()
    def fraction(self, nets: Nets) -> float | None:
        """The samples' diversity over the data's, always of the same latents; None where the data's own is 0.

        Args:
            nets: at rest.
        """
        resolution = nets.stage.resolution if nets.stage else None
        if resolution not in self._references:
            self._references[resolution] = self._measure_data(resolution)
        reference = self._references[resolution]
        if reference.diversity <= 0:
            return None
        assert isinstance(self._family, Samples)
        z = self._family.latent(
            IMAGES, Context(device=self._device, generator=make_generator(self._device, _SEED), stage=nets.stage)
        )
        parts = []
        for start in range(0, IMAGES, _AT_ONCE):
            label = None if reference.label is None else reference.label[start : start + _AT_ONCE]
            parts.append(coarse(self._family.sample(nets, z[start : start + _AT_ONCE], label)))
        return diversity(torch.cat(parts), reference.groups) / reference.diversity

    def _measure_data(self, resolution: Size | None) -> _Reference:
        """Of a batch as training draws it, by a loader that is let go of afterwards."""
        loader = Loader(
            self._packed,
            keys=self._keys,
            seed=_SEED,
            device=self._device,
            resident=self._device.type == "cpu",  # there it takes no copy
            levels=self._levels,
        )
        batch = loader.draw(IMAGES, resolution)
        label = batch.get("label")
        groups = None
        if label is not None:
            pairs = (label[:, None] == label[None, :]).triu(1).sum()
            groups = label if int(pairs) >= ENOUGH else None
        return _Reference(diversity=diversity(coarse(batch["image"]), groups), label=label, groups=groups)


@dataclass
class Findings:
    """What the guard has found so far; part of a run's state.

    Args:
        low: findings below the floor, in a row, up to now.
        since: images shown at the first of them.
        rolled_back: whether the run has gone back once.
    """

    low: int = 0
    since: int = 0
    rolled_back: bool = False

    def note(self, fraction: float | None, *, images: int, floor: float) -> None:
        """Counts in a finding; one that is no number counts as low."""
        if fraction is None or fraction >= floor:
            self.low = 0
            return
        self.since = self.since if self.low else images
        self.low += 1

    @property
    def collapsed(self) -> bool:
        return self.low >= PERSISTENT
