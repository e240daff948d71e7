"""The handwritten digits that scikit-learn brings: 1,797 grey images of 8x8, by the UCI repository (CC BY 4.0)."""

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

_TRAIN = 1437  # four fifths


class DigitsSource(Source[DigitsConfig]):
    """Train is the first 1,437 digits, test the last 360. Labels are "0" to "9"."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack_arrays(handwritten(self.config.split), self.config)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return survey_arrays(handwritten(self.config.split), self.config.source)


def handwritten(split: str) -> Arrays:
    """The digits of train, test or all, 8x8, with their labels, which are the digits."""
    table = np.loadtxt(bundled("data/digits.csv.gz"), delimiter=",", dtype=np.int64)
    parts = {"train": slice(None, _TRAIN), "test": slice(_TRAIN, None), "all": slice(None)}
    table = table[parts[split]]
    images = (table[:, :64] * 255 + 8) // 16  # 0..16 to 0..255, rounded
    return Arrays(
        images.astype(np.uint8).reshape(-1, 1, 8, 8),
        np.ascontiguousarray(table[:, 64]),
        tuple("0123456789"),
    )


def bundled(name: str) -> Path:
    """A data file of scikit-learn's, found without importing it, which would take more than a second.

    Raises:
        DataError: this installation of scikit-learn lacks it.
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

_LIT = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=np.uint8)

_COLOUR_SEED = 1711_09020


class ColouredDigitsSource(Source[ColouredDigitsConfig]):
    """The label of an image is its colour, drawn at random but always alike; `digit` tells which digit it is."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack_arrays(self._arrays(), self.config)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return survey_arrays(self._arrays(), self.config.source)

    def _arrays(self) -> Arrays:
        digits, count = handwritten(self.config.split), self.config.colours
        assert digits.labels is not None
        colours = np.random.default_rng(_COLOUR_SEED).integers(count, size=len(digits.images))
        images = tint(digits.images, colours, self.config.saturation)
        return Arrays(images, colours, COLOURS[:count], {"digit": digits.labels})


def tint(grey: Bytes, colours: Labels, saturation: float = 1.0) -> Bytes:
    """Grey images (N, 1, H, W) in colours (N,), indices into `COLOURS`: (N, 3, H, W), dark where the grey is dark.

    The largest channel of each pixel is the grey again, so the digit that another colour should show is
    `tint(images.max(1, keepdims=True), others, saturation)`.
    """
    light = 1 - saturation * (1 - _LIT[colours][:, :, None, None].astype(np.float64))
    return np.rint(grey * light).astype(np.uint8)


_KERNEL = (1, 4, 6, 4, 1)  # of the binomial filter, whose sum is 16


class DigitDomainsSource(Source[DigitDomainsConfig]):
    """`a` is every second image of each digit, `b` what `transform` makes of the others; `limit` counts each domain's.

    `a_digit` and `b_digit` tell which digit each is.
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
        """Both before anything is transformed."""
        return {key: _every_second(handwritten(self.config.split), start) for key, start in (("a", 0), ("b", 1))}


def transform(images: Bytes, name: str) -> Bytes:
    """What images (N, C, H, W) of domain a would be in domain b: the mapping that a translation should have found.

    Args:
        images: at the resolution of the data.
        name: `inverted`: 255 - image. `inverted_blurred`: that of the image under a binomial filter of 5x5 pixels, its
            edges continued.
    """
    if name == "inverted":
        return (255 - images).astype(np.uint8)
    total = _summed(_summed(images.astype(np.int64), 2), 3)
    return (255 - (total + 128) // 256).astype(np.uint8)


def _summed(images: np.ndarray, axis: int) -> np.ndarray:
    """Filtered along one axis, 16 times as large."""
    length = images.shape[axis]
    padded = np.pad(images, [(2, 2) if each == axis else (0, 0) for each in range(4)], mode="edge")
    total = np.zeros_like(images)
    for step, weight in enumerate(_KERNEL):
        total += weight * padded.take(range(step, step + length), axis)
    return total


def _every_second(digits: Arrays, start: int) -> Arrays:
    """Of the images of each digit by itself: the file has them in turns, so that every second one would be odd."""
    assert digits.labels is not None
    of_digit = (np.flatnonzero(digits.labels == digit)[start::2] for digit in range(len(digits.label_names)))
    rows = np.sort(np.concatenate(list(of_digit)))
    labels = digits.labels[rows]
    return Arrays(digits.images[rows], labels, digits.label_names, {"digit": labels})


_FONT_SEED = 1612_07828

_PARTS = {"train": (0,), "test": (1,), "all": (0, 1)}  # each split is a draw of its own

_CANVAS = 64  # pixels; drawn at this size, then reduced

_HEIGHTS = (70, 89)  # of the font; a digit takes seven tenths of it, and the handwritten ones all of the image

_STROKES = 5  # thicknesses, of 0 to 4 pixels more than the font's

_SHIFT = 3  # pixels at most, in each direction

_HANDWRITTEN = (8, 8)


class FontDigitsSource(Source[FontDigitsConfig]):
    """`a` is drawn, `b` handwritten; `limit` counts the images of each.

    `a_digit` and `b_digit` tell which digit each is.
    """

    def read(self, progress: Progress | None = None) -> PackedDataset:
        size = as_size(self.config.resolution) or _HANDWRITTEN
        config = self.config.model_copy(update={"resolution": size})
        return combine_pairs(
            {key: pack_arrays(arrays, config) for key, arrays in self._arrays().items()}, config.source
        )

    def survey(self, progress: Progress | None = None) -> DataSummary:
        source = self.config.source
        return combine_summaries(source, {key: survey_arrays(arrays, source) for key, arrays in self._arrays().items()})

    def _arrays(self) -> dict[str, Arrays]:
        draws = [_draw(self.config.count, part) for part in _PARTS[self.config.split]]
        digits = np.concatenate([np.arange(self.config.count, dtype=np.int64) % 10 for _ in draws])
        real = handwritten(self.config.split)
        assert real.labels is not None
        return {
            "a": Arrays(np.concatenate(draws), digits, real.label_names, {"digit": digits}),
            "b": Arrays(real.images, real.labels, real.label_names, {"digit": real.labels}),
        }


def _draw(count: int, part: int) -> np.ndarray:
    """Images (count, 1, 64, 64) of the digits 0, 1, 2, … in turn, white on black."""
    if not features.check("freetype2"):
        raise DataError(
            "Pillow is installed without FreeType, which draws the digits; reinstall it: pip install pillow"
        )
    random = np.random.default_rng([_FONT_SEED, part])
    heights = random.integers(*_HEIGHTS, size=count)
    strokes = random.integers(_STROKES, size=count)
    centres = _CANVAS / 2 + random.integers(-_SHIFT, _SHIFT + 1, size=(count, 2))
    images = np.empty((count, 1, _CANVAS, _CANVAS), dtype=np.uint8)
    for index in range(count):
        image = Image.new("L", (_CANVAS, _CANVAS))
        ImageDraw.Draw(image).text(
            (float(centres[index, 0]), float(centres[index, 1])),
            str(index % 10),
            fill=255,
            font=_font(int(heights[index])),
            anchor="mm",
            stroke_width=int(strokes[index]),
        )
        images[index, 0] = np.asarray(image)
    return images


@cache
def _font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(height)
