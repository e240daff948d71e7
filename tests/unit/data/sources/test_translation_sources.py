"""Bundled pairs and domains, and their known properties."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter
from pydantic import ValidationError

from gancli.data.dataset import open_dataset, open_source
from gancli.data.source import PackedDataset
from gancli.data.sources.config import ColouredDigitsConfig, DigitDomainsConfig, FontDigitsConfig, PhotoPairsConfig
from gancli.data.sources.digits import COLOURS, load_digits, tint, transform
from gancli.data.sources.photos import load_photographs, outlines
from gancli.recipes.options import SourceConfig


def rows_of(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_photo_pairs_are_outlines_of_the_patches() -> None:
    packed = open_dataset(PhotoPairsConfig(source="photo-pairs", resolution=32, stride=32))
    patches = open_dataset(SourceConfig(source="photos", resolution=32).model_copy(update={"stride": 32}))
    whole = outlines(load_photographs("train")[0])
    assert packed.spec.channels_of == {"source": 1, "target": 3}
    assert packed.spec.labels == ()
    assert packed.arrays["target"].shape[1:] == (3, 32, 32)
    assert np.array_equal(packed.arrays["source"][17, 0], whole[32:64, 32:64])
    assert np.array_equal(packed.arrays["target"][17].transpose(1, 2, 0), load_photographs("train")[0][32:64, 32:64])
    assert rows_of(packed.arrays["target"][:16]) <= rows_of(patches.images)


def test_photo_pairs_in_grey_have_the_brightness_of_their_targets() -> None:
    packed = open_dataset(PhotoPairsConfig(source="photo-pairs", sources="grey", resolution=32, stride=32))
    luma = np.tensordot((0.299, 0.587, 0.114), packed.arrays["target"].astype(float), (0, 1))
    assert packed.spec.channels_of == {"source": 1, "target": 3}
    assert np.abs(packed.arrays["source"][:, 0] - luma).max() <= 1


def test_channels_of_photo_pairs_are_the_targets() -> None:
    packed = open_dataset(PhotoPairsConfig(source="photo-pairs", limit=4, channels=1))
    assert packed.spec.channels_of == {"source": 1, "target": 1}
    assert len(open_dataset(PhotoPairsConfig(source="photo-pairs", split="test")).arrays["source"]) == 2 * 23 * 5


def test_the_outline_of_a_step_is_one_line() -> None:
    """An outline follows the step of brightness, is nowhere else, and rotates with the image."""
    step = np.zeros((20, 21, 3), dtype=np.uint8)
    step[:, 10:] = 200
    lines = outlines(step)
    columns = np.flatnonzero((lines < 255).any(0))
    assert set(columns) <= {9, 10}
    assert (lines[:, columns] < 100).all()
    assert np.array_equal(outlines(step.transpose(1, 0, 2)), lines.T)
    assert (outlines(np.full((9, 9, 3), 77, dtype=np.uint8)) == 255).all()


def test_an_outline_is_no_darker_than_its_gradient() -> None:
    photograph = load_photographs("test")[0]
    blurred = np.asarray(Image.fromarray(photograph).convert("L").filter(ImageFilter.GaussianBlur(1)), dtype=float)
    strength = np.hypot(*np.gradient(blurred))
    lines = outlines(photograph)
    assert (255 - lines <= np.rint(np.clip(strength * 6, 0, 255))).all()
    assert 0.02 < (lines < 200).mean() < 0.2  # thin lines


@pytest.mark.parametrize("name", ["inverted", "inverted_blurred"])
def test_digit_domains_are_disjoint_and_the_mapping_is_known(name: str) -> None:
    digits = load_digits("train")
    packed = open_dataset(DigitDomainsConfig(source="digit-domains", transform=name))  # type: ignore[arg-type]
    images = {image.tobytes(): int(digit) for image, digit in zip(digits.images, digits.labels, strict=True)}
    transformed = {transform(image[None], name).tobytes(): int(digit) for image, digit in _each(digits)}
    a, b = packed.arrays["a"], packed.arrays["b"]
    assert len(a) + len(b) == 1437
    assert [images[image.tobytes()] for image in a] == packed.arrays["a_digit"].tolist()
    assert [transformed[image.tobytes()] for image in b] == packed.arrays["b_digit"].tolist()
    assert not rows_of(transform(a, name)) & rows_of(b)
    counts = np.stack([np.bincount(packed.arrays[f"{key}_digit"], minlength=10) for key in "ab"])
    assert np.abs(counts[0] - counts[1]).max() <= 1  # both domains have all digits


def _each(digits: object) -> list[tuple[np.ndarray, int]]:
    return list(zip(digits.images, digits.labels, strict=True))  # type: ignore[attr-defined]


def test_the_transforms_by_hand() -> None:
    image = np.zeros((1, 1, 9, 9), dtype=np.uint8)
    image[0, 0, 4, 4] = 255
    assert np.array_equal(transform(image, "inverted"), 255 - image)
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    expected = np.full((9, 9), 255)
    expected[2:7, 2:7] = 255 - np.floor(255 * kernel + 0.5)
    assert np.array_equal(transform(image, "inverted_blurred")[0, 0], expected)
    flat = np.full((2, 3, 4, 5), 90, dtype=np.uint8)
    assert (transform(flat, "inverted_blurred") == 165).all()


def test_domains_at_another_resolution_obey_the_same_mapping() -> None:
    plain, inverted = (
        open_dataset(DigitDomainsConfig(source="digit-domains", resolution=32, transform=name, channels=3))
        for name in ("inverted", "inverted_blurred")
    )
    assert np.array_equal(transform(255 - plain.arrays["b"], "inverted_blurred"), inverted.arrays["b"])
    assert np.array_equal(plain.arrays["a"], inverted.arrays["a"])
    assert plain.fingerprint != inverted.fingerprint
    with pytest.raises(ValidationError, match="would be transparent"):
        DigitDomainsConfig(source="digit-domains", channels=4)


def test_classes_and_limits_of_domains() -> None:
    packed = open_dataset(DigitDomainsConfig(source="digit-domains", classes=(3, 8), limit=20))
    assert packed.described == "a: 20 images of 1x8x8, b: 20 images of 1x8x8"
    assert set(packed.arrays["a_digit"].tolist()) == set(packed.arrays["b_digit"].tolist()) == {3, 8}
    assert packed.spec.labels == ()


def test_a_colour_is_a_label_and_the_digit_is_kept() -> None:
    digits = load_digits("train")
    packed = open_dataset(ColouredDigitsConfig(source="coloured-digits", colours=6))
    assert packed.spec.labels == COLOURS
    assert np.array_equal(packed.arrays["digit"], digits.labels)
    assert np.array_equal(packed.images.max(1, keepdims=True), digits.images)
    assert np.array_equal(tint(digits.images, packed.labels), packed.images)
    assert np.bincount(packed.labels).min() > 180
    for colour, lit in zip(range(6), ("100", "010", "001", "110", "101", "011"), strict=True):
        channels = packed.images[packed.labels == colour].max((0, 2, 3))
        assert channels.tolist() == [255 * int(bit) for bit in lit]


def test_colours_survive_resizing_and_are_classes() -> None:
    packed = open_dataset(ColouredDigitsConfig(source="coloured-digits", resolution=20, classes=("blue",), limit=9))
    assert packed.images.shape == (9, 3, 20, 20)
    assert packed.spec.labels == ("blue",)
    assert not packed.images[:, :2].any()
    assert len(packed.arrays["digit"]) == 9
    again = tint(packed.images.max(1, keepdims=True), np.full(9, 2))
    assert np.array_equal(again, packed.images)
    with pytest.raises(ValidationError, match="grey would hide the labels"):
        ColouredDigitsConfig(source="coloured-digits", channels=1)


def test_less_saturated_colours_have_light_in_common() -> None:
    digits = load_digits("train")
    packed = open_dataset(ColouredDigitsConfig(source="coloured-digits", saturation=0.6))
    assert np.array_equal(packed.images.max(1, keepdims=True), digits.images)
    assert np.array_equal(packed.images.min(1), np.rint(0.4 * digits.images[:, 0]))
    assert np.array_equal(tint(digits.images, packed.labels, 0.6), packed.images)
    assert packed.labels.tolist() == packed.images.sum((2, 3)).argmax(1).tolist()


def fonts(**options: object) -> PackedDataset:
    return open_dataset(FontDigitsConfig(source="font-digits", **options))  # type: ignore[arg-type]


def test_font_digits_are_drawn_alike_each_time_and_differ_from_each_other() -> None:
    packed, again, test = fonts(count=200), fonts(count=200), fonts(count=200, split="test")
    assert packed.fingerprint == again.fingerprint != test.fingerprint
    assert packed.arrays["a_digit"].tolist() == [number % 10 for number in range(200)]
    assert len(rows_of(packed.arrays["a"])) > 190
    assert not rows_of(packed.arrays["a"]) & rows_of(test.arrays["a"])
    assert np.array_equal(packed.arrays["b"], load_digits("train").images)
    assert len(fonts(count=200, split="all").arrays["a"]) == 400


def test_drawn_digits_look_like_their_numbers() -> None:
    """Nearly all are closest to the mean of their own digit; chance is one in ten."""
    packed, test = fonts(count=500, resolution=16), fonts(count=200, resolution=16, split="test")
    known = packed.arrays["a"].reshape(500, -1).astype(float)
    means = np.stack([known[packed.arrays["a_digit"] == digit].mean(0) for digit in range(10)])
    asked = test.arrays["a"].reshape(200, 1, -1).astype(float)
    nearest = np.square(asked - means).sum(2).argmin(1)
    assert (nearest == test.arrays["a_digit"]).mean() > 0.5


@pytest.mark.parametrize(
    ("config", "counts"),
    [
        (PhotoPairsConfig(source="photo-pairs"), {"source": 1334, "target": 1334}),
        (DigitDomainsConfig(source="digit-domains", split="all"), {"a": 901, "b": 896}),
        (FontDigitsConfig(source="font-digits", count=30), {"a": 30, "b": 1437}),
        (ColouredDigitsConfig(source="coloured-digits"), {}),
    ],
    ids=lambda value: getattr(value, "source", ""),
)
def test_surveys(config: SourceConfig, counts: dict[str, int]) -> None:
    survey = open_source(config).survey()
    assert {key: part.count for key, part in survey.parts.items()} == counts
    assert survey.count == (sum(counts.values()) or 1437)
    assert survey.problems == ()
