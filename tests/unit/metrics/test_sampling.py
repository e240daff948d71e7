"""Metrics of samples, from a subject's side: what is drawn and what it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.data.mixture import Mixture
from gancli.data.source import Packed
from gancli.dataspec import DataSpec
from gancli.errors import DataError
from gancli.metrics.parzen import parzen as parzen_of
from gancli.metrics.sampling import modes, parzen
from gancli.metrics.subject import Options

MIXTURE = Mixture(means=((0.0, 0.0), (10.0, 0.0)), std=0.1)


def points(mixture: Mixture | None) -> Packed:
    spec = DataSpec(channels=2, height=1, width=1, kind="points")
    images = np.zeros((4, 2, 1, 1), dtype=np.float32)
    return Packed(images=images, labels=None, spec=spec, fingerprint="", mixture=mixture)


def exact(seeds: Sequence[int], labels: Sequence[int]) -> Tensor:
    """The first mean from even seeds, the second from odd ones."""
    return torch.tensor([[10.0 * (seed % 2), 0.0] for seed in seeds]).reshape(-1, 2, 1, 1)


def test_modes_are_counted_over_the_published_number_of_samples(subject) -> None:
    found = {each.metric: each for each in modes(subject(train=points(MIXTURE), draw=exact))}
    assert found["modes"].value == 2
    assert found["modes"].protocol["modes"] == 2
    assert found["modes"].protocol["samples"] == 2_500
    assert found["modes/high_quality"].value == 1
    assert found["modes/imbalance"].value == pytest.approx(0, abs=1e-12)


def test_an_imbalance_of_nothing_is_left_out(subject) -> None:
    far = subject(train=points(MIXTURE), draw=lambda seeds, labels: torch.full((len(seeds), 2, 1, 1), 99.0))
    assert [each.metric for each in modes(far)] == ["modes", "modes/high_quality"]


def test_modes_of_what_is_not_known_are_refused(subject) -> None:
    with pytest.raises(DataError, match="known distribution"):
        modes(subject(train=points(None), draw=exact))


def test_labels_take_turns_and_seeds_run_on(subject) -> None:
    asked: list[tuple[list[int], list[int]]] = []

    def draw(seeds: Sequence[int], labels: Sequence[int]) -> Tensor:
        asked.append((list(seeds), list(labels)))
        return torch.zeros(len(seeds), 1, 8, 8)

    subject(draw=draw, options=Options(seed=7)).samples(3)
    replace(subject(draw=draw, options=Options(samples=4)), labels=("a", "b", "c")).samples(3)
    assert asked == [([7, 8, 9], []), ([0, 1, 2, 3], [0, 1, 2, 0])]


def test_parzen_is_that_of_samples_and_images_in_the_unit_range(subject) -> None:
    def draw(seeds: Sequence[int], labels: Sequence[int]) -> Tensor:
        return torch.rand(len(seeds), 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1

    asked = subject(draw=draw, options=Options(samples=50))
    (found,) = parzen(asked)
    held_out, test = (torch.from_numpy(packed.images.copy()).double() / 255 for packed in (asked.train(), asked.test()))
    expected = parzen_of((draw(range(50), []).double() + 1) / 2, held_out, test)
    # Pixels go through float32.
    assert found.value == pytest.approx(expected.mean, rel=1e-5)
    assert found.protocol["sigma"] == expected.sigma
    assert (found.protocol["validation"], found.protocol["test"], found.protocol["samples"]) == (300, 200, 50)
