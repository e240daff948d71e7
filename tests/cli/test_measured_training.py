"""Evaluation during training (`eval:`) on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gancli.training import collapse

SMALL = (
    *("train", "gan", "--out", "run", "--set", "model.generator_widths=[8]", "--set", "model.discriminator_widths=[8]"),
    *("--set", "train.images=96", "--set", "train.batch_size=16", "--set", "train.keep=1"),
)
MEASURED = (*SMALL, "--set", "eval.metrics=[distinct]", "--set", "eval.samples=20", "--set", "eval.every=32")


def test_measurements_are_told_and_the_best_is_there_to_use(gan) -> None:
    result = gan(*MEASURED)
    assert result.code == 0
    lines = [line.split() for line in result.out.splitlines() if " measured  " in line]
    assert [line[:3] for line in lines] == [[images, "measured", "distinct"] for images in ("32", "64", "96")]
    assert "measured at 96 images: distinct" in result.out
    records = [json.loads(line) for line in Path("run/eval.jsonl").read_text().splitlines()]
    values = {each["protocol"]["images"]: each["value"] for each in records if each["metric"] == "distinct"}
    best = json.loads(Path("run/checkpoints/best.json").read_text())
    first = min(images for images, value in values.items() if value == max(values.values()))
    assert best == {"images": first, "metric": "distinct", "value": values[first]}
    assert Path("run/eval.png").is_file()
    sampled = gan("sample", "run/checkpoints/best", "-n", "2")
    assert sampled.code == 0


def test_without_matplotlib_a_measured_run_ends_well_and_lacks_one_picture(
    gan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = gan(*MEASURED)
    assert result.code == 0
    assert "eval.png cannot be plotted: figures need matplotlib, which is not installed" in result.out + result.err
    assert not Path("run/eval.png").exists()
    assert "distinct" in Path("run/report.html").read_text(encoding="utf-8")


def test_there_may_be_no_best(gan) -> None:
    gan(*SMALL)
    assert not Path("run/eval.jsonl").exists()
    result = gan("sample", "run/checkpoints/best")
    assert result.code == 65
    assert "run has no best checkpoint; name the run to use its newest one" in result.err


def test_a_collapse_ends_with_its_own_code_and_goes_on_where_it_is_wanted(gan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collapse, "WARM_UP", 0)
    strict = (*SMALL, "--set", "eval.every=16", "--set", "eval.floor=0.999")
    result = gan(*strict, "--set", "eval.guard=stop")
    assert result.code == 70
    assert "the samples have collapsed: at 32 images their diversity is" in result.err
    assert "it has been below 0.999 since 16 images" in result.err
    again = gan(*strict, "--set", "eval.guard=warn", "--resume")
    assert again.code == 0
    assert "trained on 96 images" in again.out
    assert not Path("run/eval.jsonl").exists()


def test_a_run_is_forecast_with_what_it_measures_and_refused_what_it_cannot(gan) -> None:
    assert gan(*MEASURED, "--dry-run").code == 0
    result = gan(*SMALL, "--set", "eval.metrics=[modes]")
    assert result.code == 2
    assert "the metric 'modes' needs sample and points, but a model of 'gan' on 'digits' lacks points" in result.err
    assert not Path("run").exists()
