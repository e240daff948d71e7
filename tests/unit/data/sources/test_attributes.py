"""Source `attributes`: tables of attributes, and their images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gancli.data.dataset import open_dataset, open_source
from gancli.data.sources.attributes import read_table
from gancli.data.sources.config import AttributesConfig
from gancli.errors import DataError

Save = Callable[..., Path]

CSV = "file,Smiling,Young\n0.png,1,0\n1.png,0,0\n2.png,1,1\n3.png,0,1\n"
EXPECTED = [[1, 0], [0, 0], [1, 1], [0, 1]]


@pytest.fixture
def table(root: Path, save: Save) -> Path:
    for number in range(4):
        save(root / f"{number}.png", colour=10 * number)
    (root.parent / "table.csv").write_text(CSV)
    return root.parent / "table.csv"


def config(root: Path, table: Path, **options: object) -> AttributesConfig:
    values = {"split": "all", "table": table, "root": root} | options
    return AttributesConfig(source="attributes", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        CSV.replace("0\n", "-1\n").replace(",0,", ",-1,"),
        "﻿" + CSV.replace(",", " , "),
        CSV.replace("\n", "\r\n\r\n"),
        CSV.replace(".png", ""),
        CSV.replace(".png", ".jpg"),
        CSV.replace(",", " "),
        "4\nSmiling Young\n0.png  1 -1\n1.png -1 -1\n2.png  1  1\n3.png -1  1\n",
        "Smiling Young\n0.png  1 -1\n1.png -1 -1\n2.png  1  1\n3.png -1  1\n",
        "file,Smiling,Young\n3.png,0,1\n2.png,1,1\n1.png,0,0\n0.png,1,0\n",
        '"file","Smiling","Young"\n"0.png",1,0\n"1.png",0,0\n"2.png",1,1\n"3.png",0,1\n',
    ],
    ids=["csv", "signs", "mark", "windows", "stems", "suffix", "words", "celeba", "uncounted", "reversed", "quoted"],
)
def test_forms_of_the_table(root: Path, table: Path, text: str) -> None:
    table.write_text(text)
    packed = open_dataset(config(root, table))
    assert packed.spec.labels == ("Smiling", "Young")
    assert packed.arrays["attributes"].dtype == np.float32
    assert packed.arrays["attributes"].tolist() == EXPECTED
    assert packed.images[:, 0, 0, 0].tolist() == [0, 10, 20, 30]
    assert packed.labels is None


def test_some_attributes_in_another_order(root: Path, table: Path) -> None:
    packed = open_dataset(config(root, table, attributes=("Young", "Smiling")))
    assert packed.spec.labels == ("Young", "Smiling")
    assert packed.arrays["attributes"].tolist() == [row[::-1] for row in EXPECTED]
    one = open_dataset(config(root, table, attributes=("Young",), limit=3))
    assert one.arrays["attributes"].tolist() == [[0], [0], [1]]
    assert len({packed.fingerprint, one.fingerprint, open_dataset(config(root, table)).fingerprint}) == 3
    with pytest.raises(DataError, match="no column 'Smile': did you mean 'Smiling'"):
        open_dataset(config(root, table, attributes=("Smile",)))


def test_the_column_of_names(root: Path, table: Path) -> None:
    table.write_text("Smiling,file,Young\n1,0.png,0\n0,1.png,0\n1,2.png,1\n0,3.png,1\n")
    packed = open_dataset(config(root, table, name_column="file"))
    assert packed.arrays["attributes"].tolist() == EXPECTED
    with pytest.raises(DataError, match=r"no column 'image'; set data\.name_column to one of Smiling, file, Young"):
        open_dataset(config(root, table, name_column="image"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("file,A\n", "has no attributes"),
        ("file\n1.png\n", "has no attributes"),
        ("file,A,B\n0.png,1,0\n1.png,1,x\n", r"table\.csv:3: B is 'x'; write 1"),
        ("file,A,B\n0.png,1,0\n\n1.png,1\n", r"table\.csv:4: 2 values, but the header has 3 columns"),
        ("file,A,A\n0.png,1,0\n", "2 columns for 'A'"),
        ("file,A\n0.png,1\n0.png,0\n", "2 lines for '0.png'"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(table: Path, text: str, sentence: str) -> None:
    table.write_text(text)
    with pytest.raises(DataError, match=sentence):
        read_table(table)


def test_a_table_that_cannot_be_read(table: Path) -> None:
    for content in (b"\xff\xfe\x00", None):
        table.write_bytes(content) if content else table.unlink()
        with pytest.raises(DataError, match=r"cannot be read .*set data\.table"):
            read_table(table)


def test_images_without_a_line_and_lines_without_an_image(root: Path, table: Path, save: Save) -> None:
    (root / "1.png").unlink()
    save(root / "new.png")
    with pytest.raises(DataError, match=r"1 of 4 images in .* have no line in .* \(new\)"):
        open_dataset(config(root, table))
    problems = open_source(config(root, table)).survey().problems
    assert len(problems) == 2
    assert "1 of 4 lines" in problems[1]
    packed = open_dataset(config(root, table, unmatched="skip"))
    assert packed.arrays["attributes"].tolist() == [EXPECTED[0], *EXPECTED[2:]]
    table.write_text("file,A\nelsewhere.png,1\n")
    with pytest.raises(DataError, match=r"has no line for an image in .*; its first name is 'elsewhere\.png'"):
        open_dataset(config(root, table))


def test_unreadable_images_take_their_attributes_along(root: Path, table: Path) -> None:
    (root / "2.png").write_bytes(b"no image")
    packed = open_dataset(config(root, table, unreadable="skip"))
    assert packed.arrays["attributes"].tolist() == [*EXPECTED[:2], EXPECTED[3]]
    assert packed.images[:, 0, 0, 0].tolist() == [0, 10, 30]


def test_splits(root: Path, table: Path) -> None:
    for number, part in enumerate(("train", "train", "test", "train")):
        (root / part).mkdir(exist_ok=True)
        (root / f"{number}.png").rename(root / part / f"{number}.png")
    for split, rows in (("train", [0, 1, 3]), ("test", [2]), ("all", [2, 0, 1, 3])):
        packed = open_dataset(config(root, table, split=split))
        assert packed.arrays["attributes"].tolist() == [EXPECTED[row] for row in rows]
    table.write_text(CSV.replace("2.png", "test/2.png"))
    assert open_dataset(config(root, table, split="test")).arrays["attributes"].tolist() == [EXPECTED[2]]


def test_a_share_is_held_out_by_name(root: Path, save: Save, table: Path) -> None:
    lines = ["file,A"]
    for number in range(100):
        save(root / f"{number}.png", size=(1, 1), colour=number)
        lines.append(f"{number}.png,{number % 2}")
    table.write_text("\n".join(lines))
    parts = [open_dataset(config(root, table, split=split, test_share=0.3)) for split in ("train", "test")]
    for part in parts:
        assert (part.images[:, 0, 0, 0] % 2 == part.arrays["attributes"][:, 0]).all()
    assert sum(part.count for part in parts) == 100
    assert 15 <= parts[1].count <= 45


def test_a_survey_counts_the_images_that_have_each(root: Path, table: Path) -> None:
    moved = table.rename(root / "table.csv")
    (root / "notes.txt").write_text("")
    survey = open_source(config(root, moved)).survey()
    assert survey.labels == {"Smiling": 2, "Young": 2}
    assert survey.problems == ()
    assert survey.ignored == ("notes.txt",)
    (root / "2.png").write_bytes(b"no image")
    assert open_source(config(root, moved)).survey().labels == {"Smiling": 1, "Young": 1}
