"""The two photographs that scikit-learn brings, 427x640 in colour, cut into patches (CC BY 2.0, by their README)."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gancli.data.arrays import Arrays, pack_arrays, survey_arrays
from gancli.data.config import PhotosConfig
from gancli.data.digits import bundled
from gancli.data.resizing import Size, as_size
from gancli.data.source import Bytes, Packed, Progress, Source, Survey
from gancli.errors import DataError

_NAMES = ("china", "flower")
_RESOLUTION = 64
_TEST_FROM = 512  # the column where the right fifth begins


class PhotosSource(Source[PhotosConfig]):
    """Patches on a regular grid, at the photographs' own scale, labelled "china" and "flower".

    Train patches lie left of column 512, test patches right of it; `all` also takes those across it.
    """

    def read(self, progress: Progress | None = None) -> Packed:
        return pack_arrays(self._arrays(), self.config)

    def survey(self, progress: Progress | None = None) -> Survey:
        return survey_arrays(self._arrays(), self.config.source)

    def _arrays(self) -> Arrays:
        size = as_size(self.config.resolution) or (_RESOLUTION, _RESOLUTION)
        stride = self.config.stride or max(1, min(size) // 4)
        patches = []
        for name in _NAMES:
            with Image.open(bundled(f"images/{name}.jpg")) as image:
                pixels = np.asarray(image.convert("RGB"))
            part = {"train": pixels[:, :_TEST_FROM], "test": pixels[:, _TEST_FROM:], "all": pixels}[self.config.split]
            patches.append(self._cut(part, size, stride))
        labels = np.repeat(np.arange(len(_NAMES), dtype=np.int64), [len(part) for part in patches])
        return Arrays(np.concatenate(patches), labels, _NAMES)

    def _cut(self, pixels: Bytes, size: Size, stride: int) -> Bytes:
        height, width = pixels.shape[:2]
        if size[0] > height or size[1] > width:
            raise DataError(
                f"patches of {size[0]}x{size[1]} do not fit into the {height}x{width} pixels that the source 'photos' "
                f"has for the split {self.config.split!r}; set a smaller data.resolution"
            )
        windows = np.lib.stride_tricks.sliding_window_view(pixels, size, axis=(0, 1))[::stride, ::stride]
        return np.ascontiguousarray(windows).reshape(-1, 3, *size)
