"""Previews of a run on points: the files of each preview, and the figure of all previews."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.data.mixture import Mixture
from gancli.figures import plots, toy_distribution
from gancli.figures.toy_distribution import DensityResult, ModeResult, ToyResult
from gancli.metrics.densities import Curves, line
from gancli.metrics.modes import coverage
from gancli.runs.run import Run

PAIR = Mixture(means=((0.0, 0.0), (4.0, 0.0)), std=0.1)
LINE = Mixture(means=((2.0,),), std=1.0)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path / "run")
    made.begin({}, "")
    return made


def plane(shift: float = 0.0) -> ToyResult:
    points = PAIR.centres + shift
    return ModeResult(coverage=coverage(points, PAIR), points=points)


def metadata(path: Path) -> dict[str, object]:
    with Image.open(path) as image:
        return json.loads(image.text["gancli"])


def write_preview(run: Run, images: int, result: ToyResult | None = None) -> Path:
    return toy_distribution.write(result or plane(), PAIR, run, images, metadata={"run": run.name})


def test_a_preview_is_a_figure_and_its_numbers(run: Run) -> None:
    path = write_preview(run, 640, plane(shift=9.0))
    assert path == run.samples / "000000640.png"
    numbers = json.loads((run.samples / "000000640.json").read_text())
    assert (numbers["images"], numbers["covered"], numbers["total"], numbers["high_quality"]) == (640, 0, 2, 0.0)
    assert np.allclose(numbers["points"], PAIR.centres + 9)
    assert metadata(path) == {"run": "run"}
    assert sorted(each.name for each in run.path.glob("*.png")) == ["modes.png"]


def test_a_line_has_its_own_story(run: Run) -> None:
    x = line(LINE)
    curves = Curves(x=x, data=LINE.density(x[:, None]), generated=LINE.density(x[:, None]))
    result = DensityResult(curves=curves, arrows=None, gap=None, value=-1.25, outside=0.0)
    toy_distribution.write(result, LINE, run, 0, metadata={})
    numbers = json.loads((run.samples / "000000000.json").read_text())
    assert numbers["value"] == -1.25
    assert len(numbers["curves"]["x"]) == len(numbers["curves"]["generated"]) == len(x)
    assert metadata(run.path / "densities.png") == {"shown": [0]}


@pytest.fixture
def tiny_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plot one pixel per panel, for tests that do not check figures."""
    monkeypatch.setattr(plots, "scatters", lambda panels, data, limits: np.zeros((1, len(panels), 3), np.uint8))


@pytest.mark.usefixtures("tiny_figures")
def test_the_story_has_eight_moments_from_first_to_last(run: Run) -> None:
    for index in range(30):
        write_preview(run, index * 100)
        shown = metadata(run.path / "modes.png")["shown"]
        assert isinstance(shown, list)
        assert len(shown) == min(8, index + 1)
        assert (shown[0], shown[-1]) == (0, index * 100)
        assert shown == sorted(set(shown))


@pytest.mark.usefixtures("tiny_figures")
def test_what_lies_ahead_of_a_resumed_run_is_left_out(run: Run) -> None:
    for images in (0, 100, 200, 300):
        write_preview(run, images)
    write_preview(run, 200)
    assert metadata(run.path / "modes.png")["shown"] == [0, 100, 200]


@pytest.mark.usefixtures("tiny_figures")
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"images": 50}', '{"images": "50"}', '{"images": null}'])
def test_damaged_numbers_are_passed_over(run: Run, content: str) -> None:
    (run.samples / "000000050.json").write_text(content)
    write_preview(run, 100)
    assert metadata(run.path / "modes.png")["shown"] == [100]


def test_the_same_views_give_the_same_bytes(run: Run, tmp_path: Path) -> None:
    other = Run(tmp_path / "elsewhere" / "run")
    other.begin({}, "")
    for each in (run, other):
        write_preview(each, 100)
    for name in ("modes.png", "samples/000000100.png", "samples/000000100.json"):
        assert (run.path / name).read_bytes() == (other.path / name).read_bytes()
