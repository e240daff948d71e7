"""Source `paired`: two folders, or pairs side by side in one image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from gancli.data.dataset import open_dataset, open_source
from gancli.data.sources.config import PairedConfig
from gancli.errors import DataError
from gancli.io import decode

Save = Callable[..., Path]


def paired(root: Path, **options: object) -> PairedConfig:
    return PairedConfig(source="paired", root=root, **({"split": "all"} | options))  # type: ignore[arg-type]


@pytest.fixture
def numbered(root: Path, save: Save) -> Path:
    """Write pairs whose brightness is their number; the targets are grey BMP files."""
    for number in range(6):
        save(root / "source" / f"{number}.png", colour=10 * number)
        save(root / "target" / f"{number}.bmp", mode="L", colour=10 * number)
    return root


def brightness(packed: object, key: str) -> list[int]:
    return packed.arrays[key][:, 0, 0, 0].tolist()  # type: ignore[attr-defined, no-any-return]


def test_pairs_go_by_name_whatever_their_form(numbered: Path) -> None:
    packed = open_dataset(paired(numbered))
    assert brightness(packed, "source") == brightness(packed, "target") == [0, 10, 20, 30, 40, 50]
    assert packed.spec.shape == (1, 8, 8)
    assert packed.spec.channels_of == {"source": 3, "target": 1}
    assert packed.labels is None


def test_channels_of_either_side(numbered: Path) -> None:
    for options, expected in (
        ({"channels": 3}, {"source": 3, "target": 3}),
        ({"channels": 1, "source_channels": 4}, {"source": 4, "target": 1}),
        ({"target_channels": 3}, {"source": 3, "target": 3}),
    ):
        packed = open_dataset(paired(numbered, **options))
        assert packed.spec.channels_of == expected
        assert packed.spec.channels == expected["target"]


def test_other_names_limits_and_crops(numbered: Path) -> None:
    (numbered / "source").rename(numbered / "photos")
    (numbered / "target").rename(numbered / "masks")
    options = {"source_folder": "photos", "target_folder": "masks"}
    packed = open_dataset(paired(numbered, **options, limit=2, resolution=(12, 10), random_crop=(9, 10)))
    assert packed.arrays["source"].shape == (2, 3, 12, 10)
    assert packed.arrays["target"].shape == (2, 1, 12, 10)
    assert packed.spec.shape == (1, 9, 10)
    with pytest.raises(DataError, match=r"random_crop 9x9 is larger than the images, which are 8x8"):
        open_dataset(paired(numbered, **options, random_crop=9))
    with pytest.raises(ValidationError, match=r"must fit into data\.resolution \(12x12\), not 9x13"):
        paired(numbered, resolution=12, random_crop=(9, 13))


def test_they_are_decoded_once_and_told_apart(numbered: Path, save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_dataset(paired(numbered))
    opened: list[object] = []
    original = decode.open_image

    def counted(path: Path, **options: object) -> Image.Image:
        opened.append(path)
        return original(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(decode, "open_image", counted)
    again = open_dataset(paired(numbered))
    assert not opened
    assert again.fingerprint == first.fingerprint
    save(numbered / "target" / "3.bmp", mode="L", colour=99)
    changed = open_dataset(paired(numbered))
    assert changed.fingerprint != first.fingerprint
    assert brightness(changed, "target")[3] == 99
    assert open_dataset(paired(numbered, fit="stretch")).fingerprint != changed.fingerprint


@pytest.mark.parametrize("layout", ["{part}/{side}", "{side}/{part}"])
@pytest.mark.parametrize("held_out", ["test", "val"])
def test_splits_are_folders(root: Path, save: Save, layout: str, held_out: str) -> None:
    for part, colours in (("train", (1, 2, 3)), (held_out, (4,))):
        for side in ("source", "target"):
            for number, colour in enumerate(colours):
                save(root / layout.format(part=part, side=side) / f"{number}.png", colour=colour)
    for split, expected in (("train", [1, 2, 3]), ("test", [4]), ("all", [1, 2, 3, 4])):
        packed = open_dataset(paired(root, split=split))
        assert sorted(brightness(packed, "source")) == expected
        assert brightness(packed, "source") == brightness(packed, "target")


def test_without_folders_a_part_is_held_out_by_name(root: Path, save: Save) -> None:
    """The split is the same for both sides, and does not change when other images are added."""
    names: dict[str, set[str]] = {}
    for count in (150, 200):
        for number in range(count):
            for side in ("source", "target"):
                save(root / side / f"{number}.png", size=(1, 1), colour=number)
        parts = {split: open_dataset(paired(root, split=split, test_share=0.2)) for split in ("train", "test")}
        numbers = {split: brightness(packed, "source") for split, packed in parts.items()}
        assert all(numbers[split] == brightness(packed, "target") for split, packed in parts.items())
        assert sorted(numbers["train"] + numbers["test"]) == list(range(count))
        assert 0.1 < len(numbers["test"]) / count < 0.3
        assert names.get("test", set()) <= set(numbers["test"])
        assert names.get("train", set()) <= set(numbers["train"])
        names = {split: set(each) for split, each in numbers.items()}
    with pytest.raises(DataError, match=r"has no images for data\.split: test"):
        open_dataset(paired(root, split="test", test_share=0.0))


def test_images_without_a_partner(numbered: Path, save: Save) -> None:
    (numbered / "target" / "2.bmp").unlink()
    for number in range(4):
        save(numbered / "target" / f"x{number}.png")
    with pytest.raises(
        DataError, match=r"1 of 6 images in .*/source have no partner .*/target \(2\); .*unmatched=skip"
    ):
        open_dataset(paired(numbered))
    problems = open_source(paired(numbered)).survey().problems
    assert len(problems) == 2
    assert "4 of 9 images" in problems[1]
    assert "(x0, x1, x2, …)" in problems[1]
    skipped = open_dataset(paired(numbered, unmatched="skip"))
    assert brightness(skipped, "source") == brightness(skipped, "target") == [0, 10, 30, 40, 50]
    assert open_source(paired(numbered, unmatched="skip")).survey().problems == ()


def test_pairs_of_unequal_size(numbered: Path, save: Save) -> None:
    save(numbered / "target" / "1.bmp", mode="L", size=(8, 9))
    save(numbered / "target" / "4.bmp", mode="L", size=(9, 9))
    for options in ({}, {"resolution": 8}):
        with pytest.raises(DataError, match=r"1\.png is 8x8, its target 8x9, and 1 more pairs differ; .*fit=stretch"):
            open_dataset(paired(numbered, **options))
    assert len(open_source(paired(numbered)).survey().problems) == 1
    assert open_dataset(paired(numbered, resolution=8, fit="stretch")).count == 6


def test_sizes_that_differ_from_pair_to_pair_need_a_resolution(numbered: Path, save: Save) -> None:
    for side in ("source", "target"):
        save(numbered / side / f"1.{'png' if side == 'source' else 'bmp'}", size=(9, 12))
    with pytest.raises(DataError, match=r"differ in size; set data\.resolution"):
        open_dataset(paired(numbered))
    assert open_dataset(paired(numbered, resolution=8)).count == 6


def test_what_cannot_be_read_is_named(numbered: Path) -> None:
    path = numbered / "target" / "1.bmp"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(DataError, match=r"target/1\.bmp cannot be read: .*; replace it, or remove it and its partner"):
        open_dataset(paired(numbered))
    survey = open_source(paired(numbered)).survey()
    assert [Path(name).name for name, _ in survey.unreadable] == ["1.bmp"]
    assert {key: part.count for key, part in survey.parts.items()} == {"source": 6, "target": 5}
    assert survey.count == 11


def test_folders_that_are_missing_or_empty(root: Path, save: Save) -> None:
    with pytest.raises(DataError, match="does not exist"):
        open_dataset(paired(root / "nowhere"))
    with pytest.raises(DataError, match=r"/source is not a folder, and .* has no source/train or train/source"):
        open_dataset(paired(root))
    save(root / "source" / "1.png")
    (root / "target").mkdir()
    with pytest.raises(DataError, match=r"/target has no images"):
        open_dataset(paired(root))
    save(root / "target" / "2.png")
    with pytest.raises(DataError, match=r"no image in .* has a partner"):
        open_dataset(paired(root, unmatched="skip"))


def test_two_files_of_one_name(numbered: Path, save: Save) -> None:
    save(numbered / "source" / "1.jpg")
    with pytest.raises(DataError, match=r"source/1\.jpg and source/1\.png in .* have the same name"):
        open_dataset(paired(numbered))


@pytest.mark.parametrize("form", ["png", "jpg", "deep", "turned", "palette"])
def test_side_by_side(root: Path, form: str) -> None:
    """The upright image is 50 on the left and 200 on the right."""
    pixels = np.full((6, 10), 50, dtype=np.uint8)
    pixels[:, 5:] = 200
    image = Image.fromarray(pixels)
    options: dict[str, object] = {}
    if form == "jpg":
        image = Image.fromarray(np.kron(pixels, np.ones((8, 8), dtype=np.uint8)))  # JPEG blocks
    elif form == "deep":
        image = Image.fromarray(pixels.astype(np.uint16) * 257)
    elif form == "turned":
        image, exif = image.transpose(Image.Transpose.ROTATE_90), Image.Exif()
        exif[0x0112] = 6  # stored rotated by 90 degrees
        options["exif"] = exif
    elif form == "palette":
        image = image.convert("RGB").quantize(4)
    image.save(root / ("1.jpg" if form == "jpg" else "1.png"), **options)
    height, width = (48, 40) if form == "jpg" else (6, 5)
    for order, (source, target) in {"ab": (50, 200), "ba": (200, 50)}.items():
        packed = open_dataset(paired(root, side_by_side=order))
        assert packed.arrays["source"].shape[2:] == packed.arrays["target"].shape[2:] == (height, width)
        tolerance = 2 if form == "jpg" else 0
        assert np.abs(packed.arrays["source"].astype(int) - source).max() <= tolerance
        assert np.abs(packed.arrays["target"].astype(int) - target).max() <= tolerance


def test_halves_of_odd_width_and_options_of_two_folders(root: Path, save: Save) -> None:
    save(root / "1.png", size=(4, 9))
    with pytest.raises(DataError, match="4x9 pixels cannot be split into two halves"):
        open_dataset(paired(root, side_by_side="ab"))
    for options in ({"source_folder": "x"}, {"unmatched": "skip"}):
        with pytest.raises(ValidationError, match="with side_by_side every image is a pair"):
            paired(root, side_by_side="ab", **options)


def test_real_photographs_and_masks(shared: Path) -> None:
    options = {"source_folder": "images", "target_folder": "masks", "source_channels": 3, "target_channels": 1}
    packed = open_dataset(paired(shared / "nuclei", **options, resolution=64))
    assert packed.described == "source: 100 images of 3x64x64, target: 100 images of 1x64x64"
    survey = open_source(paired(shared / "nuclei", **options)).survey()
    assert survey.problems == ()
    assert survey.parts["source"].sizes == survey.parts["target"].sizes
    assert survey.count == 200
