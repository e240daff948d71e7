"""Toy distributions of points on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from gancli.recipes.yaml import write

SMALL = {"generator_widths": [8], "discriminator_widths": [8], "latent_dim": 1}


@pytest.fixture(params=["gaussian", "ring"])
def recipe(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    values = {
        "family": "gan",
        "data": {"source": "points", "distribution": request.param, "count": 500},
        "model": SMALL,
        "train": {"images": 640, "preview_every": 640},
    }
    (tmp_path / f"{request.param}.yaml").write_text(write(values))
    return f"{request.param}.yaml"


def text_of(path: Path) -> dict[str, object]:
    with Image.open(path) as image:
        return json.loads(image.text["gancli"])


def test_train_sample_and_resume(gan, recipe: str, tmp_path: Path) -> None:
    result = gan("train", recipe, "--device", "cpu")
    assert result.code == 0, result.err
    name = recipe.removesuffix(".yaml")
    run = tmp_path / "runs" / name
    said = {"gaussian": "(max |D - D*| 0.", "ring": "(0 of 8 modes, 0% of high quality)"}[name]
    assert f"preview: runs/{name}/samples/000000640.png {said}" in result.out
    story = run / {"gaussian": "densities.png", "ring": "modes.png"}[name]
    assert text_of(story)["shown"] == [0, 640]

    result = gan("train", recipe, "--resume", "--set", "train.images=1280", "--device", "cpu")
    assert result.code == 0, result.err
    assert text_of(story)["shown"] == [0, 640, 1280]

    for file in ("a.png", "b.png"):
        result = gan("sample", "-n", "5", "--seed", "3", "--out", file, "--device", "cpu")
        assert result.code == 0, result.err
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    made = text_of(tmp_path / "a.png")
    assert (made["run"], made["images"], made["seeds"]) == (name, 1280, [3, 4, 5, 6, 7])
    with Image.open(tmp_path / "a.png") as image:
        assert min(image.size) > 500  # a figure, not a grid of single pixels

    for option, said in (("--format=png", "leave --format png out"), ("--annotate", "leave --annotate out")):
        refused = gan("sample", option, "--out", "single.png" if option == "--annotate" else "single")
        assert refused.code == 2
        assert said in refused.err
    assert not list(tmp_path.glob("single*"))


def test_without_matplotlib_points_are_refused_before_anything_is_written(
    gan, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "error: figures need matplotlib, which is not installed: pip install 'gancli[plots]'\n"
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "matplotlib", None)
        result = gan("train", recipe, "--device", "cpu")
        assert (result.code, result.err) == (2, said)
        assert not (tmp_path / "runs").exists()
    assert gan("train", recipe, "--device", "cpu", "--out", "run").code == 0
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = gan("sample", "run", "--out", "a.png")
    assert (result.code, result.err) == (2, said)
    assert not (tmp_path / "a.png").exists()


def test_options_without_a_meaning_are_named_with_their_place(gan, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "family: gan\n"
        "data:\n"
        "  source: points\n"
        "  resolution: 28\n"
        "  distribution: gaussian\n"
        "  side: 3\n"
        "train: {images: 10}\n"
    )
    result = gan("train", "r.yaml")
    assert result.code == 2
    assert result.err.splitlines() == [
        "error: r.yaml:4:15: data.resolution must be left out: points have no pixels",
        "r.yaml:6:9: data.side must be left out: it is an option of grid",
    ]


def test_the_report_of_points_and_the_command_that_trains_on_them(gan) -> None:
    result = gan("data", "check", "points", "--set", "data.count=100")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[:2] == ["points: 200 points", "  dimensions: 2"]
    assert lines[2].startswith("  8 labels: 0 (")
    following = lines[-1].removeprefix("next: gan ").split()
    planned = gan(*following, "--dry-run")
    assert planned.code == 0
    assert planned.out.startswith("gan on points: 200 points in 2 dimensions, seed 0")
    found = json.loads(gan("data", "check", "points", "--set", "data.distribution=gaussian", "--json").out)
    assert (found["kind"], found["count"], found["channels"]) == (
        "points",
        200_000,
        [{"channels": 1, "count": 200_000}],
    )
