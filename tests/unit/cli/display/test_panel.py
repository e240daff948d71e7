"""The panel in consoles of many sizes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from gancli.cli.display.panel import Thumbnail, TrainingPanel
from gancli.io.images import make_grid, write_png
from gancli.training.callbacks import Progress
from gancli.training.validation import Evaluation

RECORD = {
    "images": 500,
    "step": 5,
    "stage": "16x16",
    "critic/a term of many many letters": -0.25,
    "critic/distance": 1.5,
    "generator/adversarial": 2.0,
}


@pytest.fixture
def panel(tmp_path: Path) -> TrainingPanel:
    panel = TrainingPanel("pggan", 1_000)
    panel.begin(0, 1_000, {"critic/distance": 0.0})
    panel.update(
        Progress(stage="16x16", fade=0.4, images=500, total=1_000, images_per_second=123.4, memory=1_500_000_000)
    )
    panel.record = RECORD
    pixels = make_grid(np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), dtype=np.uint8), columns=8)
    write_png(tmp_path / "1.png", pixels, metadata={"resolution": [8, 8], "columns": 8})
    panel.thumbnail = Thumbnail(tmp_path / "1.png")
    return panel


@pytest.fixture
def draw() -> Callable[[TrainingPanel, int, int], list[str]]:
    """Render a panel for a terminal size and return its lines; the console wraps softly, as in `gan train`."""

    def rendered(panel: TrainingPanel, columns: int, lines: int) -> list[str]:
        console = Console(
            file=io.StringIO(),
            force_terminal=True,
            color_system="truecolor",
            no_color=False,
            soft_wrap=True,
            width=columns,
            height=lines,
        )
        with console.capture() as capture:
            console.print(panel)
        return Text.from_ansi(capture.get()).plain.splitlines()

    return rendered


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("lines", [5, 8, 24, 60])
def test_it_fits_into_any_terminal(panel: TrainingPanel, draw, columns: int, lines: int) -> None:
    rendered = draw(panel, columns, lines)
    assert len(rendered) < max(lines, 6)  # border and status lines are always shown
    assert {cell_len(line) for line in rendered} == {columns}


def test_what_it_says(panel: TrainingPanel, draw) -> None:
    panel.evaluation = Evaluation(images=400, values={"swd": 12.25}, diversity=0.5, best=True)
    text = "\n".join(draw(panel, 100, 30))
    for words in (
        "gan train pggan",
        "16x16 (fade 40%)",
        " 50% ",
        "500/1,000 images   123 images/s",
        "1.5 GB",
        "a term of many many letters",
        "at 400 images, the best",
        "▀",
    ):
        assert words in text
    rows = [line.split() for line in text.splitlines()]
    assert any(row[1:4] == ["distance", "1.5000", "0.0000"] for row in rows)
    assert any(row[1:3] == ["swd", "12.25"] for row in rows)
    assert any(row[1:3] == ["diversity", "0.5"] for row in rows)
    assert sum(row[1] == "critic" for row in rows if len(row) > 1) == 1


def test_values_that_do_not_fit_are_said_to_be_missing(panel: TrainingPanel, draw) -> None:
    text = "\n".join(draw(panel, 80, 8))
    assert "..." in text
    assert "adversarial" not in text


def test_no_picture_where_there_is_no_room_for_one(panel: TrainingPanel, draw) -> None:
    assert "▀" not in "".join(draw(panel, 60, 24))
    assert "▀" in "".join(draw(panel, 80, 24))
    assert "▀" not in "".join(draw(panel, 80, 11))


@pytest.mark.parametrize("columns", [20, 80])
def test_a_terminal_without_unicode_gets_none(panel: TrainingPanel, columns: int) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(file=file, force_terminal=True, color_system="truecolor", width=columns, height=24)
    console.print(panel)
    file.flush()
    assert b"gan train pggan" in file.buffer.getvalue()  # type: ignore[attr-defined]
