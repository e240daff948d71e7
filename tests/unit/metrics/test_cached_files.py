"""Cached features and classifiers whose numbers have changed are computed again, not used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gancli.errors import DataError
from gancli.metrics import feature_cache
from gancli.metrics.backbones import BackboneOutput, classifier
from gancli.metrics.backbones.classifier import Description


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def features(path: Path) -> BackboneOutput:
    output = BackboneOutput(torch.arange(12.0).reshape(4, 3), torch.ones(4, 2))
    feature_cache._save(path, output)
    return output


def test_features_are_what_was_written(tmp_path: Path) -> None:
    expected, actual = features(tmp_path / "a.safetensors"), feature_cache._load(tmp_path / "a.safetensors", 4)
    assert actual is not None
    assert torch.equal(actual.features, expected.features)
    assert feature_cache._load(tmp_path / "a.safetensors", 5) is None


@pytest.mark.parametrize("damage", [flip, cut, empty])
def test_changed_features_are_missing(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    features(tmp_path / "a.safetensors")
    damage(tmp_path / "a.safetensors")
    assert feature_cache._load(tmp_path / "a.safetensors", 4) is None


@pytest.mark.parametrize("damage", [flip, cut, empty])
def test_a_changed_classifier_is_damaged(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    description = Description(channels=1, height=8, width=8, labels=("a", "b"))
    path = tmp_path / "c.safetensors"
    classifier.write(path, description.build(), description)
    assert classifier.read(path).description == description
    damage(path)
    with pytest.raises(DataError):
        classifier.read(path)
