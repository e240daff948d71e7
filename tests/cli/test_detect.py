"""`gan detect`, with a family of known scores: the mean distance of pixels from middle grey, in [0, 1]."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def refused(result, *words: str, code: int = 2) -> bool:
    return result.code == code and result.err.startswith("error: ") and all(word in result.err for word in words)


def grey(path: Path, level: int, side: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (side, side), level).save(path)
    return path


def score(level: int) -> float:
    return abs(level / 127.5 - 1)


def scored(result) -> dict[str, float]:
    assert result.code == 0, result.err
    return {each["image"]: each["score"] for each in json.loads(result.out)["images"]}


@pytest.fixture
def images(tmp_path: Path) -> dict[str, int]:
    """Write images and return their grey levels by path."""
    levels = {"in/normal/a.png": 130, "in/normal/b.png": 140, "in/anomalous/c.png": 250, "in/anomalous/d.png": 135}
    for name, level in levels.items():
        grey(tmp_path / name, level)
    return levels


def test_scores_from_the_highest_down(gan, detector: str, images: dict[str, int]) -> None:
    found = scored(gan("detect", "in", "--json", "--no-maps"))
    assert list(found) == sorted(images, key=lambda name: -score(images[name]))
    assert found == pytest.approx({name: score(level) for name, level in images.items()}, abs=1e-5)
    assert not (Path(detector) / "out").exists()


def test_a_table_that_the_next_program_can_read(gan, detector: str, images: dict[str, int], monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    result = gan("detect", detector, "in", "--threshold", "0.5", "--no-maps")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0].split() == ["score", "anomalous", "image"]
    assert lines[1].split()[1:] == ["yes", "in/anomalous/c.png"]
    assert [line.split()[-1] for line in lines[2:5]] == ["in/normal/b.png", "in/anomalous/d.png", "in/normal/a.png"]
    assert lines[5] == "1 of 4 images are anomalous: their score is above 0.5"
    assert lines[6] == "next: gan eval runs/grey"
    assert "\x1b" not in result.out


def test_an_image_depends_on_no_other(gan, detector: str, tmp_path: Path) -> None:
    """Compare a score in a set larger than a batch with the score of the image alone."""
    for place in range(11):
        grey(tmp_path / "many" / f"{place:02}.png", 20 * place)
    together = scored(gan("detect", "many", "--json", "--no-maps"))
    assert len(together) == 11
    alone = scored(gan("detect", "many/04.png", "--json", "--no-maps"))
    assert alone == {"many/04.png": together["many/04.png"]}
    assert scored(gan("detect", "many/04.png", "--json", "--no-maps", "--seed", "1")) != alone


def test_images_come_to_the_shape_of_training(gan, detector: str, tmp_path: Path) -> None:
    """Wide images are cropped in the middle, as `data.fit` sets; colour images become grey."""
    pixels = np.zeros((40, 80, 3), dtype=np.uint8)
    pixels[:, 8:72] = 200
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    assert scored(gan("detect", "wide.png", "--json"))["wide.png"] == pytest.approx(score(200), abs=1e-5)
    recipe = tmp_path / detector / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("fit: crop", "fit: stretch"))
    stretched = 0.8 * score(200) + 0.2 * score(0)
    assert scored(gan("detect", "wide.png", "--json"))["wide.png"] == pytest.approx(stretched, abs=0.1)


def test_heat_maps_share_a_scale(gan, detector: str, tmp_path: Path) -> None:
    half = np.full((8, 8), 128, dtype=np.uint8)
    half[:, 4:] = 255
    Image.fromarray(half).save(tmp_path / "half.png")
    grey(tmp_path / "mild.png", 160)
    result = gan("detect", "half.png", "mild.png", "--out", "maps")
    assert "heat maps: maps/ (image, nearest, heat)" in result.out
    with Image.open("maps/half.png") as picture:
        pixels, metadata = np.asarray(picture), json.loads(picture.text["gancli"])
    assert pixels.shape == (48 + 4, 3 * 48 + 8, 3)
    assert metadata["from"] == "half.png"
    assert metadata["hottest"] == pytest.approx(1)
    image, nearest, heat = (pixels[2:50, 2 + 50 * place :][:, :48] for place in range(3))
    assert np.array_equal(image[::6, ::6, 0], half)
    assert (nearest == 128).all()
    assert (heat[:, 24:] == 255).all()
    assert heat[:, :24].max() < 10
    with Image.open("maps/mild.png") as picture:
        mild = np.asarray(picture)[2:50, 102:150]
    assert (mild[..., 0] == round(3 * score(160) * 255)).all()
    assert not mild[..., 1:].any(), "a quarter of the largest heat is dark red"


def test_a_threshold_from_normal_images(gan, detector: str, images: dict[str, int], tmp_path: Path) -> None:
    for level in range(128, 147):
        grey(tmp_path / "fine" / f"{level}.png", level)
    common = ["detect", "in", "--normal", "fine", "--no-maps"]
    found = json.loads(gan(*common, "--json").out)
    assert found["threshold"] == pytest.approx(score(146), abs=1e-5), "of 19, none may score above it: 1 of 20 is 0.05"
    assert found["threshold"] >= scored(gan("detect", "fine/146.png", "--json", "--no-maps"))["fine/146.png"]
    assert found["calibration"] == {
        "threshold": found["threshold"],
        "normal": "fine",
        "images": 19,
        "false_alarms": 0.05,
    }
    assert [each["anomalous"] for each in found["images"]] == [True, False, False, False]
    result = gan(*common, "--false-alarms", "0.5")
    assert "19 normal images in fine, so that at most 0.5 of all" in result.out
    assert "2 of 4 images are anomalous" in result.out
    command = result.out.splitlines()[-1].removeprefix("next: ").split()
    assert command[:4] == ["gan", "detect", "runs/grey", "in"]
    assert "2 of 4 images are anomalous" in gan(*command[1:]).out, "the threshold can be copied"
    few = gan(*common, "--false-alarms", "0.01")
    assert refused(few, "19 normal images are too few", "0.01", "99", code=65)


def test_what_is_true_from_folders_or_a_table(gan, detector: str, images: dict[str, int], tmp_path: Path) -> None:
    common = ["detect", "in", "--no-maps", "--json"]
    by_folder = json.loads(gan(*common, "--labels", "folders").out)
    measures = {each["metric"]: each["value"] for each in by_folder["metrics"]}
    assert measures["auroc"] == 0.75, "the score of d is between those of the normal images"
    assert measures["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert measures["best_f1"] == pytest.approx(0.8)
    assert {each["image"]: each["label"] for each in by_folder["images"]} == {
        name: name.split("/")[1] for name in images
    }
    tables = {
        "words.csv": "name,label\nnormal/a.png,normal\nnormal/b.png,Normal\nc.png,anomalous\nd.png,1\nother.png,0\n",
        "paths.csv": "in/normal/a.png,0\nin/normal/b.png,0\n\nin/anomalous/c.png, 1\nin/anomalous/d.png,1\n",
    }
    for name, text in tables.items():
        (tmp_path / name).write_text(text)
        assert json.loads(gan(*common, "--labels", name).out)["metrics"] == by_folder["metrics"]
    result = gan("detect", "in", "--no-maps", "--labels", "folders", "--threshold", "0.5")
    assert "found 1 of 2 anomalous images, with 0 false alarms among 2 normal images" in result.out
    assert "AUROC 0.7500, average precision 0.8333, best F1 0.8000 at threshold" in result.out
    command = gan("detect", "in", "--no-maps", "--labels", "folders").out.splitlines()[-1]
    assert "3 of 4 images are anomalous" in gan(*command.removeprefix("next: gan ").split()).out


def test_a_table_in_a_file(gan, detector: str, images: dict[str, int]) -> None:
    result = gan("detect", "in", "--threshold", "0.5", "--labels", "folders", "--csv", "sub/found.csv")
    assert "wrote sub/found.csv" in result.out
    with open("sub/found.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["image"] for row in rows] == sorted(images, key=lambda name: -score(images[name]))
    assert [row["anomalous"] for row in rows] == ["1", "0", "0", "0"]
    assert [row["label"] for row in rows] == ["anomalous", "normal", "anomalous", "normal"]
    assert float(rows[0]["score"]) == pytest.approx(score(250), abs=1e-5)
    assert all(Path(row["map"]).is_file() for row in rows)


def test_wrong_labels(gan, detector: str, images: dict[str, int], tmp_path: Path) -> None:
    cases = {
        "a.png,0\na.png,1\n": ("labels.csv:2", "two labels"),
        "a.png,0\nb.png,maybe\n": ("labels.csv:2", "normal"),
        "a.png,0\nb.png,0\nc.png,1\n": ("d.png has no label in labels.csv",),
        "a.png,0\nb.png,0\nc.png,0\nd.png,0\n": ("marks all 4 images as normal",),
    }
    for text, words in cases.items():
        (tmp_path / "labels.csv").write_text(text)
        assert refused(gan("detect", "in", "--labels", "labels.csv"), *words, code=65), text
    assert refused(gan("detect", "in", "--labels", "none.csv"), "none.csv cannot be read", code=65)
    grey(tmp_path / "e.png", 0)
    assert refused(gan("detect", "e.png", "--labels", "folders"), "e.png is in no folder named normal", code=65)
    grey(tmp_path / "in" / "normal" / "d.png", 0)
    (tmp_path / "labels.csv").write_text("a.png,0\nb.png,0\nc.png,1\nd.png,1\n")
    assert refused(gan("detect", "in", "--labels", "labels.csv"), "d.png has no label", "and 1 more", code=65)


def test_what_cannot_be_done(gan, detector: str, images: dict[str, int], tmp_path: Path) -> None:
    assert refused(gan("detect", detector), "no images are given", "gan detect runs/grey photo.png")
    assert refused(gan("detect", "in", "--false-alarms", "0.1"), "--normal")
    assert refused(gan("detect", "in", "--normal", "in", "--false-alarms", "1"), "between 0 and 1")
    assert refused(gan("detect", "in", "--normal", "in", "--threshold", "1"), "exclude each other")
    assert refused(gan("detect", "in", "--threshold", "nan"), "--threshold must be a finite number")
    assert refused(gan("detect", "none.png"), "does not exist", code=65)
    (tmp_path / "in" / "broken.png").write_bytes(b"no image")
    assert refused(gan("detect", "in", "--out", "maps", "--unreadable", "fail"), "broken.png cannot be read", code=65)
    assert not Path("maps").exists()


def test_unreadable_images_are_left_out_of_scores_labels_and_maps(
    gan, detector: str, images: dict[str, int], tmp_path: Path
) -> None:
    for folder in ("normal", "anomalous"):
        (tmp_path / "in" / folder / "aa.png").write_text("no image")
    options = ["--labels", "folders", "--csv", "table.csv", "--out", "maps", "--json"]
    result = gan("detect", "in", *options)
    assert result.code == 65
    assert "error: 2 of 6 images cannot be read" in result.err
    found = json.loads(result.out)
    scores = {entry["image"]: entry["score"] for entry in found["images"]}
    assert scores == pytest.approx({name: score(level) for name, level in images.items()}, abs=1e-5)
    assert all(entry["label"] == Path(entry["image"]).parent.name for entry in found["images"])
    assert sorted(entry["image"] for entry in found["unreadable"]) == ["in/anomalous/aa.png", "in/normal/aa.png"]
    with open("table.csv", encoding="utf-8", newline="") as handle:
        assert len(list(csv.DictReader(handle))) == 4
    for entry in found["images"]:
        with Image.open(entry["map"]) as image:
            assert json.loads(image.text["gancli"])["from"] == Path(entry["image"]).name
    many = [grey(tmp_path / "many" / f"{number}.png", 130 + number) for number in range(20)]
    many[0].write_text("no image")
    result = gan("detect", "in/normal/a.png", "--normal", "many", "--false-alarms", "0.2", "--json", "--no-maps")
    assert refused(result, "many/0.png cannot be read", "the other 19 are done", code=65)
    assert json.loads(result.out)["calibration"]["images"] == 19


def test_heat_maps_that_no_memory_holds(gan, detector: str, images: dict[str, int], monkeypatch) -> None:
    monkeypatch.setattr("gancli.cli.shared.preprocess.free", lambda _: 100)
    assert refused(gan("detect", "in"), "GB are free", "--no-maps", code=65)
    assert gan("detect", "in", "--no-maps").code == 0


def test_a_run_that_samples_does_not_detect(gan, unconditional: Path, tmp_path: Path) -> None:
    grey(tmp_path / "a.png", 0)
    assert refused(gan("detect", str(unconditional), "a.png"), "cannot detect anomalies")
    assert refused(gan("detect", "a.png"), "runs/ contains one run, and it cannot detect anomalies")
