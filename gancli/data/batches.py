"""A packed data set as networks take it: for what looks at images rather than trains on them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gancli.data.source import PackedDataset

Rows = npt.NDArray[np.int64]


def images_at(packed: PackedDataset, rows: Rows, device: torch.device) -> Tensor:
    """The images of `rows`, float32 (N, C, H, W): bytes as numbers in [-1, 1], points as they are."""
    images = torch.from_numpy(np.ascontiguousarray(packed.images[rows])).to(device)
    return images.float() if images.is_floating_point() else images.float().div_(127.5).sub_(1.0)


def labels_at(packed: PackedDataset, rows: Rows, device: torch.device) -> Tensor | None:
    """The labels of `rows`, (N,); None where the data has none."""
    return None if packed.labels is None else torch.from_numpy(packed.labels[rows]).to(device)


def batches(rows: Rows, size: int, *, equal: bool = False) -> Iterator[Rows]:
    """`rows` in parts of `size`, the last one smaller; with `equal` it is left out, unless it is the only one."""
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        if not equal or len(part) == min(size, len(rows)):
            yield part


def some_rows(packed: PackedDataset, count: int, *, seed: int) -> Rows:
    """`count` rows, or as many as there are, in a random order that is a function of the seed."""
    return np.random.default_rng(seed).permutation(len(packed.images))[:count]
