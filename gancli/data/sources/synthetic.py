"""Random data of any shape, under the keys that a family reads: for tests and measurements."""

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
    """A batch of random images in [-1, 1], or points, and of what is known of them, as a family reads it."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for key in info.batch:
        if key == "label":
            made[key] = torch.randint(len(data.labels), (size,), generator=generator)
        elif key in ("attributes", "dataset"):
            made[key] = torch.from_numpy(_known(data, size, np.random.default_rng(seed))[key])
        elif data.kind == "points":
            made[key] = torch.randn(size, *data.shape, generator=generator)
        else:
            made[key] = torch.rand(size, *data.shape_of(key), generator=generator) * 2 - 1
    return made


def synthetic(
    data: DataSpec,
    *,
    keys: Collection[str] = ("image", "label"),
    count: int = 5 * BATCH_SIZE + 3,
    seed: int = 0,
) -> PackedDataset:
    """A packed data set of random images, or of points: normal ones around a place of its own for each label.

    Args:
        data: the shape of the images, and how many labels or attributes there are.
        keys: what it holds, as a family reads it, such as `("source", "target")` or `("a", "b")`; labels, attributes
            and data sets only where `data.labels` names some.
        count: images of each key, but that the domain `b` has one less.
        seed: of all of them.
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
        arrays |= {key: array for key, array in _known(data, count, random).items() if key in keys}
    if images != ["image"]:
        data = replace(data, channels_of={key: data.shape_of(key)[0] for key in images})
    return PackedDataset(arrays=arrays, spec=data, fingerprint=f"synthetic-{seed}-{count}")


def _known(data: DataSpec, count: int, random: np.random.Generator) -> dict[str, Array]:
    """A data set for each image, and random labels or attributes out of it: zeros in the columns of all others."""
    owner = random.integers(0, len(data.known), count)
    columns = []
    for number, each in enumerate(data.known):
        free = random.integers(0, 2, (count, len(each.labels)))
        values = np.eye(len(each.labels))[random.integers(0, len(each.labels), count)] if each.exclusive else free
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
