"""What the metrics of features take from a model, and what they hold it against.

Beside each number of the samples stands the same of test images, `<metric>/real`, where there is a test split: what a
model could reach that draws as the data was drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gancli.errors import DataError
from gancli.metrics import inception_score as scoring
from gancli.metrics import kid as kernels
from gancli.metrics import prdc as manifolds
from gancli.metrics.context import Measurement, MetricContext
from gancli.metrics.feature_cache import Tables, tables_of
from gancli.metrics.frechet import frechet_of_features

PRDC_MOST = 10_000
"""Images of either kind, at most: all are held against all."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """Samples or test images, and what follows the metric's name."""

    suffix: str
    features: Tensor
    logits: Tensor | None
    protocol: dict[str, Any]


def fd(subject: MetricContext) -> list[Measurement]:
    """The Fréchet distance of samples from training images, and of test images from them. Heusel et al. 2017.

    Raises:
        GanError: there is no backbone, or a sample is not finite.
    """
    tables = tables_of(subject)
    name, train = tables.backbone.called("FD"), tables.train.features
    return [
        Measurement(
            metric=f"{name}{side.suffix}",
            value=frechet_of_features(side.features, train),
            protocol=side.protocol,
        )
        for side in _sides(tables)
    ]


def kid(subject: MetricContext) -> list[Measurement]:
    """The unbiased kernel distance likewise, the mean over subsets of 1,000, or of as many as there are.

    Raises:
        GanError: there is no backbone, or a sample is not finite.
    """
    tables = tables_of(subject)
    train, found = tables.train.features, []
    for side in _sides(tables):
        size = min(kernels.SIZE, len(train), len(side.features))
        result = kernels.kid(side.features, train, size=size, seed=subject.options.seed)
        own = {"subsets": kernels.SUBSETS, "subset": size, "kernel": "(x·y/D + 1)^3"}
        name = f"{tables.backbone.called('KD')}{side.suffix}"
        protocol, observed = {**side.protocol, **own}, {"spread": result.spread}
        found.append(Measurement(metric=name, value=result.mean, protocol=protocol, observed=observed))
    return found


def inception_score(subject: MetricContext) -> list[Measurement]:
    """The Inception Score, and beside it that of test images.

    Raises:
        DataError: the backbone names no classes.
        GanError: there is no backbone, or a sample is not finite.
    """
    tables, found = tables_of(subject), []
    for side in _sides(tables):
        if side.logits is None:
            raise DataError(
                f"an Inception score needs a backbone that names classes, and {tables.backbone.name} does not; name "
                "another with --backbone classifier or inception"
            )
        result = scoring.inception_score(side.logits)
        # Nothing is compared with the training images.
        protocol = {key: value for key, value in side.protocol.items() if key not in ("split", "train", "dimensions")}
        protocol |= {"splits": scoring.SPLITS, "classes": side.logits.shape[1]}
        name = f"{tables.backbone.called('IS')}{side.suffix}"
        found.append(Measurement(metric=name, value=result.mean, protocol=protocol, observed={"spread": result.spread}))
    return found


def prdc(subject: MetricContext) -> list[Measurement]:
    """Precision, recall, density and coverage, in features, against at most 10,000 training images.

    Raises:
        GanError: there is no backbone, or a sample is not finite.
    """
    tables, found = tables_of(subject), []
    train = tables.train.features[:PRDC_MOST]
    for side in _sides(tables):
        result = manifolds.prdc(train, side.features[:PRDC_MOST])
        counts = {"samples": min(PRDC_MOST, len(side.features)), "train": len(train)}
        for name, value in result._asdict().items():
            k = manifolds.NEIGHBOURS if name in ("precision", "recall") else manifolds.BALLS
            found.append(
                Measurement(
                    metric=f"{tables.backbone.called(name)}{side.suffix}",
                    value=value,
                    protocol={**side.protocol, **counts, "k": k},
                )
            )
    return found


def _sides(tables: Tables) -> Iterator[Side]:
    for suffix, answers in tables.sides.items():
        yield Side(
            suffix=suffix,
            features=answers.features,
            logits=answers.logits,
            protocol=tables.protocol(suffix),
        )
