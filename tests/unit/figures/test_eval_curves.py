"""The figure of the metrics that were evaluated during training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gancli.figures import eval_curves
from gancli.runs.checkpoint import BestCheckpoint
from gancli.runs.eval_log import append
from gancli.runs.run import Run


def record(metric: str, by: str, images: int, value: float, chosen: str = "during training") -> dict[str, Any]:
    return {"metric": metric, "value": value, "protocol": {"by": by, "images": images, "chosen": chosen}}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    for images, value in ((100, 9.0), (200, 4.0), (300, 5.0)):
        append(
            run,
            [
                record("FD(classifier)", "fd", images, value),
                record("FD(classifier)/real", "fd", images, 1.5),
                record("modes/beside", "modes", images, 0.0),
                record("modes", "modes", images, 8.0),
                record("diversity", "diversity", images, 0.9),
            ],
        )
    append(run, [record("FD(classifier)", "fd", 300, 77.0, chosen="last")])
    return run


def test_each_metric_has_a_panel_of_its_leading_value(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    plotted: list[eval_curves.MetricCurve] = []

    def plot_curves(curves: list[eval_curves.MetricCurve]) -> np.ndarray:
        plotted.extend(curves)
        return np.zeros((1, 1, 3), dtype=np.uint8)

    monkeypatch.setattr(eval_curves, "plot_curves", plot_curves)
    eval_curves.plot(run, best=BestCheckpoint(images=200, metric="fd", value=4.0), floor=0.5)
    fd, modes, diversity = plotted
    assert fd.title == "FD(classifier)"
    assert fd.images.tolist() == [100, 200, 300]
    assert fd.values.tolist() == [9, 4, 5]
    assert (fd.level, fd.best) == (1.5, 200)
    assert modes.values.tolist() == [8, 8, 8]
    assert (modes.level, modes.best) == (None, None)
    assert (diversity.level, diversity.level_name) == (0.5, "collapse threshold")


def test_the_figure_is_drawn_the_same_twice(run: Run) -> None:
    figures = []
    for _ in range(2):
        eval_curves.plot(run, best=None, floor=0.5)
        with Image.open(run.path / eval_curves.NAME) as image:
            figures.append(np.asarray(image))
    assert (figures[0] == figures[1]).all()
    assert figures[0].std() > 0


def test_nothing_measured_is_nothing_drawn(tmp_path: Path) -> None:
    eval_curves.plot(Run(tmp_path), best=None, floor=0.5)
    assert not (tmp_path / eval_curves.NAME).exists()
