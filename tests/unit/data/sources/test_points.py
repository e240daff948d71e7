"""Source `points`: samples, options, and rejected options."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from gancli.data.dataset import open_dataset, open_source
from gancli.data.mixture import Mixture
from gancli.data.source import PackedDataset
from gancli.data.sources.config import PointsConfig
from gancli.data.sources.points import PointsSource, mixture_of
from gancli.data.spec import DataSpec
from gancli.errors import DataError


def config(**options: object) -> PointsConfig:
    return PointsConfig(source="points", **{"count": 2_000, **options})


def test_a_gaussian_on_a_line() -> None:
    packed = open_dataset(config(distribution="gaussian"))
    assert packed.spec == DataSpec(channels=1, height=1, width=1, labels=("0",), kind="points")
    assert packed.images.shape == (2_000, 1, 1, 1)
    assert packed.images.dtype == np.float32
    assert packed.mixture == Mixture(means=((2.0,),), std=1.0)
    assert abs(packed.images.mean() - 2) < 5 / math.sqrt(2_000)


def test_the_ring_is_that_of_the_literature() -> None:
    mixture = mixture_of(config())
    assert mixture.std == 0.01
    assert len(mixture.means) == 8
    assert np.allclose(np.linalg.norm(mixture.centres, axis=1), 1)
    assert mixture.means[0] == (1.0, 0.0)
    neighbours = np.linalg.norm(mixture.centres - np.roll(mixture.centres, 1, axis=0), axis=1)
    assert np.allclose(neighbours, 2 * math.sin(math.pi / 8))


def test_the_grid_is_that_of_the_literature() -> None:
    mixture = mixture_of(config(distribution="grid"))
    assert mixture.std == 0.05
    assert sorted(mixture.means) == [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]


def test_every_option_changes_its_distribution() -> None:
    assert mixture_of(config(distribution="gaussian", mean=-1.0, std=0.5)) == Mixture(means=((-1.0,),), std=0.5)
    ring = mixture_of(config(modes=3, radius=2.0, std=0.1))
    assert np.allclose(np.linalg.norm(ring.centres, axis=1), 2)
    assert len(ring.means) == 3
    assert ring.std == 0.1
    assert sorted(mixture_of(config(distribution="grid", side=2, spacing=1.0)).means) == [
        (-0.5, -0.5),
        (-0.5, 0.5),
        (0.5, -0.5),
        (0.5, 0.5),
    ]


def test_labels_name_the_gaussian_that_drew_a_point() -> None:
    packed = open_dataset(config())
    assert packed.spec.labels == tuple("01234567")
    assert packed.mixture is not None
    modes, distances = packed.mixture.nearest(packed.images[:, :, 0, 0])
    assert np.array_equal(modes, packed.labels)  # half the distance between neighbours is 38 std
    assert distances.max() < 6


def test_splits_are_draws_of_their_own_and_all_is_both() -> None:
    train, test, everything = (open_dataset(config(split=split)).images for split in ("train", "test", "all"))
    assert len(train) == len(test) == 2_000
    assert not np.isin(train, test).all(1).any()
    assert np.array_equal(everything, np.concatenate([train, test]))


def test_the_same_options_give_the_same_points() -> None:
    first, second, other = (open_dataset(config(**options)) for options in ({}, {}, {"std": 0.02}))
    assert np.array_equal(first.images, second.images)
    assert first.fingerprint == second.fingerprint
    assert len({first.fingerprint, other.fingerprint, open_dataset(config(limit=5)).fingerprint}) == 3


def test_classes_and_limit() -> None:
    packed = open_dataset(config(classes=("6", 2), limit=100))
    assert packed.spec.labels == ("2", "6")
    assert packed.mixture is not None
    assert packed.mixture.means == (mixture_of(config()).means[2], mixture_of(config()).means[6])
    assert len(packed.images) == 100
    modes, _ = packed.mixture.nearest(packed.images[:, :, 0, 0])
    assert np.array_equal(modes, packed.labels)
    with pytest.raises(DataError, match="no label '8'"):
        open_dataset(config(classes=("8",)))


@pytest.mark.parametrize(
    "option", [{"resolution": 28}, {"channels": 3}, {"flip": True}, {"fit": "stretch"}, {"resolution": (1, 1)}]
)
def test_options_of_pixels_are_refused(option: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="must be left out: points have no pixels"):
        config(**option)


@pytest.mark.parametrize(("option", "home"), [("mean", "gaussian"), ("modes", "ring"), ("radius", "ring")])
def test_options_of_another_distribution_are_refused(option: str, home: str) -> None:
    with pytest.raises(ValidationError, match=f"must be left out: it is an option of {home}"):
        config(distribution="grid", **{option: 3})


def test_defaults_may_be_spelled_out() -> None:
    """The recipe of a run has all options."""
    spelled = config(distribution="gaussian").model_dump(mode="json")
    assert PointsConfig.model_validate(spelled, strict=False) == config(distribution="gaussian")


def test_survey() -> None:
    survey = open_source(config(split="all", distribution="grid", classes=("1",))).survey()
    assert (survey.kind, survey.count) == ("points", 4_000)
    assert survey.channels == {2: 4_000}
    assert sum(survey.labels.values()) == 4_000
    assert list(survey.labels) == [str(mode) for mode in range(25)]
    assert survey.to_json()["kind"] == "points"


@pytest.mark.parametrize("fault", ["dtype", "nan", "mixture", "dimensions", "size"])
def test_a_plugins_points_are_held_to_the_contract(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.zeros((3, 2, 1, 2 if fault == "size" else 1), dtype=np.float64 if fault == "dtype" else np.float32)
    points[0, 0] = math.nan if fault == "nan" else 0.0
    mixture = Mixture(means=((0.0,) if fault == "dimensions" else (0.0, 0.0),), std=1.0)
    packed = PackedDataset.of_images(
        images=points,
        labels=None,
        spec=DataSpec(channels=2, height=1, width=points.shape[3], kind="points"),
        fingerprint="",
        mixture=None if fault == "mixture" else mixture,
    )
    monkeypatch.setattr(PointsSource, "read", lambda self, progress: packed)
    with pytest.raises(DataError, match="broken"):
        open_dataset(config())
