"""`gan sample`: labels, truncation and annotations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def read(path: Path) -> tuple[np.ndarray, dict]:
    with Image.open(path) as image:
        return np.asarray(image), json.loads(image.text["gancli"])


def refused(result, *words: str) -> bool:
    return result.code == 2 and result.err.startswith("error: ") and all(word in result.err for word in words)


def test_truncation_is_recorded_and_changes_images(gan, unconditional: Path) -> None:
    assert gan("sample", "-n", "4", "--out", "whole.png").code == 0
    result = gan("sample", "-n", "4", "--truncation", "0.5", "--out", "cut.png", "--json")
    assert json.loads(result.out)["images"][0]["truncation"] == 0.5
    (whole, made_whole), (cut, made_cut) = read(Path("whole.png")), read(Path("cut.png"))
    assert made_cut == {**made_whole, "truncation": 0.5}
    assert not np.array_equal(whole, cut)


def test_a_limit_that_no_number_exceeds_changes_nothing(gan, unconditional: Path) -> None:
    """Normal numbers above 50 do not occur."""
    assert gan("sample", "-n", "4", "--out", "whole.png").code == 0
    assert gan("sample", "-n", "4", "--truncation", "50", "--out", "cut.png").code == 0
    assert np.array_equal(read(Path("whole.png"))[0], read(Path("cut.png"))[0])


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf"])
def test_a_truncation_that_is_none_is_refused(gan, limit: str) -> None:
    assert refused(gan("sample", f"--truncation={limit}"), "--truncation must be a number greater than 0")


def test_uniform_latents_have_nothing_to_truncate(gan, tmp_path: Path) -> None:
    options = ("train.images=64", "data.resolution=8", "model.generator_widths=[16]", "model.noise=uniform")
    assert gan("train", "gan", "--device", "cpu", *(word for option in options for word in ("--set", option))).code == 0
    assert refused(gan("sample", "--truncation", "0.7"), "no normal numbers", "--truncation has no effect")
    assert not (tmp_path / "runs" / "gan" / "out").exists()


def test_every_label_has_a_row_of_the_same_seeds(gan, conditional: Path, tmp_path: Path) -> None:
    result = gan("sample", "--label", "3", "--label", "8", "-n", "4", "--seed", "2")
    assert result.code == 0, result.err
    page, made = read(conditional / "out" / "samples-seed2-n4-label3-8.png")
    assert made["seeds"] == [2, 3, 4, 5] * 2
    assert made["labels"] == ["3"] * 4 + ["8"] * 4
    assert page.shape == (2 * 50 + 2, 4 * 50 + 2)  # images of 16x16, three times as large, with gaps of 2
    assert gan("sample", "--label", "8", "-n", "4", "--seed", "2", "--format", "png", "--out", "eights").code == 0
    for column, seed in enumerate(range(2, 6)):
        alone, _ = read(tmp_path / "eights" / f"seed{seed:06d}-label8.png")
        assert np.array_equal(page[52:100:3, 2 + 50 * column : 50 + 50 * column : 3], alone)


def test_numbers_of_images_where_none_is_given(gan, conditional: Path) -> None:
    for labels, count in (([], 100), (["--label", "3"], 64), (["--label", "3", "--label", "4", "--label", "3"], 20)):
        result = gan("sample", *labels, "--json")
        assert len(json.loads(result.out)["images"][0]["seeds"]) == count


def test_single_files_are_named_by_seed_and_label(gan, conditional: Path, tmp_path: Path) -> None:
    result = gan("sample", "-n", "2", "--format", "png", "--out", "files", "--json")
    listed = json.loads(result.out)["images"]
    assert len(listed) == 20
    for entry in listed:
        assert Path(entry["image"]).name == f"seed{entry['seed']:06d}-label{entry['label']}.png"
        _, made = read(tmp_path / entry["image"])
        assert (made["seed"], made["label"]) == (entry["seed"], entry["label"])


def test_labels_that_look_alike_in_a_name_have_files_of_their_own(gan, tmp_path: Path) -> None:
    for name in ("a b", "a_b", "c"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for index in range(3):
            Image.radial_gradient("L").resize((16, 16)).save(tmp_path / "pictures" / name / f"{index}.png")
    (tmp_path / "r.yaml").write_text(
        "family: cgan\ndata: {source: folder, root: pictures, resolution: 16}\n"
        "model: {channels: 4}\ntrain: {images: 16, batch_size: 8}\n"
    )
    assert gan("train", "r.yaml", "--device", "cpu").code == 0
    assert gan("sample", "-n", "1", "--format", "png", "--out", "files").code == 0
    names = sorted(path.name for path in (tmp_path / "files").iterdir())
    assert names == ["seed000000-label-0.png", "seed000000-label-1.png", "seed000000-labelc.png"]
    assert gan("sample", "--label", "a b", "-n", "1").code == 0
    assert (tmp_path / "runs" / "r" / "out" / "samples-seed0-n1-labela_b.png").is_file()
    assert refused(gan("sample", "--label", "d"), "unknown label 'd'", "a b, a_b, c")


def test_annotations_leave_the_images_as_they_are(gan, conditional: Path) -> None:
    common = ["--label", "1", "--label", "7", "-n", "3"]
    assert gan("sample", *common, "--out", "plain.png").code == 0
    for name in ("a.png", "b.png"):
        assert gan("sample", *common, "--grid", "--annotate", "--out", name).code == 0
    (plain, made), (page, metadata_of_page) = read(Path("plain.png")), read(Path("a.png"))
    assert metadata_of_page == made
    assert page.shape[0] > plain.shape[0]
    assert page.shape[1] > plain.shape[1]
    rows = [
        row.tobytes() for row in np.lib.stride_tricks.sliding_window_view(page, (48, 48))[::, ::].reshape(-1, 48 * 48)
    ]
    assert all(plain[top : top + 48, left : left + 48].tobytes() in rows for top in (2, 52) for left in (2, 52, 102))
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_options_that_exclude_each_other(gan) -> None:
    assert refused(gan("sample", "--grid", "--format", "png"), "--grid and --format png exclude each other")
    assert refused(gan("sample", "--annotate", "--format", "png"), "--annotate", "grid")
    assert refused(gan("sample", "--format", "pgn"), "did you mean 'png'?")


def test_the_next_command_goes_on_with_the_same_options(gan, conditional: Path) -> None:
    result = gan("sample", "--label", "3", "-n", "5", "--seed", "4", "--truncation", "0.7")
    assert result.out.splitlines()[-1] == "next: gan sample runs/digits --seed 9 -n 5 --label 3 --truncation 0.7"
