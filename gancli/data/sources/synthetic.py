"""Random data of any shape, under the batch keys that a family reads, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gancli.data.mixture import Mixture
from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.io.types import Array
from gancli.plugins.hookspecs import FamilyInfo

BATCH_SIZE = 8


def batch(info: FamilyInfo, data: DataSpec, *, size: int = BATCH_SIZE, seed: int = 0) -> dict[str, Tensor]:
    """Return a batch of random images in [-1, 1], or points, with the labels that the family reads."""
    generator = torch.Generator().manual_seed(seed)
    arrays = {}
    for key in info.batch:
        if key == "label":
            arrays[key] = torch.randint(len(data.labels), (size,), generator=generator)
        elif key in ("attributes", "dataset"):
            arrays[key] = torch.from_numpy(_random_labels(data, size, np.random.default_rng(seed))[key])
        elif data.kind == "points":
            arrays[key] = torch.randn(size, *data.shape, generator=generator)
        else:
            arrays[key] = torch.rand(size, *data.shape_of(key), generator=generator) * 2 - 1
    return arrays


def synthetic(
    data: DataSpec,
    *,
    keys: Collection[str] = ("image", "label"),
    count: int = 5 * BATCH_SIZE + 3,
    seed: int = 0,
) -> PackedDataset:
    """Return a packed dataset of random images, or of points from one Gaussian per label.

    Args:
        data: shape of the images, and names of the labels or attributes.
        keys: keys that a family reads, such as `("source", "target")` or `("a", "b")`; `label`, `attributes` and
            `dataset` are only added if `data.labels` has names.
        count: images of each key; the domain `b` has one less.
        seed: seed of all arrays.
    """
    random = np.random.default_rng(seed)
    if data.kind == "points":
        return _synthetic_points(data, count, random)
    images = [key for key in keys if key not in ("label", "attributes", "dataset")]
    arrays: dict[str, Array] = {
        key: random.integers(0, 256, (count - (key == "b"), *data.shape_of(key)), dtype=np.uint8) for key in images
    }
    if data.labels and "label" in keys:
        arrays["label"] = random.integers(0, len(data.labels), count)
    if data.labels:
        arrays |= {key: array for key, array in _random_labels(data, count, random).items() if key in keys}
    if images != ["image"]:
        data = replace(data, channels_of={key: data.shape_of(key)[0] for key in images})
    return PackedDataset(arrays=arrays, spec=data, fingerprint=f"synthetic-{seed}-{count}")


def _random_labels(data: DataSpec, count: int, random: np.random.Generator) -> dict[str, Array]:
    """Return a random dataset index for each image, and random attributes of it: 0 in the columns of other datasets."""
    owner = random.integers(0, len(data.known), count)
    columns = []
    for number, label_set in enumerate(data.known):
        size = len(label_set.labels)
        attributes = random.integers(0, 2, (count, size))
        values = np.eye(size)[random.integers(0, size, count)] if label_set.exclusive else attributes
        columns.append(values * (owner == number)[:, None])
    return {"attributes": np.concatenate(columns, axis=1).astype(np.float32), "dataset": owner}


def _synthetic_points(data: DataSpec, count: int, random: np.random.Generator) -> PackedDataset:
    means = tuple((float(mode),) * data.channels for mode in range(len(data.labels) or 1))
    mixture = Mixture(means=means, std=1.0)
    points, modes = mixture.sample(count, random)
    return PackedDataset.of_images(
        images=points.astype(np.float32)[:, :, None, None],
        labels=modes if data.labels else None,
        spec=data,
        fingerprint=f"synthetic-points-{count}",
        mixture=mixture,
    )
