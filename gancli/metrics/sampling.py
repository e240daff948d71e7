"""What the metrics of samples draw from a model, and what they hold it against."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from gancli.data.source import Packed
from gancli.data.tensors import images_at, some_rows
from gancli.errors import DataError
from gancli.metrics import modes as mode_coverage
from gancli.metrics import parzen as parzen_window
from gancli.metrics.subject import Measurement, Subject

PARZEN_SAMPLES = 10_000
PARZEN_VALIDATION = 1_000


def modes(subject: Subject) -> list[Measurement]:
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
        "touched": found.touched,
    }
    values = {
        "modes": float(found.covered),
        "modes/high_quality": found.high_quality,
        "modes/imbalance": found.imbalance,
    }
    return [
        Measurement(metric=name, value=value, protocol=protocol) for name, value in values.items() if value is not None
    ]


def parzen(subject: Subject) -> list[Measurement]:
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
        "sigma": found.sigma,
        "standard_error": found.standard_error,
        "range": [0, 1],
    }
    return [Measurement(metric="parzen", value=found.mean, protocol=protocol)]


def _pixels(packed: Packed, rows: np.ndarray, subject: Subject) -> Tensor:
    # By the CPU, since Apple's GPUs have no float64.
    return _to_unit_range(images_at(packed, rows, subject.device).cpu())


def _to_unit_range(images: Tensor) -> Tensor:
    return (images.double() + 1) / 2
