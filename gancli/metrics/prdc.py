"""Precision, recall, density and coverage: separate measures of fidelity and diversity of samples in feature space.

Precision and recall are those of Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing
Generative Models": the share of samples that lie within a ball around a real image with the radius of the distance to
its k-th nearest real image, and the share of real images that lie within such balls around samples. Density and
coverage are those of Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models": the average
number of real balls that contain a sample, divided by k, and the share of real balls that contain a sample; both are
robust to outliers among the samples. Each pair uses the k of its paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from gancli.errors import DataError
from gancli.metrics.context import Measurement, MetricContext
from gancli.metrics.feature_cache import compute_features

PRECISION_K = 3
"""k of precision and recall."""

DENSITY_K = 5
"""k of density and coverage."""

MAX_IMAGES = 10_000
"""Maximum number of training images and of samples, since all pairs are compared."""

_BATCH_SIZE = 500


class Prdc(NamedTuple):
    """Precision, recall and coverage in [0, 1]; density is near 1 if samples are distributed as the data."""

    precision: float
    recall: float
    density: float
    coverage: float


def measure(context: MetricContext) -> list[Measurement]:
    """Measure samples, and test images, against training images.

    Raises:
        GanError: the backbone does not exist, or a sample is not finite.
    """
    features, measurements = compute_features(context), []
    train = features.train.features[:MAX_IMAGES]
    for suffix, output in features.evaluated.items():
        values = prdc(train, output.features[:MAX_IMAGES])
        counts = {"samples": min(MAX_IMAGES, len(output.features)), "train": len(train)}
        for name, value in values._asdict().items():
            k = PRECISION_K if name in ("precision", "recall") else DENSITY_K
            protocol = {**features.protocol(suffix), **counts, "k": k}
            measurements.append(Measurement(metric=features.metric_name(name, suffix), value=value, protocol=protocol))
    return measurements


def prdc(real: Tensor, fake: Tensor, *, precision_k: int = PRECISION_K, density_k: int = DENSITY_K) -> Prdc:
    """Compute all four values in float64.

    Args:
        real: features (N, D).
        fake: features (M, D).
        precision_k: k of precision and recall.
        density_k: k of density and coverage.

    Raises:
        DataError: a set has no more rows than the largest k, or the sets differ in D.
    """
    least = max(precision_k, density_k) + 1
    if real.shape[1:] != fake.shape[1:] or min(len(real), len(fake)) < least:
        raise DataError(f"prdc requires two sets of features of equal dimension with at least {least} rows each")
    real, fake = real.detach().cpu().double(), fake.detach().cpu().double()
    real_radii, wide_radii = _radii(real, (precision_k, density_k)).unbind(1)
    (fake_radii,) = _radii(fake, (precision_k,)).unbind(1)
    precise, recalled, contained, covered = 0, 0, 0, torch.zeros(len(real), dtype=torch.bool)
    for distances in _distances(fake, real):
        precise += int((distances <= real_radii).any(1).sum())
        inside = distances < wide_radii
        contained += int(inside.sum())
        covered |= inside.any(0)
    for distances in _distances(real, fake):
        recalled += int((distances <= fake_radii).any(1).sum())
    return Prdc(
        precision=precise / len(fake),
        recall=recalled / len(real),
        density=contained / (density_k * len(fake)),
        coverage=float(covered.double().mean()),
    )


def _radii(features: Tensor, ks: tuple[int, ...]) -> Tensor:
    """Return the distances (N, len(ks)) of rows to their k-th nearest other row."""
    # The nearest row is the row itself, so the k-th other row has index k.
    parts = [part.topk(max(ks) + 1, largest=False).values for part in _distances(features, features)]
    return torch.cat(parts)[:, list(ks)]


def _distances(rows: Tensor, others: Tensor) -> Iterator[Tensor]:
    return (torch.cdist(part, others) for part in torch.split(rows, _BATCH_SIZE))
