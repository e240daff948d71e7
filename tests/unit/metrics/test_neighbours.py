"""Nearest training images of samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gancli.data.loader import images_at
from gancli.errors import DataError, NumericalError
from gancli.metrics import neighbours
from gancli.metrics.neighbours import COLUMNS, NEIGHBOURS, measure, nearest

CPU = torch.device("cpu")


def test_distances_are_those_of_all_pairs(halves_of_noise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_MAX_VALUES", 64 * 7)  # seven images at a time
    train = halves_of_noise(50, seed=0)
    rows = np.random.default_rng(0).permutation(50)[:40]
    images = images_at(halves_of_noise(9, seed=1), np.arange(9), CPU)
    table = images_at(train, rows, CPU)
    every = (images[:, None] - table[None]).square().mean((2, 3, 4)).sqrt()
    expected = every.sort(1)
    distances, places = nearest(images, train, rows)
    assert torch.equal(places, expected.indices[:, :NEIGHBOURS])
    assert torch.allclose(distances, expected.values[:, :NEIGHBOURS])


def test_copies_are_found(make_context, labelled_halves) -> None:
    train = labelled_halves(300, seed=0)
    made = make_context(train=train, generate=lambda seeds, labels: images_at(train, np.array(seeds), CPU))
    ratio, share = measure(made)
    assert (ratio.metric, share.metric) == ("neighbours", "neighbours/nearer")
    assert (ratio.value, share.value) == (0, 1)
    assert ratio.observed["nearest"] == 0


def test_new_images_are_as_far_as_test_images(make_context, halves_of_noise) -> None:
    test, fresh = halves_of_noise(200, seed=1), halves_of_noise(1_000, seed=3)
    made = make_context(
        train=halves_of_noise(300, seed=0),
        test=test,
        generate=lambda seeds, labels: images_at(fresh, np.array(seeds), CPU),
    )
    ratio, share = measure(made)
    assert ratio.value == pytest.approx(1, abs=0.05)
    assert share.value < 0.05
    assert (ratio.protocol["samples"], ratio.protocol["test"], ratio.protocol["train"]) == (200, 200, 300)


def test_the_picture_shows_the_nearest_samples_over_what_they_are_near_to(make_context, labelled_halves) -> None:
    train = labelled_halves(300, seed=0)

    def generate(seeds, labels):
        noise = torch.rand(len(seeds), 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
        for place, seed in enumerate(seeds):
            if seed == 5:
                noise[place] = images_at(train, np.array([17]), CPU)
        return noise

    (ratio, share) = measure(make_context(train=train, generate=generate))
    assert share.image is None
    picture = ratio.image
    assert picture is not None
    scale = picture.shape[0] // (4 * 8)  # four rows including gaps
    assert picture.shape[1] > COLUMNS * 8 * scale
    factor = 48 // 8
    first, below = picture[2 : 2 + 48, 2 : 2 + 48, 0], picture[52 : 52 + 48, 2 : 2 + 48, 0]
    assert np.array_equal(first[::factor, ::factor], train.images[17, 0])
    assert np.array_equal(first, below)


def test_fewer_training_images_than_are_shown(make_context, labelled_halves) -> None:
    few = labelled_halves(2, seed=0)
    ratio, _ = measure(make_context(train=few))
    assert ratio.image is not None


def test_test_images_that_are_training_images_give_no_scale(make_context, labelled_halves) -> None:
    both = labelled_halves(50, seed=0)
    with pytest.raises(DataError, match="test images are also training images"):
        measure(make_context(train=both, test=both))


def test_samples_that_are_not_finite_are_refused(make_context) -> None:
    made = make_context(generate=lambda seeds, labels: torch.full((len(seeds), 1, 8, 8), float("nan")))
    with pytest.raises(NumericalError):
        measure(replace(made))
