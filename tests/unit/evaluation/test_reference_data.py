"""Reference data of a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.data.sources.config import DigitsConfig, FolderConfig, PhotoCropsConfig, PhotoPairsConfig
from gancli.data.spec import DataSpec
from gancli.errors import DataError
from gancli.evaluation.reference_data import ReferenceData

DIGITS = DataSpec(channels=1, height=16, width=16, labels=tuple("0123456789"))


def test_a_model_that_has_not_grown_up_is_held_against_the_images_of_its_stage() -> None:
    config = DigitsConfig(source="digits", limit=100)
    data = ReferenceData(config, DIGITS, trained_on=None)
    reduced = ReferenceData(config, DIGITS, resolution=(4, 8), trained_on=None)
    assert data.train.images.shape == (100, 1, 16, 16)
    for full, small in ((data.train, reduced.train), (data.test, reduced.test), (data.held_out, reduced.held_out)):
        means = full.images.reshape(-1, 1, 4, 4, 8, 2).mean((3, 5))
        assert np.abs(small.images - means).max() <= 0.5
        assert small.spec.shape == (1, 4, 8)
        assert small.spec.labels == full.spec.labels
        assert (small.labels == full.labels).all()


def test_a_stage_that_does_not_divide_the_data_is_refused() -> None:
    data = ReferenceData(DigitsConfig(source="digits"), DIGITS, resolution=(5, 5), trained_on=None)
    with pytest.raises(DataError, match="16x16 cannot be reduced to 5x5"):
        _ = data.train


def test_pairs_are_read_whole_with_the_channels_of_each_side() -> None:
    config = PhotoPairsConfig(source="photo-pairs", resolution=40, random_crop=32, limit=50)
    spec = DataSpec(channels=3, height=32, width=32, channels_of={"source": 1, "target": 3})
    data = ReferenceData(config, spec, trained_on=None)
    assert data.train.spec == spec
    assert {key: array.shape for key, array in data.train.arrays.items()} == {
        "source": (50, 1, 32, 32),
        "target": (50, 3, 32, 32),
    }
    assert data.held_out.count + 50 == data._training_split.count


def test_data_of_other_keys_are_refused() -> None:
    single = DataSpec(channels=3, height=32, width=32)
    with pytest.raises(
        DataError, match=r"source images of 1x32x32, target images of 3x32x32, and .* images of 3x32x32"
    ):
        _ = ReferenceData(PhotoPairsConfig(source="photo-pairs"), single, trained_on=None).train
    pairs = DataSpec(channels=3, height=16, width=16, channels_of={"source": 1, "target": 3})
    with pytest.raises(
        DataError, match=r"'digits' contains images of 1x16x16, and the model was trained on source images"
    ):
        _ = ReferenceData(DigitsConfig(source="digits"), pairs, trained_on=None).train


def test_images_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    spec = DataSpec(channels=1, height=8, width=8)
    own = ReferenceData(PhotoCropsConfig(source="photographs", random_crop=8, limit=1), spec, trained_on=None).full_size
    assert own.split == "test"
    assert own.parts["image"].images.shape == (2, 1, 427, 128)  # the model's channels
    for number, size in enumerate([(20, 10), (12, 9)]):
        Image.new("RGB", size[::-1]).save(tmp_path / f"{number}.png")
    named = ReferenceData(FolderConfig(source="folder", root=tmp_path), spec, trained_on=None, split="all").full_size
    assert named.split == "all"
    assert named.parts["image"].variable_size["image"].sizes.tolist() == [[20, 10], [12, 9]]
