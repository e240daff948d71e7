"""The 1,797 handwritten digits bundled with scikit-learn, 8x8 grey, from the UCI repository (CC BY 4.0).

Datasets derived from them need no download either: digits in colours, two domains with a known mapping, and digits
rendered in a font. The font is Pillow's default; another version of it may render other pixels, which changes the
fingerprint.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.arrays import Arrays, pack_arrays, survey_arrays
from gancli.data.sources.combine import combine_pairs, combine_summaries
from gancli.data.sources.config import ColouredDigitsConfig, DigitDomainsConfig, DigitsConfig, FontDigitsConfig
from gancli.errors import DataError
from gancli.io.resize import as_size
from gancli.io.types import Bytes, Labels, Progress

_TRAIN = 1437  # images, four fifths


class DigitsSource(Source[DigitsConfig]):
    """Train is the first 1,437 digits, test the last 360. Labels are "0" to "9"."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack_arrays(load_digits(self.config.split), self.config)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return survey_arrays(load_digits(self.config.split), self.config.source)


def load_digits(split: str) -> Arrays:
    """Load the digits of train, test or all, 8x8; the labels are the digits."""
    table = np.loadtxt(sklearn_file("data/digits.csv.gz"), delimiter=",", dtype=np.int64)
    parts = {"train": slice(None, _TRAIN), "test": slice(_TRAIN, None), "all": slice(None)}
    table = table[parts[split]]
    images = (table[:, :64] * 255 + 8) // 16  # 0..16 to 0..255, rounded
    return Arrays(
        images.astype(np.uint8).reshape(-1, 1, 8, 8),
        np.ascontiguousarray(table[:, 64]),
        tuple("0123456789"),
    )


def sklearn_file(name: str) -> Path:
    """Return the path of a data file of scikit-learn, without importing it, which takes more than a second.

    Raises:
        DataError: the installed scikit-learn does not have the file.
    """
    package = find_spec("sklearn")
    for folder in (package.submodule_search_locations or []) if package else []:
        path = Path(folder, "datasets", name)
        if path.is_file():
            return path
    raise DataError(
        f"scikit-learn is installed without its {name}; reinstall it: pip install --force-reinstall scikit-learn"
    )


COLOURS = ("red", "green", "blue", "yellow", "magenta", "cyan")

_RGB = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=np.uint8)

_COLOUR_SEED = 1711_09020


class ColouredDigitsSource(Source[ColouredDigitsConfig]):
    """The label of an image is its colour, chosen at random with a fixed seed; `digit` is its digit."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack_arrays(self._arrays(), self.config)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return survey_arrays(self._arrays(), self.config.source)

    def _arrays(self) -> Arrays:
        digits, count = load_digits(self.config.split), self.config.colours
        assert digits.labels is not None
        colours = np.random.default_rng(_COLOUR_SEED).integers(count, size=len(digits.images))
        images = tint(digits.images, colours, self.config.saturation)
        return Arrays(images, colours, COLOURS[:count], {"digit": digits.labels})


def tint(grey: Bytes, colours: Labels, saturation: float = 1.0) -> Bytes:
    """Colour grey images (N, 1, H, W) by indices into `COLOURS`, (N,), on black; returns (N, 3, H, W).

    The largest channel of each pixel equals the grey value, so the same digit in another colour is
    `tint(images.max(1, keepdims=True), other_colours, saturation)`.
    """
    factors = 1 - saturation * (1 - _RGB[colours][:, :, None, None].astype(np.float64))
    return np.rint(grey * factors).astype(np.uint8)


_KERNEL = (1, 4, 6, 4, 1)  # binomial filter, with the sum 16


class DigitDomainsSource(Source[DigitDomainsConfig]):
    """`a` has every second image of each digit, `b` the others after `transform`; `limit` applies to each domain.

    `a_digit` and `b_digit` are their digits.
    """

    def read(self, progress: Progress | None = None) -> PackedDataset:
        parts = {key: pack_arrays(arrays, self.config) for key, arrays in self._halves().items()}
        name, b = self.config.transform, parts["b"]
        fingerprint = hashlib.sha256(f"{name} {b.fingerprint}".encode()).hexdigest()
        images = transform(b.images.astype(np.uint8), name)
        parts["b"] = replace(b, arrays={**b.arrays, "image": images}, fingerprint=fingerprint)
        return combine_pairs(parts, self.config.source)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        source = self.config.source
        return combine_summaries(source, {key: survey_arrays(arrays, source) for key, arrays in self._halves().items()})

    def _halves(self) -> dict[str, Arrays]:
        """Return both domains before the transformation."""
        return {key: _every_second(load_digits(self.config.split), start) for key, start in (("a", 0), ("b", 1))}


def transform(images: Bytes, name: str) -> Bytes:
    """Map images (N, C, H, W) of domain a to domain b: the ground truth of a translation.

    Args:
        images: images at the resolution of the dataset.
        name: `inverted`: 255 - image; `inverted_blurred`: the same after a binomial filter of 5x5 pixels with edge
            padding.
    """
    if name == "inverted":
        return (255 - images).astype(np.uint8)
    total = _filter_axis(_filter_axis(images.astype(np.int64), 2), 3)
    return (255 - (total + 128) // 256).astype(np.uint8)


def _filter_axis(images: np.ndarray, axis: int) -> np.ndarray:
    """Filter along one axis; the result is not divided by 16."""
    length = images.shape[axis]
    padded = np.pad(images, [(2, 2) if axis == other else (0, 0) for other in range(4)], mode="edge")
    total = np.zeros_like(images)
    for offset, weight in enumerate(_KERNEL):
        total += weight * padded.take(range(offset, offset + length), axis)
    return total


def _every_second(digits: Arrays, start: int) -> Arrays:
    """Select every second image of each digit. Digits alternate in the file, so every second row would be biased."""
    assert digits.labels is not None
    rows_of_digits = (np.flatnonzero(digits.labels == digit)[start::2] for digit in range(len(digits.label_names)))
    rows = np.sort(np.concatenate(list(rows_of_digits)))
    labels = digits.labels[rows]
    return Arrays(digits.images[rows], labels, digits.label_names, {"digit": labels})


_FONT_SEED = 1612_07828

_STREAMS = {"train": (0,), "test": (1,), "all": (0, 1)}  # random streams of each split

_CANVAS = 64  # side in pixels at which digits are rendered, before they are reduced

_FONT_SIZES = (70, 89)  # a rendered digit has 0.7 of the font size; handwritten digits fill the image

_STROKES = 5  # number of stroke widths, 0 to 4 pixels added to the font's

_SHIFT = 3  # largest offset in pixels, in each direction

_HANDWRITTEN_SIZE = (8, 8)


class FontDigitsSource(Source[FontDigitsConfig]):
    """`a` has rendered digits, `b` handwritten ones; `limit` applies to each domain.

    `a_digit` and `b_digit` are their digits.
    """

    def read(self, progress: Progress | None = None) -> PackedDataset:
        size = as_size(self.config.resolution) or _HANDWRITTEN_SIZE
        config = self.config.model_copy(update={"resolution": size})
        return combine_pairs(
            {key: pack_arrays(arrays, config) for key, arrays in self._arrays().items()}, config.source
        )

    def survey(self, progress: Progress | None = None) -> DataSummary:
        source = self.config.source
        return combine_summaries(source, {key: survey_arrays(arrays, source) for key, arrays in self._arrays().items()})

    def _arrays(self) -> dict[str, Arrays]:
        rendered = [_render_digits(self.config.count, stream) for stream in _STREAMS[self.config.split]]
        digits = np.concatenate([np.arange(self.config.count, dtype=np.int64) % 10 for _ in rendered])
        real = load_digits(self.config.split)
        assert real.labels is not None
        return {
            "a": Arrays(np.concatenate(rendered), digits, real.label_names, {"digit": digits}),
            "b": Arrays(real.images, real.labels, real.label_names, {"digit": real.labels}),
        }


def _render_digits(count: int, stream: int) -> np.ndarray:
    """Render images (count, 1, 64, 64) of the digits 0, 1, 2, … in turn, white on black."""
    if not features.check("freetype2"):
        raise DataError(
            "Pillow is installed without FreeType, which renders the digits; reinstall it: pip install pillow"
        )
    random = np.random.default_rng([_FONT_SEED, stream])
    sizes = random.integers(*_FONT_SIZES, size=count)
    strokes = random.integers(_STROKES, size=count)
    centres = _CANVAS / 2 + random.integers(-_SHIFT, _SHIFT + 1, size=(count, 2))
    images = np.empty((count, 1, _CANVAS, _CANVAS), dtype=np.uint8)
    for index in range(count):
        image = Image.new("L", (_CANVAS, _CANVAS))
        ImageDraw.Draw(image).text(
            (float(centres[index, 0]), float(centres[index, 1])),
            str(index % 10),
            fill=255,
            font=_font(int(sizes[index])),
            anchor="mm",
            stroke_width=int(strokes[index]),
        )
        images[index, 0] = np.asarray(image)
    return images


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
