"""Labelled domains without a download: digits in colours, so that what should change and what should not is known."""

from __future__ import annotations

import numpy as np

from gancli.data.arrays import Arrays, pack_arrays, survey_arrays
from gancli.data.config import ColouredDigitsConfig
from gancli.data.digits import handwritten
from gancli.data.source import Bytes, Labels, Packed, Progress, Source, Survey

COLOURS = ("red", "green", "blue", "yellow", "magenta", "cyan")

_LIT = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=np.uint8)
_COLOUR_SEED = 1711_09020


class ColouredDigitsSource(Source[ColouredDigitsConfig]):
    """The label of an image is its colour, drawn at random but always alike; `digit` tells which digit it is."""

    def read(self, progress: Progress | None = None) -> Packed:
        return pack_arrays(self._arrays(), self.config)

    def survey(self, progress: Progress | None = None) -> Survey:
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
