"""Names of files, classes, recipes and plugins can neither control the terminal nor style the output of any command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.plugins.hookspecs import DatasetInfo, FamilyInfo
from gancli.plugins.registry import Plugin, registry

HOSTILE = "[red]x[link=a]\x1b]8;;http:evil\x07\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\r\b\u202e\u200b"
"""OSC 8 and 52, CSI, C1, BEL, CR, backspace, bidi override, zero-width space, and Rich's markup."""

SHOWN = r"[red]x[link=a]\x1b]8;;http:evil\x07\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\r\x08\u202e\u200b"

NOT_UTF8 = "caf\udce9"


def check(text: str) -> None:
    for line in text.split("\n"):
        assert line.isprintable(), repr(line)


@pytest.fixture(autouse=True)
def wide_terminal(gan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # so that no name is wrapped


@pytest.fixture
def pictures(gan, tmp_path: Path) -> Path:
    """A folder of 64 images in two classes; names of a class and of files are hostile, one file is damaged."""
    random = np.random.default_rng(0)
    folder = tmp_path / "data"
    for index in range(64):
        label = folder / (f"cat{HOSTILE}" if index % 2 else "dog")
        label.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(label / f"{index}{HOSTILE}.png")
    (folder / "dog" / f"{NOT_UTF8}.png").write_bytes(b"not an image")
    return folder


def test_data(gan, pictures: Path) -> None:
    result = gan("data", "check", str(pictures))
    assert result.code == 65
    assert r"/dog/caf\udce9.png: damaged" in result.out
    assert f"cat{SHOWN} (32)" in result.out
    check(result.out + result.err)
    result = gan("data", "check", str(pictures), "--json")
    check(result.out + result.err)
    assert {"label": f"cat{HOSTILE}", "count": 32} in json.loads(result.out)["labels"]


def test_a_run_from_training_to_report(gan, pictures: Path, tmp_path: Path) -> None:
    name = f"my{HOSTILE}"
    recipe = tmp_path / f"{name}.yaml"
    root = json.dumps(str(pictures))
    recipe.write_text(
        f"family: cgan\ndata: {{source: folder, root: {root}, resolution: 16, unreadable: skip}}\n"
        "model: {channels: 4}\ntrain: {images: 32, batch_size: 8, preview_every: 16}\n"
    )
    run = f"runs/{name}"
    for command in (
        ["recipes", "check", str(recipe)],
        ["train", str(recipe), "--dry-run", "--device", "cpu"],
        ["train", str(recipe), "--device", "cpu"],
        ["runs", "ls"],
        ["runs", "ls", "--json"],
        ["sample", run, "--label", f"cat{HOSTILE}", "-n", "2"],
        ["sample", run, "--label", f"cat{HOSTILE}", "-n", "2", "--json"],
        ["sample", run, "--label", f"bird{HOSTILE}"],
        ["interpolate", run, "--seeds", "1,2", "--frames", "2"],
        ["report", run],
        ["runs", "rm", f"{name}2"],
        ["runs", "rm", run, "--yes"],
    ):
        result = gan(*command)
        check(result.out + result.err)
        assert result.code == (2 if command[-1] in (f"{name}2", f"bird{HOSTILE}") else 0), result.err
        if "--json" in command:
            json.loads(result.out)
        elif "--dry-run" not in command:  # which does not name the recipe
            assert SHOWN in result.out + result.err, command


def test_damaged_runs(gan, tmp_path: Path) -> None:
    run = tmp_path / "runs" / f"gone{HOSTILE}"
    run.mkdir(parents=True)
    (run / "manifest.json").write_text("{")
    for command in (["runs", "ls"], ["sample", str(run)], ["eval", "--compare", str(run)], ["report", str(run)]):
        result = gan(*command)
        assert SHOWN in result.out + result.err
        check(result.out + result.err)


@pytest.mark.parametrize(
    "command",
    [
        ["train", HOSTILE],
        ["train", "gan", "--set", f"train.{HOSTILE}=1"],
        ["train", "gan", "--set", f"data.source={HOSTILE}"],
        ["train", "gan", "--device", HOSTILE],
        ["eval", "--metrics", HOSTILE],
        ["data", "check", f"./{HOSTILE}"],
        ["recipes", "cp", HOSTILE],
        ["recipes", "schema", HOSTILE],
        ["plugins", "check", HOSTILE],
        ["convert", HOSTILE, "--family", "gan"],
        [HOSTILE],
        ["runs", HOSTILE],
        ["sample", f"--{HOSTILE}"],
    ],
    ids=lambda command: " ".join(re.sub(r"\W", "", word)[:12] for word in command),
)
def test_errors(gan, command: list[str]) -> None:
    result = gan(*command)
    assert result.code in (2, 65)
    assert "red]x" in result.err
    check(result.out + result.err)


def test_mistakes_in_recipes(gan, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    quoted = json.dumps(HOSTILE)
    recipe.write_text(f"family: gan\ndata: {{source: digits, {quoted}: 1}}\ntrain: {{images: {quoted}}}\n")
    result = gan("recipes", "check", str(recipe))
    assert result.code == 2
    assert "U+001B" in result.err
    check(result.out + result.err)


@pytest.mark.parametrize("json_option", [[], ["--json"]], ids=["table", "json"])
def test_plugins(gan, json_option: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    info = FamilyInfo(
        name=f"f{HOSTILE}", summary=HOSTILE, paper=HOSTILE, tasks=(HOSTILE,), batch=(), family="a:A", config="a:C"
    )
    source = DatasetInfo(
        name=f"d{HOSTILE}", summary=HOSTILE, yields=(HOSTILE,), source="a:S", config="a:C", needs=HOSTILE
    )
    good = Plugin(name=HOSTILE, package=f"p{HOSTILE}", version=HOSTILE, families=(info,), datasets=(source,))
    bad = Plugin(name=HOSTILE, package=f"q{HOSTILE}", version="1", fault=f"fails {HOSTILE}{NOT_UTF8}")
    monkeypatch.setattr(registry(), "plugins", lambda **options: [good, bad])
    for command in (["plugins", "ls"], ["data", "ls"]):
        result = gan(*command, *json_option)
        assert result.code == 0
        check(result.out + result.err)
        if json_option:
            assert HOSTILE in str(json.loads(result.out)[0]["name"])
        else:
            assert SHOWN in result.out


def test_an_internal_error_is_shown_without_control_characters(gan, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError(HOSTILE + NOT_UTF8)

    monkeypatch.setattr("gancli.recipes.bundled.summaries", fail)
    result = gan("recipes", "ls")
    assert result.code == 1
    assert SHOWN.split(r"\r")[0] in result.err  # the first line
    check(result.err)
