"""Toy distributions: points with a known density, to which the distribution of a GAN can be compared.

- `gaussian`: one Gaussian on a line, as in figure 1 of Goodfellow et al. 2014. The default is N(2, 1), which differs
  from the output of an untrained network, around 0.
- `ring`: Gaussians on a circle in the plane. The default is 8 of std 0.01 at radius 1, as in Mao et al. 2017 and in Lin
  et al. 2018 (PacGAN).
- `grid`: Gaussians on a square grid in the plane. The default is 5x5 of std 0.05 with spacing 2, as in Lin et al. 2018.
"""

from __future__ import annotations

import hashlib
import json
import math

import numpy as np

from gancli.data.mixture import Mixture
from gancli.data.pack import select
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.config import PointsConfig
from gancli.data.spec import DataSpec
from gancli.io.types import Labels, Points, Progress

_SEED = 1406_2661

_STREAMS = {"train": (0,), "test": (1,), "all": (0, 1)}  # random streams of each split

_STD = {"gaussian": 1.0, "ring": 0.01, "grid": 0.05}


class PointsSource(Source[PointsConfig]):
    """Points are images of one pixel whose channels are coordinates; labels "0", "1", … name the Gaussians."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        mixture = mixture_of(self.config)
        points, labels = self._sample(mixture)
        selection = select(len(points), labels, _names(mixture), self.config)
        points = np.ascontiguousarray(points[selection.rows])
        selected = Mixture(means=tuple(mixture.means[int(name)] for name in selection.names), std=mixture.std)
        spec = DataSpec(channels=mixture.dimensions, height=1, width=1, labels=selection.names, kind="points")
        digest = hashlib.sha256(json.dumps([spec.to_json(), selected.to_json(), len(points)]).encode())
        digest.update(points.data)
        return PackedDataset.of_images(
            images=points, labels=selection.labels, spec=spec, fingerprint=digest.hexdigest(), mixture=selected
        )

    def survey(self, progress: Progress | None = None) -> DataSummary:
        mixture = mixture_of(self.config)
        points, labels = self._sample(mixture)
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

    def _sample(self, mixture: Mixture) -> tuple[Points, Labels]:
        parts = [
            mixture.sample(self.config.count, np.random.default_rng([_SEED, stream]))
            for stream in _STREAMS[self.config.split]
        ]
        points = np.concatenate([points for points, _ in parts]).astype(np.float32)
        return points[:, :, None, None], np.concatenate([labels for _, labels in parts])


def mixture_of(config: PointsConfig) -> Mixture:
    """Return the distribution of the options, without the selection by `classes`."""
    std = _STD[config.distribution] if config.std is None else config.std
    if config.distribution == "gaussian":
        return Mixture(means=((config.mean,),), std=std)
    if config.distribution == "ring":
        angles = [2 * math.pi * mode / config.modes for mode in range(config.modes)]
        means = tuple((config.radius * math.cos(angle), config.radius * math.sin(angle)) for angle in angles)
        return Mixture(means=means, std=std)
    steps = [config.spacing * (index - (config.side - 1) / 2) for index in range(config.side)]
    return Mixture(means=tuple((x, y) for y in steps for x in steps), std=std)


def _names(mixture: Mixture) -> tuple[str, ...]:
    return tuple(str(mode) for mode in range(len(mixture.means)))
