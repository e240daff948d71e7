"""Metrics of samples: the samples and the data that they use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.data.loader import images_at, random_rows
from gancli.data.mixture import Mixture
from gancli.data.source import PackedDataset
from gancli.data.spec import DataSpec
from gancli.errors import DataError
from gancli.metrics import modes, ms_ssim, parzen, swd
from gancli.metrics.context import Options
from gancli.metrics.ms_ssim import make_pairs

MIXTURE = Mixture(means=((0.0, 0.0), (10.0, 0.0)), std=0.1)


def points(mixture: Mixture | None) -> PackedDataset:
    spec = DataSpec(channels=2, height=1, width=1, kind="points")
    images = np.zeros((4, 2, 1, 1), dtype=np.float32)
    return PackedDataset.of_images(images=images, labels=None, spec=spec, fingerprint="", mixture=mixture)


def exact(seeds: Sequence[int], labels: Sequence[int]) -> Tensor:
    """Return the first mean for even seeds, the second for odd ones."""
    return torch.tensor([[10.0 * (seed % 2), 0.0] for seed in seeds]).reshape(-1, 2, 1, 1)


def test_modes_are_counted_over_the_published_number_of_samples(make_context) -> None:
    found = {each.metric: each for each in modes.measure(make_context(train=points(MIXTURE), generate=exact))}
    assert found["modes"].value == 2
    assert found["modes"].protocol["modes"] == 2
    assert found["modes"].protocol["samples"] == 2_500
    assert found["modes/high_quality"].value == 1
    assert found["modes/imbalance"].value == pytest.approx(0, abs=1e-12)


def test_an_imbalance_of_nothing_is_left_out(make_context) -> None:
    far = make_context(train=points(MIXTURE), generate=lambda seeds, labels: torch.full((len(seeds), 2, 1, 1), 99.0))
    assert [each.metric for each in modes.measure(far)] == ["modes", "modes/high_quality"]


def test_modes_of_what_is_not_known_are_refused(make_context) -> None:
    with pytest.raises(DataError, match="known distribution"):
        modes.measure(make_context(train=points(None), generate=exact))


def test_labels_take_turns_and_seeds_run_on(make_context) -> None:
    calls: list[tuple[list[int], list[int]]] = []

    def generate(seeds: Sequence[int], labels: Sequence[int]) -> Tensor:
        calls.append((list(seeds), list(labels)))
        return torch.zeros(len(seeds), 1, 8, 8)

    make_context(generate=generate, options=Options(seed=7)).samples(3)
    replace(make_context(generate=generate, options=Options(samples=4)), labels=("a", "b", "c")).samples(3)
    assert calls == [([7, 8, 9], []), ([0, 1, 2, 3], [0, 1, 2, 0])]


def test_parzen_is_that_of_samples_and_images_in_the_unit_range(make_context) -> None:
    def generate(seeds: Sequence[int], labels: Sequence[int]) -> Tensor:
        return torch.rand(len(seeds), 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1

    context = make_context(generate=generate, options=Options(samples=50))
    (found,) = parzen.measure(context)
    held_out, test = (
        torch.from_numpy(packed.images.copy()).double() / 255 for packed in (context.train(), context.test())
    )
    expected = parzen.parzen((generate(range(50), []).double() + 1) / 2, held_out, test)
    # Pixels go through float32.
    assert found.value == pytest.approx(expected.mean, rel=1e-5)
    assert found.observed["sigma"] == expected.sigma
    assert (found.protocol["validation"], found.protocol["test"], found.protocol["samples"]) == (300, 200, 50)


def noise_like(seeds: Sequence[int], labels: Sequence[int]) -> Tensor:
    """Return a noise image for each seed."""
    streams = [torch.Generator().manual_seed(seed) for seed in seeds]
    return torch.stack([torch.rand(1, 8, 8, generator=stream) for stream in streams]) * 2 - 1


def flat(value: float) -> Callable[[Sequence[int], Sequence[int]], Tensor]:
    return lambda seeds, labels: torch.full((len(seeds), 1, 8, 8), value)


def test_samples_that_are_the_training_images_are_at_no_distance(make_context) -> None:
    train = make_context().train()
    images = images_at(train, random_rows(train, 100, seed=3), torch.device("cpu"))
    context = make_context(
        generate=lambda seeds, labels: images[[seed - 3 for seed in seeds]], options=Options(samples=100, seed=3)
    )
    found = {each.metric: each for each in swd.measure(context)}
    assert list(found) == ["swd", "swd/8", "swd/real", "swd/real/8"]
    assert found["swd"].value == found["swd/8"].value == 0
    assert found["swd/real"].value == found["swd/real/8"].value > 0
    assert all((each.protocol["samples"], each.protocol["train"]) == (100, 100) for each in found.values())


def test_two_halves_of_the_training_images_are_as_far_as_samples_of_the_other_flat(make_context) -> None:
    train = make_context().train()
    images = images_at(train, random_rows(train, 300, seed=0)[150:], torch.device("cpu"))
    context = make_context(generate=lambda seeds, labels: images[list(seeds)], options=Options(samples=5_000))
    found = {each.metric: each for each in swd.measure(context)}
    assert found["swd"].protocol["samples"] == 150
    assert found["swd"].value == found["swd/real"].value > 0


def test_a_collapsed_generator_is_far_by_every_measure_of_patches(make_context) -> None:
    found = {each.metric: each.value for each in swd.measure(make_context(generate=flat(0.3)))}
    # Constant patches, compared with coordinates of variance near 1, whose mean absolute value is about 0.8.
    assert found["swd"] > 300 > found["swd/real"]


def test_an_image_that_is_drawn_again_and_again_is_like_itself(make_context) -> None:
    found = {
        each.metric: each for each in ms_ssim.measure(make_context(generate=flat(0.3), options=Options(samples=21)))
    }
    assert found["ms_ssim"].value == pytest.approx(1)
    assert found["ms_ssim/real"].value < 1
    assert [each.protocol["pairs"] for each in found.values()] == [10, 10]
    assert found["ms_ssim"].protocol["scales"] == 4
    found = {each.metric: each for each in ms_ssim.measure(make_context(generate=noise_like))}
    assert [each.protocol["pairs"] for each in found.values()] == [150, 150]
    assert found["ms_ssim"].value < 1


def test_one_image_a_label_shows_in_pairs_of_one_label(make_context) -> None:
    context = replace(
        make_context(generate=lambda seeds, labels: noise_like(labels, ()), options=Options(samples=30)),
        labels=("left", "right"),
    )
    found = {each.metric: each.value for each in ms_ssim.measure(context)}
    assert list(found) == ["ms_ssim", "ms_ssim/real", "ms_ssim/same_label", "ms_ssim/real/same_label"]
    assert found["ms_ssim/same_label"] == pytest.approx(1)
    assert found["ms_ssim"] < 1
    few = {each.metric for each in ms_ssim.measure(replace(context, options=Options(samples=2)))}
    assert "ms_ssim/same_label" not in few


def test_pairs_take_each_row_once_and_keep_labels_together() -> None:
    rows = np.array([7, 3, 9, 4, 0])
    assert make_pairs(rows).tolist() == [[7, 3], [9, 4]]
    assert make_pairs(rows, np.array([1, 0, 1, 1, 0])).tolist() == [[3, 0], [7, 9]]
    assert make_pairs(rows[:1]).shape == (0, 2)


@pytest.mark.parametrize("metric", [swd.measure, ms_ssim.measure])
def test_a_single_training_image_has_nothing_to_be_compared_with(make_context, metric) -> None:
    train = make_context().train()
    one = replace(train, arrays={key: array[:1] for key, array in train.arrays.items()})
    with pytest.raises(DataError, match="at least two"):
        metric(make_context(train=one))
