"""`gan train --track`, read back with TensorBoard's own reader."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from gancli.trackers.tensorboard import FOLDER

SMALL = [
    *("--device", "cpu", "--set", "data.resolution=8", "--set", "model.generator_widths=[16]"),
    *("--set", "train.log_every=64", "--set", "train.preview_every=128", "--set", "train.checkpoint_every=128"),
]


def read(run: Path) -> Any:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(run / FOLDER), size_guidance={"scalars": 0, "images": 0})
    return events.Reload()


def scalars(events: Any, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events.Scalars(tag)]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_curves_and_pictures_in_tensorboard(gan, tmp_path: Path) -> None:
    measured = ["--set", "eval.metrics=[distinct]", "--set", "eval.samples=16", "--set", "eval.every=128"]
    result = gan("train", "gan", *SMALL, *measured, "--set", "train.images=256", "--track", "tensorboard")
    assert result.code == 0, result.err
    run = tmp_path / "runs" / "gan"
    events, record = read(run), lines(run / "metrics.jsonl")
    for name in {name for line in record for name in line} - {"images", "step", "stage"}:
        written = [(line["images"], line[name]) for line in record if name in line]
        tracked = scalars(events, name)
        assert [step for step, _ in tracked] == [images for images, _ in written]
        assert [value for _, value in tracked] == pytest.approx([value for _, value in written])
    kept = [line["value"] for line in lines(run / "eval.jsonl") if line["metric"] == "distinct"]
    tracked = scalars(events, "metrics/distinct")
    assert [step for step, _ in tracked] == [128, 256]
    assert [value for _, value in tracked] == pytest.approx(kept)
    assert len(scalars(events, "run/images_per_second")) == len(record)
    assert [event.step for event in events.Images("samples")] == [0, 128, 256]
    assert (run / "samples" / "000000256.png").is_file()


def test_a_resumed_run_is_told_once(gan, tmp_path: Path) -> None:
    """As after a kill, the tracker has records that are newer than the last checkpoint."""
    run = tmp_path / "runs" / "gan"
    assert gan("train", "gan", *SMALL, "--set", "train.images=256", "--track", "tensorboard").code == 0
    (newest,) = (path for path in (run / "checkpoints").iterdir() if path.name.lstrip("0") == "256")
    for path in newest.iterdir():
        path.unlink()
    newest.rmdir()
    more = ["--set", "train.images=384", "--resume", "--track", "tensorboard"]
    result = gan("train", "gan", *SMALL, *more)
    assert "resumed at 128 of 384 images" in result.out
    events, record = read(run), lines(run / "metrics.jsonl")
    steps = [step for step, _ in scalars(events, "generator/adversarial")]
    assert steps == [line["images"] for line in record] == [64, 128, 192, 256, 320, 384]
    assert [event.step for event in events.Images("samples")] == [0, 128, 256, 384]


def test_training_is_the_same_with_and_without(gan, tmp_path: Path) -> None:
    for name, track in (("with", ["--track", "tensorboard"]), ("without", [])):
        result = gan("train", "gan", *SMALL, "--set", "train.images=128", "--out", name, *track)
        assert result.code == 0, result.err
    tracked, plain = tmp_path / "with", tmp_path / "without"
    assert (tracked / "metrics.jsonl").read_bytes() == (plain / "metrics.jsonl").read_bytes()
    assert (tracked / "recipe.yaml").read_text() == (plain / "recipe.yaml").read_text()
    assert not (plain / FOLDER).exists()


def test_a_missing_package_is_said_before_training(gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorboard" else find(name))
    result = gan("train", "gan", *SMALL, "--track", "tensorboard")
    assert result.code == 2
    assert "--track tensorboard needs the module tensorboard, which is not installed" in result.err
    assert "pip install 'gancli[tensorboard]'" in result.err
    assert not (tmp_path / "runs").exists()


def test_a_name_nobody_knows(gan, tmp_path: Path) -> None:
    result = gan("train", "gan", *SMALL, "--track", "tensorbored")
    assert result.code == 2
    assert "unknown tracker 'tensorbored': did you mean 'tensorboard'" in result.err
    assert not (tmp_path / "runs").exists()


def test_the_command_that_goes_on_tracks_too() -> None:
    from gancli.cli.train import resume_command

    assert resume_command("gan", [], "auto", None, track=["tensorboard", "csv"]) == (
        "gan train gan --track tensorboard --track csv --resume"
    )


def test_it_is_listed(gan) -> None:
    listed = {plugin["name"]: plugin for plugin in json.loads(gan("plugins", "ls", "--json").out)}
    assert listed["gancli-trackers"]["trackers"] == ["tensorboard"]
    assert "tensorboard" in gan("plugins", "ls").out
