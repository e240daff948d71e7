"""Figures: size, determinism, independence of the user's settings, and plotted content."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from gancli.data.mixture import Mixture
from gancli.figures.plots import LinePanel, PlanePanel, densities, scatters
from gancli.metrics.densities import Curves, line

DATA = Mixture(means=((2.0,),), std=1.0)
X = line(DATA)
P = DATA.density(X[:, None])
SQUARE = (-1.0, 1.0, -1.0, 1.0)
GREY, GREEN, BLUE, VERMILION = (0x99, 0x99, 0x99), (0x00, 0x9E, 0x73), (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)


def panel(title: str = "now", **options: object) -> LinePanel:
    known = {"generated": 2 * P, "discriminator": np.full_like(X, 0.5), "optimum": np.full_like(X, 0.25)}
    return LinePanel(title=title, curves=Curves(x=X, data=P, **{**known, **options}))


def shows(pixels: np.ndarray, colour: tuple[int, int, int]) -> bool:
    """Return whether a colour occurs, approximately: the edges of thin lines are mixed with white."""
    return bool((np.abs(pixels.astype(int) - colour) < 40).all(-1).any())


@pytest.mark.parametrize("count", [1, 2, 8])
def test_panels_stand_side_by_side(count: int) -> None:
    pixels = densities([panel(str(index)) for index in range(count)])
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()  # a white background
    assert all(shows(pixels, colour) for colour in (GREEN, BLUE, VERMILION))


def test_what_is_not_known_is_not_drawn() -> None:
    pixels = densities([panel(discriminator=None, optimum=None)])
    assert shows(pixels, GREEN)
    assert not shows(pixels, BLUE)
    assert not shows(pixels, VERMILION)
    assert shows(densities([panel(optimum=None)]), BLUE)


def test_arrows_take_a_strip_of_their_own() -> None:
    z = np.linspace(-1, 1, 5)
    with_arrows = LinePanel(title="now", curves=panel().curves, arrows=np.stack([z, z + 2], axis=1))
    assert densities([with_arrows]).shape[0] > densities([panel()]).shape[0]
    assert densities([panel(), with_arrows]).shape[0] == densities([with_arrows, with_arrows]).shape[0]


def test_a_collapsed_generator_leaves_the_data_readable() -> None:
    """The height of the peak on the left does not change the right half of the figure, which shows the data."""
    spike = 1.0 * (X < -2)
    low, high = (densities([panel(generated=height * spike)]) for height in (10, 10_000))
    half = low.shape[1] // 2
    assert not np.array_equal(low[:, :half], densities([panel(generated=0 * P)])[:, :half])
    assert np.array_equal(low[:, half:], high[:, half:])


def test_discriminators_without_bounds_are_drawn_whole() -> None:
    pixels = densities([panel(discriminator=np.linspace(-40, 90, len(X)), optimum=None)])
    assert shows(pixels, BLUE)


def test_generated_points_lie_over_the_data() -> None:
    here = np.zeros((1, 2))
    pixels = scatters([PlanePanel(title="now", points=here + 0.5)], here, limits=SQUARE)
    assert shows(pixels, GREY)
    covered = scatters([PlanePanel(title="now", points=here.repeat(50, 0))], here, limits=SQUARE)
    greys = [int((each == GREY).all(-1).sum()) for each in (pixels, covered)]
    assert greys[1] < greys[0]


def test_points_that_are_not_finite_are_left_out() -> None:
    points = np.array([[np.nan, 0.0], [np.inf, 1.0], [0.0, 0.0]])
    finite = scatters([PlanePanel(title="now", points=points[2:])], points[2:], limits=SQUARE)
    assert np.array_equal(scatters([PlanePanel(title="now", points=points)], points[2:], limits=SQUARE), finite)


def test_the_same_numbers_give_the_same_pixels_whatever_the_users_style() -> None:
    import matplotlib

    before = densities([panel()])
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30, "savefig.dpi": 10, "figure.dpi": 10}):
        after = densities([panel()])
    assert np.array_equal(before, after)


def test_matplotlib_is_imported_late_and_pyplot_never() -> None:
    code = (
        "import sys, numpy, gancli.figures.plots as plots\n"
        "early = 'matplotlib' in sys.modules\n"
        "plots.scatters([plots.PlanePanel(title='', points=numpy.zeros((1, 2)))], numpy.zeros((1, 2)),"
        " limits=(-1, 1, -1, 1))\n"
        "print(early, 'matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False True False"
