"""The report in Chromium: its controls work, without console messages or network requests."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from gancli.io.images import write_png
from gancli.report.page import render_report
from gancli.report.run_data import load_run_data
from gancli.runs.run import Run

HOSTILE = "<img src=http://report.invalid/x onerror=alert(1)></script><script>alert(1)</script>"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The page of a run with HTML injections in all its texts."""
    folder = tmp_path / "run"
    folder.mkdir()
    manifest = {
        "family": HOSTILE,
        "tasks": ["sample"],
        "images": 300,
        "command": HOSTILE,
        "versions": {HOSTILE: HOSTILE},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    lines = [{"images": 100 * k, "stage": HOSTILE, f"{HOSTILE}/{HOSTILE}": k / 4, "d/D(x)": k} for k in (1, 2, 3)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "recipe.yaml").write_text(HOSTILE)
    for images in (0, 100, 300):
        shade = np.full((64, 64, 1), images % 255, dtype=np.uint8)
        write_png(folder / "samples" / f"{images:09d}.png", shade, metadata={})
    file = tmp_path / "report.html"
    file.write_bytes(render_report(load_run_data(Run(folder)), []))
    return file


@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
def test_it_complains_of_nothing_and_asks_nobody(report: Path, browse, scheme: int) -> None:
    seen = browse(report, f"--blink-settings=preferredColorScheme={scheme}")
    assert seen.console == []
    assert seen.requests == []
    assert seen.dom.count("<script") == 1
    assert re.search(r'class="course moving"', seen.dom)
    assert seen.dom.count('class="past"') == 2
    assert 'class="control" hidden' not in seen.dom
    assert 'aria-valuetext="300 images"' in seen.dom


def test_the_sliders_move_what_they_say(report: Path, browse) -> None:
    moves = """
    const set = (slider, value) => { slider.value = value; slider.dispatchEvent(new Event("input")); };
    set(document.querySelector("#moment"), 1);
    const at = document.querySelector("#losses-at");
    set(at, at.min);
    at.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
    const values = [...document.querySelectorAll(".chart output")].map((output) => output.textContent);
    const shown = document.querySelector(".frames figure:not(.past) figcaption").textContent;
    document.body.setAttribute("data-seen", [shown, at.getAttribute("aria-valuetext"), ...values].join("|"));
    """
    text = re.sub(r"<meta http-equiv=[^>]*>", "", report.read_text(), count=1)
    report.write_text(text.replace("</body>", f"<script>{moves}</script></body>"))
    seen = browse(report)
    assert seen.console == []
    assert 'data-seen="100 images|200 images|0.5|2"' in seen.dom


def test_this_test_would_see_a_complaint_and_a_request(browse, tmp_path: Path) -> None:
    file = tmp_path / "other.html"
    file.write_text("<!doctype html><img src=http://report.invalid/x><script>console.error('here')</script>")
    seen = browse(file)
    assert any("here" in line for line in seen.console)
    assert seen.requests == ["http://report.invalid/x"]
