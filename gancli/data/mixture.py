"""A distribution with a known density: a mixture of Gaussians of equal widths and weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gancli.io.types import Labels

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Isotropic Gaussians of equal weights.

    Args:
        means: centre of each Gaussian, at least one, all of the same dimension.
        std: standard deviation of each coordinate; positive.
    """

    means: tuple[tuple[float, ...], ...]
    std: float

    @property
    def centres(self) -> Numbers:
        """Means as an array (modes, dimensions)."""
        return np.array(self.means, dtype=np.float64)

    @property
    def dimensions(self) -> int:
        return len(self.means[0])

    def density(self, points: npt.ArrayLike) -> Numbers:
        """Return the probability density (N,) at points (N, dimensions)."""
        points, centres = np.asarray(points, dtype=np.float64), self.centres
        total = np.zeros(len(points))
        for centre in centres:  # a loop, because a single expression would need N x modes x dimensions numbers
            total += np.exp(-np.square((points - centre) / self.std).sum(1) / 2)
        norm = len(centres) * (self.std * math.sqrt(2 * math.pi)) ** self.dimensions
        return total / norm

    def sample(self, count: int, random: np.random.Generator) -> tuple[Numbers, Labels]:
        """Sample points (count, dimensions) and the indices of their Gaussians, (count,)."""
        modes = random.integers(len(self.means), size=count)
        return self.centres[modes] + self.std * random.standard_normal((count, self.dimensions)), modes

    def nearest(self, points: npt.ArrayLike) -> tuple[Labels, Numbers]:
        """Return the index of the nearest mean, (N,), and the distance to it in units of `std`, (N,)."""
        points = np.asarray(points, dtype=np.float64)
        distances = np.stack([np.linalg.norm(points - centre, axis=1) for centre in self.centres], axis=1)
        modes = distances.argmin(1)
        return modes, distances[np.arange(len(points)), modes] / self.std

    def to_json(self) -> dict[str, Any]:
        return {"means": [list(mean) for mean in self.means], "std": self.std}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Mixture:
        means = tuple(tuple(float(coordinate) for coordinate in mean) for mean in values["means"])
        return cls(means=means, std=float(values["std"]))
