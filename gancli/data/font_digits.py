"""Synthetic and real images without a download: digits drawn with a font, and handwritten ones.

The font is the one that Pillow ships. Another version of it may draw other pixels, which the fingerprint then tells.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from gancli.data.arrays import Arrays, pack_arrays, survey_arrays
from gancli.data.config import FontDigitsConfig
from gancli.data.digits import handwritten
from gancli.data.joining import join, join_surveys
from gancli.data.resizing import as_size
from gancli.data.source import Packed, Progress, Source, Survey
from gancli.errors import DataError

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

    def read(self, progress: Progress | None = None) -> Packed:
        size = as_size(self.config.resolution) or _HANDWRITTEN
        config = self.config.model_copy(update={"resolution": size})
        return join({key: pack_arrays(arrays, config) for key, arrays in self._arrays().items()}, config.source)

    def survey(self, progress: Progress | None = None) -> Survey:
        source = self.config.source
        return join_surveys(source, {key: survey_arrays(arrays, source) for key, arrays in self._arrays().items()})

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
