"""What the metrics of samples draw from a model, and what they hold it against."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor

from gancli.data.batches import Rows, batches, images_at, some_rows
from gancli.data.source import PackedDataset
from gancli.errors import DataError
from gancli.io.resize import Size
from gancli.io.types import Labels
from gancli.metrics import modes as mode_coverage
from gancli.metrics import ms_ssim as similarity
from gancli.metrics import parzen as parzen_window
from gancli.metrics import sliced_wasserstein as patches
from gancli.metrics.context import Measurement, MetricContext

PARZEN_SAMPLES = 10_000

PARZEN_VALIDATION = 1_000

SWD_SAMPLES = 16_384

MS_SSIM_SAMPLES = 20_000
"""As Karras et al. 2018 drew: 10,000 pairs."""

_AT_ONCE = 16  # fewer would cost as much to draw


def modes(subject: MetricContext) -> list[Measurement]:
    """Modes covered, the share of high-quality samples, and how unevenly the modes are hit, where any is.

    Raises:
        DataError: the data is not drawn from a known mixture.
    """
    mixture = subject.train().mixture
    if mixture is None:
        raise DataError("modes needs data of a known distribution; name such data with --data points")
    found = mode_coverage.coverage(subject.samples(mode_coverage.SAMPLES).flatten(1).numpy(), mixture)
    protocol = {
        "samples": found.samples,
        "modes": found.total,
        "std": mixture.std,
        "radius": mode_coverage.RADIUS,
        "share": mode_coverage.SHARE,
    }
    values = {
        "modes": float(found.covered),
        "modes/high_quality": found.high_quality,
        "modes/imbalance": found.imbalance,
    }
    return [
        Measurement(metric=name, value=value, protocol=protocol, observed={"touched": found.touched})
        for name, value in values.items()
        if value is not None
    ]


def parzen(subject: MetricContext) -> list[Measurement]:
    """The mean log-likelihood of the test images in nats, by the protocol of Goodfellow et al. 2014.

    Raises:
        DataError: no training images were held out, or there is no test split.
    """
    held_out, test = subject.held_out(), subject.test()
    chosen = some_rows(test, subject.options.limit or len(test.images), seed=subject.options.seed)
    # As published: the first of those held out.
    first = np.arange(min(PARZEN_VALIDATION, len(held_out.images)))
    found = parzen_window.parzen(
        _to_unit_range(subject.samples(PARZEN_SAMPLES)),
        _pixels(held_out, first, subject),
        _pixels(test, chosen, subject),
    )
    protocol = {
        "split": "test",
        "samples": found.samples,
        "test": found.test,
        "validation": found.validation,
        "range": [0, 1],
    }
    observed = {"sigma": found.sigma, "standard_error": found.standard_error}
    return [Measurement(metric="parzen", value=found.mean, protocol=protocol, observed=observed)]


def swd(subject: MetricContext) -> list[Measurement]:
    """The sliced Wasserstein distance x 1000 between samples and training images, at each level and their mean.

    For scale the same between those training images and as many others. So at most half of them are taken, and as many
    samples; the protocol of Karras et al. 2018 takes 16,384.

    Raises:
        DataError: there are fewer than two training images.
        UsageError: images are smaller than a patch.
    """
    train, seed = _pairable(subject.train(), "swd"), subject.options.seed
    count = min(subject.options.samples or SWD_SAMPLES, len(train.images) // 2)
    rows = some_rows(train, 2 * count, seed=seed)
    real = patches.descriptors(_real(train, rows[:count], subject), count=count, seed=seed)
    protocol = {
        "split": "train",
        "samples": count,
        "train": count,
        "patches": patches.PATCHES,
        "patch": patches.SIDE,
        "directions": patches.DIRECTIONS,
    }
    others = {"swd": _drawn(np.arange(count), subject), "swd/real": _real(train, rows[count:], subject)}
    measurements = []
    for name, images in others.items():
        other = patches.descriptors(images, count=count, seed=seed)
        found = patches.distances(real, other, seed=seed, device=subject.device)
        del other  # before the next takes as much memory
        levels = {f"{name}/{_size_text(size)}": distance for size, distance in found.items()}
        values = {name: sum(found.values()) / len(found), **levels}
        measurements += [Measurement(metric=key, value=value, protocol=protocol) for key, value in values.items()]
    return measurements


def ms_ssim(subject: MetricContext) -> list[Measurement]:
    """The mean MS-SSIM of random pairs of samples, and beside it of training images.

    Of a model that takes labels, also of pairs of one label each, as Odena et al. 2017 measured: those tell a generator
    that draws one image a label.

    Raises:
        DataError: there are fewer than two training images.
    """
    train, seed = _pairable(subject.train(), "ms_ssim"), subject.options.seed
    count = subject.options.samples or min(MS_SSIM_SAMPLES, len(train.images))
    places = np.random.default_rng(seed).permutation(count)
    rows = some_rows(train, count, seed=seed)
    chosen = {"ms_ssim": pairs(places), "ms_ssim/real": pairs(rows)}
    if subject.labels:
        chosen["ms_ssim/same_label"] = pairs(places, places % len(subject.labels))
        if train.labels is not None:
            chosen["ms_ssim/real/same_label"] = pairs(rows, train.labels[rows])
    measurements = []
    for name, both in chosen.items():
        if not len(both):
            continue  # fewer images than labels
        of_data = name.startswith("ms_ssim/real")
        first, second = (_real(train, side, subject) if of_data else _drawn(side, subject) for side in both.T)
        found = [similarity.ms_ssim(one, two) for one, two in zip(first, second, strict=True)]
        protocol: dict[str, Any] = {"split": "train"} if of_data else {}
        protocol |= {"pairs": len(both), "scales": similarity.scales(train.spec.height, train.spec.width)}
        value = sum(float(part.sum()) for part in found) / len(both)
        measurements.append(Measurement(metric=name, value=value, protocol=protocol))
    return measurements


def pairs(rows: Rows, labels: Labels | None = None) -> Rows:
    """Neighbours in `rows` as pairs (P, 2), each row at most once; with labels (N,), neighbours of one label."""
    groups = [rows] if labels is None else [rows[labels == label] for label in np.unique(labels)]
    return np.concatenate([group[: len(group) // 2 * 2].reshape(-1, 2) for group in groups])


def _pairable(train: PackedDataset, metric: str) -> PackedDataset:
    if len(train.images) < 2:
        raise DataError(f"{metric} compares training images with each other and needs two; name other data with --data")
    return train


def _drawn(places: Rows, subject: MetricContext) -> Iterator[Tensor]:
    """Samples on the subject's device, as bytes have them."""
    return (_to_byte_range(subject.samples_at(part.tolist()).to(subject.device)) for part in batches(places, _AT_ONCE))


def _real(train: PackedDataset, rows: Rows, subject: MetricContext) -> Iterator[Tensor]:
    """Images of the data, likewise."""
    return (_to_byte_range(images_at(train, part, subject.device)) for part in batches(rows, _AT_ONCE))


def _to_byte_range(images: Tensor) -> Tensor:
    """Whole numbers in 0..255, since a generator is measured by the pictures that it makes; NaN stays."""
    return images.float().add(1).mul(127.5).round().clamp(0, 255)


def _size_text(size: Size) -> str:
    height, width = size
    return str(height) if height == width else f"{height}x{width}"


def _pixels(packed: PackedDataset, rows: np.ndarray, subject: MetricContext) -> Tensor:
    # By the CPU, since Apple's GPUs have no float64.
    return _to_unit_range(images_at(packed, rows, subject.device).cpu())


def _to_unit_range(images: Tensor) -> Tensor:
    return (images.double() + 1) / 2
