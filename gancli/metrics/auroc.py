"""How well a model that learned from some classes tells images of the others: the protocol of papers on anomaly
detection (Deecke et al. 2018).

The labels that the run was trained on are normal, every other label of the test split is anomalous. Two measures that
need no network stand beside the model's, on the same images:

    auroc           the model's own score
    auroc/pca       the error of 20 principal components of the training images
    auroc/nearest   the distance from the nearest training image

and with `/ap` after each, the average precision.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gancli.data.source import Packed
from gancli.data.tensors import Rows, batches, images_at
from gancli.errors import DataError
from gancli.family import Context, Detects
from gancli.metrics.novelty import nearest_distance, pca_error
from gancli.metrics.ranking import Truth, auroc, average_precision
from gancli.metrics.subject import Measurement, Subject

COMPONENTS = 20
SCORE_BATCH = 64


def measure(subject: Subject) -> list[Measurement]:
    """The areas and the average precisions, in [0, 1].

    Raises:
        DataError: nothing is known of the labels, or nothing in the test split is anomalous.
    """
    test = subject.every_class()
    anomalous = _anomalous(test, subject.family.data.labels)
    rows = _evenly(len(test.images), _wanted(subject))
    truth = anomalous[rows]
    train = subject.train()
    known = images_at(train, np.arange(len(train.images)), subject.device)
    protocol = {
        "split": "test",
        "samples": len(rows),
        "anomalous": int(truth.sum()),
        "normal": ", ".join(subject.family.data.labels),
    }
    ways: dict[str, tuple[Callable[[Tensor], Tensor], dict[str, Any]]] = {
        "auroc": (partial(_scores, subject), {}),
        "auroc/pca": (partial(pca_error, known, components=COMPONENTS), {"components": COMPONENTS}),
        "auroc/nearest": (partial(nearest_distance, known), {}),
    }
    found = []
    for name, (scored, own) in ways.items():
        scores = _collected(scored, test, rows, subject.device)
        measures = {name: auroc(scores, truth), f"{name}/ap": average_precision(scores, truth)}
        found += [
            Measurement(metric=metric, value=value, protocol={**protocol, **own}) for metric, value in measures.items()
        ]
    return found


def _anomalous(test: Packed, normal: tuple[str, ...]) -> Truth:
    if not normal or test.labels is None:
        raise DataError(
            "this is measured by labels, and there are none; name labelled data, with what is normal in data.classes"
        )
    names = np.array(test.spec.labels)
    unknown = sorted(set(normal) - set(test.spec.labels))
    if unknown:
        raise DataError(
            f"the run was trained on {', '.join(unknown)}, which no image of the test split is; name other data"
        )
    anomalous: Truth = ~np.isin(names, normal)[test.labels]
    if not anomalous.any():
        raise DataError(
            "the run was trained on every class, so that no image is anomalous to it; train on one class, such as with "
            f"--set data.classes=[{names[0]}]"
        )
    return anomalous


def _wanted(subject: Subject) -> int | None:
    asked = [count for count in (subject.options.limit, subject.options.samples) if count is not None]
    return min(asked, default=None)


def _evenly(count: int, wanted: int | None) -> Rows:
    """As many rows as are wanted, at equal distances, so that data that are sorted by label keep their shares."""
    taken = min(count, wanted or count)
    return np.arange(taken, dtype=np.int64) * count // taken


def _collected(
    scored: Callable[[Tensor], Tensor], test: Packed, rows: Rows, device: torch.device
) -> np.ndarray[Any, np.dtype[np.float64]]:
    parts = [scored(images_at(test, part, device)).double().cpu() for part in batches(rows, SCORE_BATCH)]
    return torch.cat(parts).numpy()


def _scores(subject: Subject, images: Tensor) -> Tensor:
    """The model's, all from the same noise."""
    family = subject.family
    assert isinstance(family, Detects)
    generator = torch.Generator(subject.device).manual_seed(subject.options.seed)
    return family.detect(subject.nets, images, Context(device=subject.device, generator=generator)).score
