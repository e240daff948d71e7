"""Memorisation of training images: each sample is compared with its nearest training images.

Distances are between pixels, so no network is needed. Test images, which the model cannot have memorised, are the
reference:

    neighbours          the median distance of samples to the nearest training image, divided by that of test images:
                        about 1 for new images, towards 0 for copies
    neighbours/nearer   the share of samples that are nearer to a training image than 99 % of test images are: about
                        0.01 for new images

A blurred image is near many images, so a small value of `neighbours` alone proves nothing. The image of the measurement
shows the ten samples that are nearest to a training image, with their nearest training images.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gancli.data.loader import Rows, batches, images_at, random_rows
from gancli.data.source import PackedDataset
from gancli.errors import DataError, NumericalError
from gancli.io.images import Pixels, make_grid, to_pixels
from gancli.metrics.context import Measurement, MetricContext

SAMPLES = 1_000

TRAIN = 50_000

QUANTILE = 0.01

COLUMNS = 10
"""Number of samples in the image."""

NEIGHBOURS = 3
"""Number of training images shown for each sample."""

_MAX_VALUES = 2**24
"""Number of values of training images in memory at a time."""


def measure(context: MetricContext) -> list[Measurement]:
    """Measure the ratio of medians, with an image, and the share of samples nearer than usual.

    Raises:
        DataError: there is no test split, or it is part of the training split.
        NumericalError: a sample is not finite.
    """
    test, train, seed = context.test(), context.train(), context.options.seed
    count = min(SAMPLES, len(test.images), context.options.limit or SAMPLES)
    samples = context.samples(count)
    if not samples.isfinite().all():
        raise NumericalError(
            "samples of this model contain values that are not finite, so it cannot be measured; train it again"
        )
    train_rows = random_rows(train, TRAIN, seed=seed)
    test_rows = random_rows(test, count, seed=seed)
    distances, indices = nearest(samples.to(context.device), train, train_rows)
    reference, _ = nearest(images_at(test, test_rows, context.device), train, train_rows)
    protocol = {
        "split": "test",
        "samples": len(samples),
        "test": len(test_rows),
        "train": len(train_rows),
        "distance": "root mean square of pixels in [-1, 1]",
    }
    usual, threshold = float(reference[:, 0].median()), float(reference[:, 0].double().quantile(QUANTILE))
    if not usual:
        raise DataError(
            "the test images are also training images, so they are no reference; use other data with --data"
        )
    observed = {"nearest": float(distances.min()), "nearest/test": float(reference.min())}
    share = float((distances[:, 0] < threshold).double().mean())
    return [
        Measurement(
            metric="neighbours",
            value=float(distances[:, 0].median()) / usual,
            protocol=protocol,
            observed=observed,
            image=neighbour_sheet(samples, distances, train, train_rows[indices.numpy()]),
        ),
        Measurement(metric="neighbours/nearer", value=share, protocol={**protocol, "share": QUANTILE}),
    ]


def nearest(images: Tensor, train: PackedDataset, rows: Rows) -> tuple[Tensor, Tensor]:
    """Return the distances (N, 3) to the nearest training images, nearest first, and their indices (N, 3) in `rows`.

    Args:
        images: (N, C, H, W) in [-1, 1].
        train: the training images.
        rows: rows of the training images to compare with.
    """
    candidates = _candidates(images, train, rows)
    exact = []
    for image, indices in zip(images.flatten(1), candidates, strict=True):
        # Without matrix products, whose rounding error exceeds the distance of a copy.
        others = images_at(train, rows[indices.numpy()], images.device).flatten(1)
        exact.append((others - image).square().mean(1).sqrt().cpu())
    distances, order = torch.stack(exact).sort(1)
    return distances[:, :NEIGHBOURS], candidates.gather(1, order)[:, :NEIGHBOURS]


def _candidates(images: Tensor, train: PackedDataset, rows: Rows) -> Tensor:
    """Return indices (N, up to 12) of rows that include the nearest ones, by fast approximate distances."""
    vectors = images.flatten(1)
    batch_size = max(1, _MAX_VALUES // vectors.shape[1])
    best, indices = torch.empty(len(vectors), 0), torch.empty(len(vectors), 0, dtype=torch.int64)
    for batch, part in enumerate(batches(rows, batch_size)):
        distances = torch.cdist(vectors, images_at(train, part, images.device).flatten(1)).cpu()
        new_indices = torch.arange(len(part)).add(batch * batch_size).expand(len(vectors), -1)
        both = torch.cat([best, distances], 1)
        best, kept = both.topk(min(4 * NEIGHBOURS, both.shape[1]), largest=False)
        indices = torch.cat([indices, new_indices], 1).gather(1, kept)
    return indices


def neighbour_sheet(samples: Tensor, distances: Tensor, train: PackedDataset, rows: Rows) -> Pixels:
    """Render the samples nearest to a training image, nearest first, in columns with their neighbours below.

    Args:
        samples: (N, C, H, W) in [-1, 1].
        distances: (N, up to 3).
        train: the training images.
        rows: (N, up to 3), rows of the training images at those distances.
    """
    shown = distances[:, 0].argsort()[:COLUMNS]
    lines = [samples[shown].cpu()]
    lines += [images_at(train, rows[shown.numpy(), column], torch.device("cpu")) for column in range(rows.shape[1])]
    return make_grid(np.concatenate([to_pixels(line) for line in lines]), columns=len(shown))
