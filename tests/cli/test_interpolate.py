"""`gan interpolate`: keyframes are the images of `gan sample`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.io.video import FRAMES_PER_SECOND


def frames(path: Path) -> tuple[list[np.ndarray], dict]:
    """Return the frames of a GIF in grey, and its metadata. Equal consecutive frames are stored as one longer frame."""
    with Image.open(path) as image:
        metadata = json.loads(image.info["comment"])
        found = []
        for index in range(image.n_frames):
            image.seek(index)
            times = round(image.info["duration"] * FRAMES_PER_SECOND / 1000)
            found += [np.asarray(image.convert("L"))] * times
    return found, metadata


def sampled(gan, seed: int, *options: str) -> np.ndarray:
    assert gan("sample", "-n", "1", "--seed", str(seed), "--format", "png", "--out", "one", *options).code == 0
    (file,) = Path("one").glob(f"seed{seed:06d}*.png")
    with Image.open(file) as image:
        found = np.asarray(image)
    file.unlink()
    return found


def refused(result, *words: str) -> bool:
    return result.code == 2 and result.err.startswith("error: ") and all(word in result.err for word in words)


@pytest.mark.parametrize("options", [(), ("--path", "linear"), ("--truncation", "0.7")])
def test_keys_are_what_sample_draws(gan, unconditional: Path, options: tuple[str, ...]) -> None:
    result = gan("interpolate", "--seeds", "1,7,9", "--frames", "20", *options, "--out", "walk.gif", "--json")
    assert result.code == 0, result.err
    (entry,) = json.loads(result.out)["images"]
    shown, metadata = frames(Path("walk.gif"))
    assert len(shown) == entry["frames"] == 20
    assert entry["keys"] == metadata["keys"]
    assert entry["seeds"] == [1, 7, 9]
    truncation = options if "--truncation" in options else ()
    for seed, place in zip(entry["seeds"], entry["keys"], strict=True):
        assert np.array_equal(shown[place][::24, ::24], sampled(gan, seed, *truncation))


def test_keys_of_labels_are_what_sample_draws(gan, conditional: Path) -> None:
    result = gan("interpolate", "--labels", "3,5,3", "--seeds", "2", "--frames", "9", "--out", "walk.gif", "--json")
    (entry,) = json.loads(result.out)["images"]
    assert entry["labels"] == ["3", "5", "3"]
    assert entry["seeds"] == [2, 2, 2]
    assert entry["keys"] == [0, 4, 8]
    shown, _ = frames(Path("walk.gif"))
    for label, place in zip(entry["labels"], entry["keys"], strict=True):
        assert np.array_equal(shown[place][::12, ::12], sampled(gan, 2, "--label", label))
    assert not np.array_equal(shown[2], shown[0])


def test_seeds_and_labels_together(gan, conditional: Path) -> None:
    common = ["--frames", "4", "--json", "--out", "walk.gif"]
    (entry,) = json.loads(gan("interpolate", "--labels", "3,5", "--seeds", "1,2", *common).out)["images"]
    assert (entry["seeds"], entry["labels"]) == ([1, 2], ["3", "5"])
    (entry,) = json.loads(gan("interpolate", "--labels", "3", "--seeds", "1,2", *common).out)["images"]
    assert (entry["seeds"], entry["labels"]) == ([1, 2], ["3", "3"])
    (entry,) = json.loads(gan("interpolate", "--labels", "3,5", *common).out)["images"]
    assert (entry["seeds"], entry["labels"]) == ([0, 0], ["3", "5"])
    (entry,) = json.loads(gan("interpolate", "--seeds", "1,2", *common).out)["images"]
    assert (entry["seeds"], entry["labels"]) == ([1, 2], ["0", "0"])
    assert "label 0)" in gan("interpolate", "--seeds", "1,2").out


def test_a_change_of_the_label_alone_takes_time_too(gan, conditional: Path) -> None:
    """The first two keyframes have the same latent; the label changes gradually."""
    common = ["--frames", "17", "--json", "--out", "walk.gif"]
    (entry,) = json.loads(gan("interpolate", "--seeds", "1,1,2", "--labels", "3,5,5", *common).out)["images"]
    assert entry["keys"] == [0, 8, 16]


def test_a_loop_comes_back(gan, unconditional: Path) -> None:
    result = gan("interpolate", "--seeds", "1,7", "--loop", "--frames", "8", "--out", "walk.gif", "--json")
    assert json.loads(result.out)["images"][0]["keys"] == [0, 4]
    shown, _ = frames(Path("walk.gif"))
    assert len(shown) == 8
    assert all(np.array_equal(shown[4 - step], shown[4 + step]) for step in (1, 2, 3))


def test_the_same_command_gives_the_same_bytes(gan, unconditional: Path) -> None:
    for ending in ("gif", "png"):
        for name in ("a", "b"):
            assert gan("interpolate", "--out", f"{name}.{ending}").code == 0
        assert Path(f"a.{ending}").read_bytes() == Path(f"b.{ending}").read_bytes()


def test_a_strip_and_where_things_go(gan, unconditional: Path) -> None:
    result = gan("interpolate")
    assert "wrote runs/gan/out/interpolation-seeds0-1-2-3-4.gif (97 frames)" in result.out
    assert "next: gan sample runs/gan --grid --annotate" in result.out
    assert gan("interpolate", "--seeds", "3,4", "--out", "strip.png").code == 0
    with Image.open("strip.png") as image:
        metadata = json.loads(image.text["gancli"])
        width, height = image.size
    assert (metadata["seeds"], metadata["frames"], metadata["keys"]) == ([3, 4], 9, [0, 8])
    assert len(metadata["checkpoint"]) == 64
    assert width > 9 * 48
    assert height < 2 * 48
    assert gan("interpolate", "--out", "long.png", "--frames", "100").code == 0
    with Image.open("long.png") as image:
        assert image.size[0] <= 1700
        assert image.size[1] > 3 * 48


def test_a_walk_that_is_none(gan, unconditional: Path) -> None:
    assert refused(gan("interpolate", "--seeds", "3"), "two seeds or more")
    assert refused(gan("interpolate", "--seeds", "3,x"), "column 3")
    assert refused(gan("interpolate", "--frames", "4"), "--frames 4", "5 or more")
    assert refused(gan("interpolate", "--path", "slrep"), "did you mean 'slerp'?")
    assert refused(gan("interpolate", "--out", "walk.avi"), ".gif", ".mp4", ".png")
    assert refused(gan("interpolate", "runs/gan", "--labels", "3,5"), "trained without labels")
    assert refused(gan("interpolate", "--labels", "3,5"), "take labels")
    assert not (unconditional / "out").exists()


def test_points_have_no_pictures_to_walk_through(gan, unconditional: Path, tmp_path: Path) -> None:
    (tmp_path / "points.yaml").write_text(
        "family: gan\ndata: {source: points, distribution: ring, count: 100}\ntrain: {images: 64}\n"
    )
    assert gan("train", "points.yaml", "--device", "cpu").code == 0
    for command in (["interpolate", "runs/points"], ["arithmetic", "runs/points", "1 - 2"]):
        assert refused(gan(*command), "cannot use points: it is a model of points, not of images")
    assert "wrote runs/gan/out/" in gan("interpolate").out, "the newest run that generates images is used"


def test_labels_that_do_not_fit(gan, conditional: Path) -> None:
    result = gan("interpolate", "--labels", "3,5", "--seeds", "1,2,3")
    assert refused(result, "--seeds give 3 keyframes, and --labels gives 2 labels")
    assert refused(gan("interpolate", "--labels", "3,eleven"), "unknown label 'eleven'")
    assert refused(gan("interpolate", "--labels", ""), "unknown label ''")


def test_a_video_needs_pyav(gan, unconditional: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert refused(gan("interpolate", "--out", "walk.mp4"), "pip install 'gancli[video]'", ".gif works without")
    assert not Path("walk.mp4").exists()


def test_a_video(gan, unconditional: Path) -> None:
    pytest.importorskip("av")
    result = gan("interpolate", "--frames", "10", "--out", "walk.mp4")
    assert result.code == 0, result.err
    assert Path("walk.mp4").read_bytes()[4:8] == b"ftyp"
