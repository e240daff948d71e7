"""Evaluation and plots of models whose densities and discriminators are known exactly."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from gancli.data.mixture import Mixture
from gancli.data.spec import DataSpec
from gancli.family.context import Context, Nets
from gancli.family.contract import Family
from gancli.figures import toy_distribution
from gancli.figures.toy_distribution import DensityResult, ModeResult, evaluate, generate, plot
from gancli.metrics import densities, modes
from gancli.recipes.options import FamilyConfig
from gancli.testing.fixture import context

LINE = Mixture(means=((2.0,),), std=1.0)
TRIANGLE = Mixture(means=((0.0, 0.0), (4.0, 0.0), (0.0, 4.0)), std=0.1)


class Plain(Family[FamilyConfig]):
    """Shifts z by a constant; it has no discriminator."""

    shift = 2.0

    def latent(self, n: int, ctx: Context) -> Tensor:
        return ctx.randn(n, self.data.channels)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        return (z + self.shift).view(*z.shape, 1, 1)


class Perfect(Plain):
    """The loss of 2014 at its optimum: G(z) is N(2, 1), and D is 1/2 everywhere."""

    optimum_values = {"discriminator/V(D,G)": -math.log(4)}

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        return torch.full((len(image),), 0.5)

    def optimal_discriminator(self, data_density: Tensor, model_density: Tensor) -> Tensor:
        return data_density / (data_density + model_density)


class Labelled(Perfect):
    """Generates the mean of the label's mode; D returns the label that it was given."""

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        assert label is not None
        return torch.tensor(TRIANGLE.means)[label][:, : self.data.channels].view(len(z), -1, 1, 1)

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        assert label is not None
        return label.float()


def make(family: type[Family], dimensions: int = 1) -> Family:
    return family(FamilyConfig(), DataSpec(channels=dimensions, height=1, width=1, kind="points"))


def evaluated(family: type[Family], mixture: Mixture = LINE, *, labels: int = 0) -> toy_distribution.ToyResult:
    return evaluate(make(family, mixture.dimensions), Nets({}), mixture, context(), labels=labels)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use few samples in small batches, for tests that do not depend on their number."""
    monkeypatch.setattr(densities, "SAMPLES", 30)
    monkeypatch.setattr(toy_distribution, "BATCH", 4)


def test_a_perfect_game_is_seen_as_one() -> None:
    """The density q is off by 1 % bias and 5 x 2.4 % noise where q > 0.05, and D* = p / (p + q) by a quarter."""
    result = evaluated(Perfect)
    assert isinstance(result, DensityResult)
    assert result.gap is not None
    assert result.gap < 0.25 * (5 * 0.024 + 0.01)
    assert result.value == pytest.approx(-math.log(4), abs=1e-4)
    assert result.outside < 1e-4
    assert result.curves.optimum is not None
    assert np.isnan(result.curves.optimum[[0, -1]]).all()  # where there is no data
    assert result.caption.startswith("max |D - D*| 0.0")
    assert result.caption.endswith("V(D,G) -1.386")


def test_arrows_lead_from_z_to_its_x_at_equal_steps_of_probability() -> None:
    result = evaluated(Perfect)
    assert isinstance(result, DensityResult)
    assert result.arrows is not None
    z, x = result.arrows.T
    assert np.allclose(x, z + 2, atol=1e-6)
    share = torch.special.ndtr(torch.from_numpy(z)).numpy()
    assert np.abs(share - (np.arange(15) + 0.5) / 15).max() < 5 * 0.5 / math.sqrt(densities.SAMPLES)


@pytest.mark.usefixtures("few")
def test_what_a_family_does_not_know_is_left_out() -> None:
    result = evaluated(Plain)
    assert isinstance(result, DensityResult)
    assert (result.curves.discriminator, result.curves.optimum, result.gap, result.value) == (None, None, None, None)
    assert result.caption == ""


@pytest.mark.usefixtures("few")
def test_points_beside_the_figure_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Plain, "shift", 1_000.0)
    result = evaluated(Plain)
    assert isinstance(result, DensityResult)
    assert result.outside == 1
    assert result.caption == "100% of the points lie beside the figure"


@pytest.mark.usefixtures("few")
def test_labels_take_turns_across_batches() -> None:
    points, z = generate(make(Labelled, 2), Nets({}), context(), count=10, labels=3)
    assert np.allclose(points, np.array(TRIANGLE.means)[np.arange(10) % 3])
    assert z.shape == (10, 2)


@pytest.mark.usefixtures("few")
def test_a_discriminator_of_one_label_among_several_is_not_drawn() -> None:
    one, several = evaluated(Labelled, labels=1), evaluated(Labelled, labels=3)
    assert isinstance(one, DensityResult)
    assert isinstance(several, DensityResult)
    assert one.curves.discriminator is not None
    assert not one.curves.discriminator.any()
    assert several.curves.discriminator is None


def test_modes_are_counted_in_the_plane() -> None:
    result = evaluated(Labelled, TRIANGLE, labels=2)
    assert isinstance(result, ModeResult)
    assert (result.coverage.covered, result.coverage.total, result.coverage.samples) == (2, 3, modes.SAMPLES)
    assert result.points.shape == (toy_distribution.PLOTTED_POINTS, 2)
    assert result.caption == "2 of 3 modes, 100% of high quality"


def test_more_dimensions_are_counted_whole_and_shown_by_the_first_two() -> None:
    space = Mixture(means=((0.0, 0.0, 0.0), (0.0, 0.0, 9.0)), std=1.0)
    result = evaluated(Plain, space)
    assert isinstance(result, ModeResult)
    assert result.coverage.total == 2
    assert result.points.shape[1] == 2
    assert plot([("", result)], space).shape[2] == 3


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("mixture", "read"), [(LINE, DensityResult.from_json), (TRIANGLE, ModeResult.from_json)], ids=["line", "plane"]
)
def test_json_brings_a_view_back(mixture: Mixture, read: Callable[[object], toy_distribution.ToyResult]) -> None:
    result = evaluated(Perfect, mixture)
    back = read(json.loads(json.dumps(result.to_json())))
    assert back.caption == result.caption
    assert back.to_json() == result.to_json()
    assert np.array_equal(plot([("", back)], mixture), plot([("", read(result.to_json()))], mixture))


def test_points_that_are_not_finite_survive_json() -> None:
    points = np.array([[math.nan, 1e-9], [math.inf, 2.0]])
    result = ModeResult(coverage=modes.coverage(points, TRIANGLE), points=points)
    text = json.dumps(result.to_json())
    assert "NaN" not in text
    assert np.array_equal(
        ModeResult.from_json(json.loads(text)).points, [[math.nan, 1e-9], [math.nan, 2]], equal_nan=True
    )


@pytest.mark.usefixtures("few")
def test_global_streams_are_not_touched() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    numbers = np.random.get_state(legacy=True)[1]
    plot([("", evaluated(Perfect)), ("", evaluated(Perfect))], LINE)
    plot([("", evaluated(Plain, TRIANGLE))], TRIANGLE)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state(legacy=True)[1], numbers)
