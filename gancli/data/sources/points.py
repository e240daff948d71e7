"""Toy distributions: points drawn from a density that is known, so that what a GAN learns can be held against it.

- `gaussian`: one Gaussian on a line, the setting of figure 1 of Goodfellow et al. 2014. N(2, 1) by default, which no
  network that starts around 0 has already learned.
- `ring`: Gaussians on a circle in the plane. By default 8 of std 0.01 at radius 1, as in Mao et al. 2017 and in Lin et
  al. 2018 (PacGAN).
- `grid`: Gaussians on a square grid in the plane. By default 5x5 of std 0.05, 2 apart, as in Lin et al. 2018.
"""

from __future__ import annotations

import hashlib
import json
import math

import numpy as np

from gancli.data.mixture import Mixture
from gancli.data.pack import choose
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.config import PointsConfig
from gancli.data.spec import DataSpec
from gancli.io.types import Labels, Points, Progress

_SEED = 1406_2661

_PARTS = {"train": (0,), "test": (1,), "all": (0, 1)}  # each split is a draw of its own

_STD = {"gaussian": 1.0, "ring": 0.01, "grid": 0.05}


class PointsSource(Source[PointsConfig]):
    """Points as images of one pixel whose channels are coordinates; labels "0", "1", … say which Gaussian drew them."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        mixture = mixture_of(self.config)
        points, labels = self._draw(mixture)
        chosen = choose(len(points), labels, _names(mixture), self.config)
        points = np.ascontiguousarray(points[chosen.rows])
        kept = Mixture(means=tuple(mixture.means[int(name)] for name in chosen.names), std=mixture.std)
        spec = DataSpec(channels=mixture.dimensions, height=1, width=1, labels=chosen.names, kind="points")
        digest = hashlib.sha256(json.dumps([spec.to_json(), kept.to_json(), len(points)]).encode())
        digest.update(points.data)
        return PackedDataset.of_images(
            images=points, labels=chosen.labels, spec=spec, fingerprint=digest.hexdigest(), mixture=kept
        )

    def survey(self, progress: Progress | None = None) -> DataSummary:
        mixture = mixture_of(self.config)
        points, labels = self._draw(mixture)
        counts = np.bincount(labels, minlength=len(mixture.means))
        return DataSummary(
            source=self.config.source,
            count=len(points),
            sizes={(1, 1): len(points)},
            channels={mixture.dimensions: len(points)},
            bits={8 * points.itemsize: len(points)},
            labels={name: int(count) for name, count in zip(_names(mixture), counts, strict=True)},
            kind="points",
        )

    def _draw(self, mixture: Mixture) -> tuple[Points, Labels]:
        draws = [
            mixture.sample(self.config.count, np.random.default_rng([_SEED, part]))
            for part in _PARTS[self.config.split]
        ]
        points = np.concatenate([drawn for drawn, _ in draws]).astype(np.float32)
        return points[:, :, None, None], np.concatenate([labels for _, labels in draws])


def mixture_of(config: PointsConfig) -> Mixture:
    """The distribution that the section describes, whatever its `classes` leave of it."""
    std = _STD[config.distribution] if config.std is None else config.std
    if config.distribution == "gaussian":
        return Mixture(means=((config.mean,),), std=std)
    if config.distribution == "ring":
        angles = [2 * math.pi * mode / config.modes for mode in range(config.modes)]
        means = tuple((config.radius * math.cos(angle), config.radius * math.sin(angle)) for angle in angles)
        return Mixture(means=means, std=std)
    steps = [config.spacing * (place - (config.side - 1) / 2) for place in range(config.side)]
    return Mixture(means=tuple((x, y) for y in steps for x in steps), std=std)


def _names(mixture: Mixture) -> tuple[str, ...]:
    return tuple(str(mode) for mode in range(len(mixture.means)))
