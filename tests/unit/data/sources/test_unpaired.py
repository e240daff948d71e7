"""Source `unpaired`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gancli.data.dataset import open_dataset, open_source
from gancli.data.sources.config import UnpairedConfig
from gancli.errors import DataError

Save = Callable[..., Path]


def unpaired(root: Path, **options: object) -> UnpairedConfig:
    return UnpairedConfig(source="unpaired", root=root, **({"split": "all"} | options))  # type: ignore[arg-type]


@pytest.fixture
def domains(root: Path, save: Save) -> Path:
    for number in range(5):
        save(root / "a" / f"{number}.png", colour=number)
    for number in range(3):
        save(root / "b" / f"other{number}.png", mode="L", colour=100 + number)
    return root


def test_domains_differ_in_number_and_channels(domains: Path) -> None:
    packed = open_dataset(unpaired(domains))
    assert packed.arrays["a"][:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert packed.arrays["b"][:, 0, 0, 0].tolist() == [100, 101, 102]
    assert packed.spec.channels_of == {"a": 3, "b": 1}
    assert packed.spec.channels == 1
    assert packed.count == 5
    limited = open_dataset(unpaired(domains, limit=4, channels=3, resolution=4))
    assert limited.described == "a: 4 images of 3x4x4, b: 3 images of 3x4x4"


def test_the_layout_of_cyclegans_data(root: Path, save: Save) -> None:
    for folder, count in (("trainA", 4), ("trainB", 3), ("testA", 2), ("testB", 1)):
        for number in range(count):
            save(root / folder / f"{number}.png")
    for split, expected in (("train", (4, 3)), ("test", (2, 1)), ("all", (6, 4))):
        packed = open_dataset(unpaired(root, a_folder="A", b_folder="B", split=split))
        assert (len(packed.arrays["a"]), len(packed.arrays["b"])) == expected


def test_unreadable_images_are_left_out_of_their_domain(domains: Path) -> None:
    (domains / "a" / "1.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"a/1\.png cannot be read"):
        open_dataset(unpaired(domains))
    packed = open_dataset(unpaired(domains, unreadable="skip"))
    assert packed.arrays["a"][:, 0, 0, 0].tolist() == [0, 2, 3, 4]
    assert len(packed.arrays["b"]) == 3
    survey = open_source(unpaired(domains)).survey()
    assert (survey.count, survey.parts["a"].count, len(survey.unreadable)) == (7, 4, 1)


def test_domains_of_unequal_size_and_an_empty_one(domains: Path, save: Save) -> None:
    for number in range(3):
        save(domains / "b" / f"other{number}.png", size=(4, 4))
    with pytest.raises(DataError, match=r"8x8 in a, 4x4 in b\); set data\.resolution"):
        open_dataset(unpaired(domains))
    assert open_dataset(unpaired(domains, resolution=4)).count == 5
    for path in (domains / "b").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="/b has no images"):
        open_source(unpaired(domains)).survey()


def test_real_domains(shared: Path, root: Path) -> None:
    lines = (shared / "nuclei" / "domains.csv").read_text().split()[1:]
    for name, domain in (line.split(",") for line in lines):
        folder = root / ("a" if domain == "fluorescence" else "b")
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.png").symlink_to((shared / "nuclei" / "images" / f"{name}.png").resolve())
    packed = open_dataset(unpaired(root, resolution=32, channels=3))
    assert packed.described == "a: 60 images of 3x32x32, b: 40 images of 3x32x32"
    assert packed.arrays["a"].mean() < 60 < 120 < packed.arrays["b"].mean()  # light on black, dark on white
