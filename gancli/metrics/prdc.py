"""Whether samples look like the data, and whether all of the data has samples like it: two answers in place of one
distance.

Precision and recall are those of Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing
Generative Models": the share of samples within the balls that reach from each real image to its k-th nearest real one,
and the share of real images within those of the samples. Density and coverage are those of Naeem et al. 2020, "Reliable
Fidelity and Diversity Metrics for Generative Models": in how many real balls a sample lies, over k, and the share of
real balls that hold a sample; an outlier among the samples cannot spoil either. Each with the k of its paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from gancli.errors import DataError

NEIGHBOURS = 3
"""k of precision and recall."""

BALLS = 5
"""k of density and coverage."""

_AT_ONCE = 500


class Prdc(NamedTuple):
    """Precision, recall and coverage in [0, 1]; density is near 1 where samples are spread as the data is."""

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: Tensor, fake: Tensor, *, neighbours: int = NEIGHBOURS, balls: int = BALLS) -> Prdc:
    """All four, from features in float64.

    Args:
        real: (N, D).
        fake: (M, D).
        neighbours: k of precision and recall.
        balls: k of density and coverage.

    Raises:
        DataError: a set has no more rows than the largest k, or the sets differ in D.
    """
    least = max(neighbours, balls) + 1
    if real.shape[1:] != fake.shape[1:] or min(len(real), len(fake)) < least:
        raise DataError(f"precision and coverage take two tables with as many columns, and at least {least} rows each")
    real, fake = real.detach().cpu().double(), fake.detach().cpu().double()
    reach, wide = _radii(real, (neighbours, balls)).unbind(1)
    (reach_fake,) = _radii(fake, (neighbours,)).unbind(1)
    precise, recalled, within, covered = 0, 0, 0, torch.zeros(len(real), dtype=torch.bool)
    for distances in _distances(fake, real):
        precise += int((distances <= reach).any(1).sum())
        inside = distances < wide
        within += int(inside.sum())
        covered |= inside.any(0)
    for distances in _distances(real, fake):
        recalled += int((distances <= reach_fake).any(1).sum())
    return Prdc(
        precision=precise / len(fake),
        recall=recalled / len(real),
        density=within / (balls * len(fake)),
        coverage=float(covered.double().mean()),
    )


def _radii(table: Tensor, neighbours: tuple[int, ...]) -> Tensor:
    """The distances (N, len(neighbours)) of rows from their k-th nearest other one."""
    # The nearest of all is the row itself, so that the k-th other one has the place k, counted from 0.
    parts = [part.topk(max(neighbours) + 1, largest=False).values for part in _distances(table, table)]
    return torch.cat(parts)[:, list(neighbours)]


def _distances(rows: Tensor, table: Tensor) -> Iterator[Tensor]:
    return (torch.cdist(part, table) for part in torch.split(rows, _AT_ONCE))
