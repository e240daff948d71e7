"""Whether a model has memorised its training images: each sample beside the ones that it is nearest to.

Distances are of pixels, so that nothing has to be learned first. Test images, which the model cannot have memorised,
give the scale:

    neighbours          the median distance of samples from the nearest training image over that of test images: about
                        1 for new images, towards 0 for copies
    neighbours/nearer   the share of samples that are nearer to a training image than 99 % of test images are: about
                        0.01 for new images

A blurred image is near to many, so a small value of the first alone proves nothing: the picture shows the ten samples
that come nearest, and what they come nearest to.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gancli.data.batches import Rows, batches, images_at, some_rows
from gancli.data.source import PackedDataset
from gancli.errors import DataError, NumericalError
from gancli.io.images import Pixels, sheet, to_pixels
from gancli.metrics.context import Measurement, MetricContext

SAMPLES = 1_000

TRAIN = 50_000

SHARE = 0.01

SHOWN, BESIDE = 10, 3
"""Samples in the picture, and training images under each."""

_NUMBERS = 2**24  # of training images in memory at once


def measure(subject: MetricContext) -> list[Measurement]:
    """The ratio of medians with its picture, and the share.

    Raises:
        DataError: there is no test split, or it is part of the training split.
        NumericalError: a sample is not finite.
    """
    test, train, seed = subject.test(), subject.train(), subject.options.seed
    count = min(SAMPLES, len(test.images), subject.options.limit or SAMPLES)
    samples = subject.samples(count)
    if not samples.isfinite().all():
        raise NumericalError("samples of this model are not finite numbers, so nothing can be said of them; train anew")
    known = some_rows(train, TRAIN, seed=seed)
    rows = some_rows(test, count, seed=seed)
    near, places = nearest(samples.to(subject.device), train, known)
    scale, _ = nearest(images_at(test, rows, subject.device), train, known)
    protocol = {
        "split": "test",
        "samples": len(samples),
        "test": len(rows),
        "train": len(known),
        "distance": "root mean square of pixels in [-1, 1]",
    }
    usual, threshold = float(scale[:, 0].median()), float(scale[:, 0].double().quantile(SHARE))
    if not usual:
        raise DataError("the test images are training images too, so they give no scale; name other data with --data")
    observed = {"nearest": float(near.min()), "nearest/test": float(scale.min())}
    share = float((near[:, 0] < threshold).double().mean())
    return [
        Measurement(
            metric="neighbours",
            value=float(near[:, 0].median()) / usual,
            protocol=protocol,
            observed=observed,
            picture=drawn(samples, near, train, known[places.numpy()]),
        ),
        Measurement(metric="neighbours/nearer", value=share, protocol={**protocol, "share": SHARE}),
    ]


def nearest(images: Tensor, train: PackedDataset, rows: Rows) -> tuple[Tensor, Tensor]:
    """Distances (N, 3) from the nearest training images, the nearest first, and their places (N, 3) in `rows`.

    Args:
        images: (N, C, H, W) in [-1, 1].
        train: the data.
        rows: which of it.
    """
    places = _candidates(images, train, rows)
    exact = []
    for image, near in zip(images.flatten(1), places, strict=True):
        # The direct form: the one through products is off by more than the distance of a copy.
        others = images_at(train, rows[near.numpy()], images.device).flatten(1)
        exact.append((others - image).square().mean(1).sqrt().cpu())
    distances, order = torch.stack(exact).sort(1)
    return distances[:, :BESIDE], places.gather(1, order)[:, :BESIDE]


def _candidates(images: Tensor, train: PackedDataset, rows: Rows) -> Tensor:
    """Places (N, 12) among which the nearest are, by the fast form of distances; fewer where there are fewer rows."""
    table = images.flatten(1)
    at_once = max(1, _NUMBERS // table.shape[1])
    best, places = torch.empty(len(table), 0), torch.empty(len(table), 0, dtype=torch.int64)
    for index, part in enumerate(batches(rows, at_once)):
        found = torch.cdist(table, images_at(train, part, images.device).flatten(1)).cpu()
        own = torch.arange(len(part)).add(index * at_once).expand(len(table), -1)
        both = torch.cat([best, found], 1)
        best, chosen = both.topk(min(4 * BESIDE, both.shape[1]), largest=False)
        places = torch.cat([places, own], 1).gather(1, chosen)
    return places


def drawn(samples: Tensor, distances: Tensor, train: PackedDataset, rows: Rows) -> Pixels:
    """A column for each of the samples that come nearest, the nearest first: the sample, and below what it is near to.

    Args:
        samples: (N, C, H, W) in [-1, 1].
        distances: (N, 3 at most).
        train: the data.
        rows: (N, 3 at most), of the training images at those distances.
    """
    chosen = distances[:, 0].argsort()[:SHOWN]
    lines = [samples[chosen].cpu()]
    lines += [images_at(train, rows[chosen.numpy(), column], torch.device("cpu")) for column in range(rows.shape[1])]
    return sheet(np.concatenate([to_pixels(line) for line in lines]), columns=len(chosen))
