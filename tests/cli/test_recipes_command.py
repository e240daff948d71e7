"""`gan recipes`: output, copied files, and imports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gancli.cli import recipes
from gancli.errors import DiskError, UsageError
from gancli.recipes import bundled

TOY = "# gan train recipes/toy.yaml    quick\n# A toy (Doe et al. 2014)\n# on shapes. More.\nfamily: gan\n"
TOY += "data:\n  # source: not-this\n  source: digits   # built in\n"


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three bundled recipes, and an empty working directory."""
    folder = tmp_path / "library"
    (folder / "paper").mkdir(parents=True)
    (folder / "toy.yaml").write_text(TOY)
    (folder / "bare.yaml").write_text("family: gan\ndata: {resolution: 28, source: digits}\n")
    (folder / "paper/toy-big.yaml").write_text(TOY.replace("A toy", "A big toy"))
    monkeypatch.setattr(bundled, "bundled_dir", lambda: folder)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return folder


def test_ls(capsys: pytest.CaptureFixture[str]) -> None:
    recipes.ls(json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "recipe         family  data    about",
        "bare           gan     digits",
        "toy            gan     digits  A toy (Doe et al. 2014) on shapes.",
        "paper/toy-big  gan     digits  A big toy (Doe et al. 2014) on shapes.",
        "next: gan train bare",
    ]


def test_ls_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    recipes.ls(json=True)
    listed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in listed] == ["bare", "toy", "paper/toy-big"]
    assert listed[1] == {
        "name": "toy",
        "family": "gan",
        "source": "digits",
        "about": "A toy (Doe et al. 2014) on shapes.",
    }


def test_ls_imports_nothing_heavy() -> None:
    code = (
        "import sys, typer\nloaded = set(sys.modules)\nfrom gancli.cli import recipes\nrecipes.ls(json=False)\n"
        "heavy = {'torch', 'pydantic', 'yaml', 'pluggy', 'numpy', 'rich', 'importlib.metadata'} & set(sys.modules)\n"
        "assert not heavy - loaded, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_cp_keeps_every_byte(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipes.cp("paper/toy-big.yaml", None, force=False)
    assert Path("toy-big.yaml").read_bytes() == (library / "paper/toy-big.yaml").read_bytes()
    assert capsys.readouterr().out == "copied to toy-big.yaml\nnext: gan train toy-big.yaml\n"
    recipes.cp("toy", Path("my toy.yaml"), force=False)
    assert capsys.readouterr().out.endswith("next: gan train 'my toy.yaml'\n")
    Path("folder").mkdir()
    recipes.cp("toy", Path("folder"), force=False)
    assert Path("folder/toy.yaml").read_text() == TOY


def test_cp_overwrites_only_by_force() -> None:
    Path("toy.yaml").write_text("mine")
    with pytest.raises(
        UsageError, match=r"^toy\.yaml already exists; choose another name, or overwrite it with --force$"
    ):
        recipes.cp("toy", None, force=False)
    assert Path("toy.yaml").read_text() == "mine"
    recipes.cp("toy", None, force=True)
    assert Path("toy.yaml").read_text() == TOY


def test_cp_replaces_no_link_and_leaves_nothing_beside(tmp_path: Path) -> None:
    Path("mine.yaml").write_text("mine")
    Path("link.yaml").symlink_to("mine.yaml")
    for force, words in ((True, "link.yaml is not a regular file"), (False, "link.yaml already exists")):
        with pytest.raises(UsageError, match=words):
            recipes.cp("toy", Path("link.yaml"), force=force)
    Path("hard.yaml").hardlink_to("mine.yaml")
    recipes.cp("toy", Path("hard.yaml"), force=True)
    assert (Path("hard.yaml").read_text(), Path("mine.yaml").read_text()) == (TOY, "mine")
    assert not [name for name in os.listdir() if name.startswith(".")]


def test_cp_says_what_it_does_not_know_and_cannot_write() -> None:
    with pytest.raises(UsageError, match=re.escape("unknown recipe 'tiy': did you mean 'toy'? `gan recipes ls` lists")):
        recipes.cp("tiy", None, force=False)
    with pytest.raises(DiskError, match=re.escape("no/such/folder.yaml cannot be written: No such file or directory")):
        recipes.cp("toy", Path("no/such/folder.yaml"), force=False)


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    recipes.check(["toy", "bare"], [], json=False)
    assert capsys.readouterr().out == "ok toy\nok bare\n"
    recipes.check(["toy"], ["train.seed=3"], json=True)
    assert json.loads(capsys.readouterr().out) == [{"recipe": "toy", "ok": True, "family": "gan", "source": "digits"}]


def test_check_reports_every_mistake_of_every_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.yaml").write_text("family: gan\ndata: {source: digits, flap: true}\ntrain: {sead: 1}\n")
    Path("worse.yaml").write_text("a: [")
    mistakes = [
        "bad.yaml:2:24: unknown option 'flap' in data: did you mean 'flip'?",
        "bad.yaml:3:9: unknown option 'sead' in train: did you mean 'seed'?",
    ]
    with pytest.raises(UsageError) as caught:
        recipes.check(["bad.yaml", "toy", "worse.yaml"], [], json=False)
    assert str(caught.value).splitlines()[:2] == mistakes
    worse = "worse.yaml:1:5: a value is missing here, or a bracket before it is not closed"
    assert str(caught.value).splitlines()[2:] == [worse]
    assert capsys.readouterr().out == "ok toy\n"
    with pytest.raises(UsageError):
        recipes.check(["bad.yaml"], [], json=True)
    assert json.loads(capsys.readouterr().out) == [{"recipe": "bad.yaml", "ok": False, "errors": mistakes}]


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    recipes.schema("gan")
    schema = json.loads(capsys.readouterr().out)
    assert schema["properties"]["family"]["enum"] == ["gan"]
    recipes.schema(None)
    assert "gan" in json.loads(capsys.readouterr().out)["properties"]["family"]["enum"]
    with pytest.raises(UsageError):
        recipes.schema("gen")


def test_the_bundled_recipes_are_where_they_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert (bundled.bundled_dir() / "gan.yaml").is_file()
    assert all(each.family and each.source for each in bundled.summaries())
