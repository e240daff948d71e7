from __future__ import annotations

import numpy as np
import torch

from gancli.data.loader import batches, images_at, labels_at, random_rows
from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec

CPU = torch.device("cpu")


def packed(images: np.ndarray, labels: np.ndarray | None = None) -> PackedDataset:
    channels, height, width = images.shape[1:]
    spec = DataSpec(channels=channels, height=height, width=width, labels=("a", "b"))
    return PackedDataset.of_images(images=images, labels=labels, spec=spec, fingerprint="")


def test_bytes_are_numbers_from_minus_one_to_one_and_points_stay() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8)
    chosen = images_at(packed(images), np.array([3, 0]), CPU)
    assert chosen.dtype == torch.float32
    assert (chosen[1, 0, 0, 0], chosen[0, 0, 7, 7]) == (-1, 1)
    points = np.array([[5.0], [-7.0]], dtype=np.float32).reshape(2, 1, 1, 1)
    assert images_at(packed(points), np.array([1]), CPU).item() == -7


def test_labels_follow_their_rows() -> None:
    images = np.zeros((3, 1, 2, 2), dtype=np.uint8)
    labels = labels_at(packed(images, np.array([1, 0, 1])), np.array([2, 1]), CPU)
    assert labels is not None
    assert labels.tolist() == [1, 0]
    assert labels_at(packed(images), np.array([2, 1]), CPU) is None


def test_batches_cover_every_row_once_unless_they_must_be_equal() -> None:
    rows = np.arange(7)
    assert [part.tolist() for part in batches(rows, 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [part.tolist() for part in batches(rows, 3, equal=True)] == [[0, 1, 2], [3, 4, 5]]
    assert [part.tolist() for part in batches(rows, 9, equal=True)] == [list(range(7))]


def test_some_rows_are_a_function_of_the_seed() -> None:
    data = packed(np.zeros((50, 1, 2, 2), dtype=np.uint8))
    first = random_rows(data, 20, seed=1)
    assert len(set(first.tolist())) == 20
    assert first.tolist() == random_rows(data, 20, seed=1).tolist()
    assert first.tolist() != random_rows(data, 20, seed=2).tolist()
    assert sorted(random_rows(data, 99, seed=1).tolist()) == list(range(50))
