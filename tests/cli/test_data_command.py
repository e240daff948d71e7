"""`gan data ls` and `gan data check`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from gancli.cli import data
from gancli.errors import DataError, UsageError
from gancli.recipes.yaml import write


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory; the cache is empty as well."""
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def images(place: Path) -> Path:
    for label, count in (("cat", 2), ("dog", 1)):
        (place / "pets" / label).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (30, 20), (number, 0, 0)).save(place / "pets" / label / f"{number}.png")
    return place / "pets"


def damage(images: Path) -> None:
    path = images / "cat" / "1.png"
    path.write_bytes(path.read_bytes()[:60])
    (images / "dog" / "notes.txt").write_text("")


def test_ls(capsys: pytest.CaptureFixture[str]) -> None:
    data.ls(json=False)
    out = capsys.readouterr().out
    for word in ("digits", "photo-patches", "folder", "mnist", "celeba", "lsun", "download"):
        assert word in out
    assert out.splitlines()[-1] == "next: gan data check digits"


def test_ls_json(capsys: pytest.CaptureFixture[str]) -> None:
    data.ls(json=True)
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["digits"] == {
        "name": "digits",
        "summary": "1,797 handwritten digits, 8x8 grey",
        "yields": ["image", "label"],
        "needs": "",
        "package": "gancli",
    }


@pytest.mark.parametrize("call", ["ls(json=True)", "check('digits', [], json=True)"])
def test_neither_imports_torch(call: str) -> None:
    code = f"import sys; from gancli.cli import data; data.{call}; assert 'torch' not in sys.modules"
    result = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_check_a_source(capsys: pytest.CaptureFixture[str]) -> None:
    data.check("digits", [], json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "digits: 1,797 images"
    assert "  height x width: 8x8 (1,797)" in lines
    assert "  channels: 1 grey (1,797)" in lines
    assert lines[4].startswith("  10 labels: 0 (178), 1 (182)")
    assert lines[-1].startswith("next: gan train ")
    assert lines[-1].endswith("--set data.source=digits")


def test_check_takes_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    data.check("digits", ["data.split=test"], json=True)
    assert json.loads(capsys.readouterr().out)["count"] == 360
    with pytest.raises(UsageError, match="did you mean 'split'"):
        data.check("digits", ["data.splt=test"], json=True)
    with pytest.raises(UsageError, match="root"):
        data.check("folder", [], json=True)
    with pytest.raises(UsageError, match="channels must be"):
        data.check("digits", ["data.channels=2"], json=True)


def test_check_a_folder(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data.check("pets", [], json=False)
    out = capsys.readouterr().out
    assert "pets: 3 images" in out
    assert "20x30 (3)" in out
    assert "2 labels: cat (2), dog (1)" in out
    assert "--set data.source=folder --set data.root=pets" in out


def test_check_names_what_cannot_be_read(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(images)
    with pytest.raises(DataError, match=r"1 of 3 images cannot be read; remove them, or set data\.unreadable=skip"):
        data.check(str(images), [], json=False)
    out = capsys.readouterr().out
    assert f"unreadable: {images}/cat/1.png: " in out
    assert "ignored: dog/notes.txt" in out
    with pytest.raises(DataError):
        data.check("pets", [], json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["count"] == 2
    assert found["unreadable"][0]["file"] == "pets/cat/1.png"
    assert found["ignored"] == ["dog/notes.txt"]
    assert found["labels"] == [{"label": "cat", "count": 1}, {"label": "dog", "count": 1}]
    data.check("pets", ["data.unreadable=skip"], json=True)


def test_check_a_recipe(place: Path, images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = {"family": "gan", "data": {"source": "folder", "root": str(images), "resolution": 28, "channels": 1}}
    (place / "mine.yaml").write_text(write(recipe))
    data.check("mine.yaml", ["data.resolution=32"], json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mine.yaml: 3 images"
    assert lines[-1] == "next: gan train mine.yaml --set data.resolution=32"


def test_check_a_bundled_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    data.check("gan", [], json=True)
    assert json.loads(capsys.readouterr().out)["source"] == "digits"


@pytest.mark.parametrize("target", ["./nothing", "/no/thing", "~/nothing-of-that-name"])
def test_check_a_missing_folder(target: str) -> None:
    with pytest.raises(DataError, match="does not exist"):
        data.check(target, [], json=False)


def test_check_nothing_known() -> None:
    with pytest.raises(UsageError, match="neither a data source, nor a folder, nor a recipe"):
        data.check("nothing", [], json=False)
    with pytest.raises(UsageError, match=r"nothing\.yaml"):
        data.check("nothing.yaml", [], json=False)


def test_s9_names_cannot_steer_the_terminal(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "odd").mkdir()
    Image.new("L", (4, 4)).save(place / "odd" / "1.png")
    (place / "odd" / "[red]\x1b[31m.txt").write_text("")
    data.check("odd", [], json=False)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert r"[red]\x1b[31m.txt" in out


def test_many_labels_are_cut_short(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(30):
        (place / "many" / f"{number:02}").mkdir(parents=True)
        Image.new("L", (4, 4)).save(place / "many" / f"{number:02}" / "1.png")
    data.check("many", [], json=False)
    assert "19 (1), and 10 more" in capsys.readouterr().out


def test_exit_codes(images: Path) -> None:
    damage(images)
    result = subprocess.run(
        [sys.executable, "-m", "gancli", "data", "check", "pets"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 65
    assert "unreadable: pets/cat/1.png" in result.stdout
    assert result.stderr.startswith("error: 1 of 3 images")


def pairs(place: Path, *, masks: int = 4) -> list[str]:
    for folder, mode, count in (("photos", "RGB", 4), ("masks", "L", masks)):
        (place / "cells" / folder).mkdir(parents=True)
        for number in range(count):
            Image.new(mode, (30, 20), number).save(place / "cells" / folder / f"{number}.png")
    return ["data.root=cells", "data.source_folder=photos", "data.target_folder=masks"]


def test_check_pairs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = pairs(place)
    data.check("paired", overrides, json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "paired: 8 images"
    assert "  source: 4 images; 20x30 (4); 3 colour (4)" in lines
    assert "  target: 4 images; 20x30 (4); 1 grey (4)" in lines
    data.check("paired", overrides, json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["parts"]["target"]["count"] == 4
    assert found["problems"] == []


def test_check_names_what_does_not_go_together(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = pairs(place, masks=3)
    Image.new("L", (30, 21)).save(place / "cells" / "masks" / "1.png")
    expected = r"1 of 4 images in cells/photos have no partner of the same name in cells/masks \(3\); .* \(and 1 more"
    with pytest.raises(DataError, match=expected):
        data.check("paired", overrides, json=False)
    out = capsys.readouterr().out
    assert "problem: 1 of 4 images" in out
    assert "problem: the images of a pair must have the same size: cells/photos/1.png is 20x30, its target 21x30" in out
    with pytest.raises(DataError):
        data.check("paired", overrides, json=True)
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2


SMALL_AND_LARGE = ["data.root=large", "data.source_folder=low", "data.target_folder=high"]


def write_super_resolution_pairs(place: Path, *sides: int, times: int = 4) -> None:
    """Write pairs for super-resolution: sources of these heights, each a third wider than high."""
    for number, side in enumerate(sides):
        for folder, factor, more in (("low", 1, 0), ("high", times, number % 2)):
            (place / "large" / folder).mkdir(parents=True, exist_ok=True)
            size = side * 4 // 3 * factor, side * factor + more  # some targets have one more row
            Image.new("RGB", size).save(place / "large" / folder / f"{number}.png")


def test_check_pairs_of_small_and_large_images(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_super_resolution_pairs(place, 30, 21, 24)
    data.check("paired", SMALL_AND_LARGE, json=False)
    lines = capsys.readouterr().out.splitlines()
    assert "  scale: targets are 4 times as large as their sources" in lines
    assert lines[-1].startswith("next: gan eval --data paired --set data.root=large --set data.source_folder=low")
    data.check("paired", SMALL_AND_LARGE, json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["scale"], found["problems"]) == (4, [])


def test_check_names_pairs_that_are_of_no_whole_factor(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_super_resolution_pairs(place, 30, 21, 24, 27)
    Image.new("RGB", (150, 90)).save(place / "large" / "high" / "1.png")
    Image.new("RGB", (32, 24)).save(place / "large" / "high" / "2.png")
    expected = (
        "targets are 4 times as large as their sources in 2 of 4 pairs, but large/low/1.png is 21x28, its target "
        "90x150, and 1 more pairs differ"
    )
    with pytest.raises(DataError, match=expected):
        data.check("paired", SMALL_AND_LARGE, json=False)
    assert f"problem: {expected}" in capsys.readouterr().out


def test_check_a_recipe_that_would_train_on_pairs_of_two_sizes(place: Path) -> None:
    write_super_resolution_pairs(place, 30, 21, 24)
    (place / "pairs.yaml").write_text(
        "family: pix2pix\ndata: {source: paired, root: large, source_folder: low, target_folder: high, split: all}\n"
    )
    with pytest.raises(DataError, match=r"targets are 4 times .* `gan eval --data paired`, .* data\.fit=stretch"):
        data.check("pairs.yaml", [], json=False)
    data.check("pairs.yaml", ["data.fit=stretch", "data.resolution=32"], json=False)


def test_set5_is_sound(place: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in (shared_data / "set5" / "x4").glob("*.png"):
        name, _, kind = file.stem.rpartition("_")
        folder = place / "large" / {"LR": "low", "HR": "high"}[kind]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").symlink_to(file.resolve())
    data.check("paired", SMALL_AND_LARGE, json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["scale"], found["problems"], found["unreadable"], found["count"]) == (4, [], [], 10)


def test_check_photographs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_super_resolution_pairs(place, 30, 21, 24)
    whole = ["data.root=large/high"]
    data.check("photographs", whole, json=False)
    assert capsys.readouterr().out.splitlines()[-1].endswith("--set data.source=photographs --set data.root=large/high")
    data.check("photographs", [*whole, "data.random_crop=84"], json=False)
    expected = r"large/high/1\.png \(and 1 more\) is too small for data\.random_crop 97x97: it has 85x112 pixels"
    (place / "large" / "high" / "3.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"1 of 4 images cannot be read; .*data\.unreadable=skip"):
        data.check("photographs", [*whole, "data.random_crop=97"], json=False)
    with pytest.raises(DataError, match=expected):
        data.check("photographs", [*whole, "data.random_crop=97", "data.unreadable=skip"], json=False)


@pytest.mark.parametrize("harm", ["unmatched", "unreadable", "empty"])
def test_exit_codes_of_pairs(place: Path, harm: str) -> None:
    overrides = pairs(place, masks=0 if harm == "empty" else 3 if harm == "unmatched" else 4)
    if harm == "unreadable":
        (place / "cells" / "masks" / "2.png").write_bytes(b"no image")
    settings = [word for each in overrides for word in ("--set", each)]
    command = [sys.executable, "-m", "gancli", "data", "check", "paired", *settings]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 65
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1


def test_the_next_command_trains_on_what_was_checked(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next command is a bundled recipe that reads these keys, or `gan plugins ls` if there is none."""
    recipes = place / "recipes"
    recipes.mkdir()
    (recipes / "gan.yaml").write_text("family: gan\ndata: {source: digits}\n")
    monkeypatch.setattr("gancli.recipes.bundled.bundled_dir", lambda: recipes)
    for source, expected in (("coloured-digits", "gan train gan --set"), ("photo-pairs", "gan plugins ls")):
        data.check(source, [], json=False)
        assert capsys.readouterr().out.splitlines()[-1].startswith(f"next: {expected}")


def test_ls_tells_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    data.ls(json=True)
    yields = {row["name"]: row["yields"] for row in json.loads(capsys.readouterr().out)}
    assert yields["paired"] == yields["photo-pairs"] == ["source", "target"]
    assert yields["unpaired"] == yields["digit-domains"] == yields["font-digits"] == ["a", "b"]
    assert yields["attributes"] == ["image", "attributes"]
    assert yields["coloured-digits"] == ["image", "label"]


@pytest.mark.parametrize("source", ["photo-pairs", "digit-domains", "paired", "unpaired"])
def test_a_family_of_single_images_refuses_pairs_and_domains(gan, source: str) -> None:
    root = ["--set", "data.root=x"] if source in ("paired", "unpaired") else []
    result = gan("train", "gan", "--set", f"data.source={source}", *root)
    assert result.code == 2
    assert f"trains on image, but the source '{source}' has only" in result.err
    assert "use digits or photo-patches or" in result.err
    assert len(result.err.splitlines()) == 1
