"""Source `photo-crops`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gancli.data.dataset import open_dataset, open_full_size, open_source
from gancli.data.loader import Loader
from gancli.data.sources.config import PhotoCropsConfig
from gancli.errors import DataError

CPU = torch.device("cpu")


def photographs(**options: object) -> PhotoCropsConfig:
    return PhotoCropsConfig(source="photo-crops", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("split", "width"), [("train", 512), ("test", 128), ("all", 640)])
def test_the_two_that_come_along(split: str, width: int) -> None:
    data = open_dataset(photographs(split=split, random_crop=96))
    assert data.images.shape == (2, 3, 427, width)
    assert data.spec.shape == (3, 96, 96)
    assert data.labels is None


def test_each_comes_equally_often_in_an_epoch_of_a_thousand_crops() -> None:
    data = open_dataset(photographs(random_crop=8))
    assert data.epoch is not None
    assert np.bincount(data.epoch).tolist() == [512, 512]
    assert data.count == 2
    source = Loader(data, keys=("image",), seed=0, device=CPU)
    assert len(torch.unique(source.next_batch(256)["image"].flatten(1), dim=0)) > 250  # the crops differ


def test_whole_photographs_are_shown_once() -> None:
    assert open_dataset(photographs()).epoch is None


def test_a_folder_without_labels_and_with_splits_by_name(root: Path, save: Callable[..., Path]) -> None:
    for number in range(40):
        save(root / f"{number % 3}" / f"{number}.png", size=(20 + number, 30), colour=number)
    parts = {split: open_dataset(photographs(root=root, split=split, random_crop=16)) for split in ("train", "test")}
    assert parts["train"].labels is None
    numbers = {
        split: [int(data.variable_size["image"][row][0, 0, 0]) for row in range(data.count)]
        for split, data in parts.items()
    }
    assert sorted(numbers["train"] + numbers["test"]) == list(range(40))
    assert numbers["test"]
    assert parts["train"].epoch is not None
    assert len(set(np.bincount(parts["train"].epoch))) == 1


def test_folders_are_splits(root: Path, save: Callable[..., Path]) -> None:
    save(root / "train" / "a.png", size=(20, 30))
    save(root / "val" / "b.png", size=(9, 9))
    assert open_dataset(photographs(root=root, random_crop=20)).images.shape == (1, 3, 20, 30)
    assert open_dataset(photographs(root=root, random_crop=8, split="all")).variable_size["image"].smallest == (9, 9)


def test_whole(root: Path, save: Callable[..., Path]) -> None:
    save(root / "a.png", size=(20, 30))
    save(root / "b.png", size=(7, 9))
    (part,) = open_full_size(photographs(root=root, split="all", random_crop=96)).values()
    assert part.variable_size["image"].sizes.tolist() == [[20, 30], [7, 9]]
    (bundled,) = open_full_size(photographs(split="test", random_crop=96, resolution=96)).values()
    assert bundled.images.shape == (2, 3, 427, 128)


def test_survey(root: Path, save: Callable[..., Path]) -> None:
    assert open_source(photographs()).survey().sizes == {(427, 512): 2}
    save(root / "a.png", size=(20, 30))
    (root / "b.png").write_bytes(b"no image")
    survey = open_source(photographs(root=root, split="all")).survey()
    assert survey.sizes == {(20, 30): 1}
    assert [Path(name).name for name, _ in survey.unreadable] == ["b.png"]
    with pytest.raises(DataError, match=r"b\.png cannot be read: .* `gan data check photo-crops"):
        open_dataset(photographs(root=root, split="all", random_crop=9))
