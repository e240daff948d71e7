"""Photographs: the two bundled with scikit-learn, 427x640 RGB, as patches or pairs (CC BY 2.0, see their README).

`photo-crops` also reads folders of photographs of any sizes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from gancli.data import pack
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.arrays import Arrays, pack_arrays, survey_arrays
from gancli.data.sources.combine import combine_pairs, combine_summaries
from gancli.data.sources.config import PhotoCropsConfig, PhotoPairsConfig, PhotoPatchesConfig
from gancli.data.sources.digits import sklearn_file
from gancli.data.sources.listing import check_root, encoded_files, skip_remedy
from gancli.data.sources.splits import list_split
from gancli.errors import DataError
from gancli.io.resize import Size, as_size
from gancli.io.types import Bytes, Progress

_NAMES = ("china", "flower")

_DEFAULT_RESOLUTION = 64

_TEST_COLUMN = 512  # start of the right fifth, the test split

_BLUR = 1.0  # standard deviation in pixels; finer texture has no outline

_GAIN = 6.0  # an outline is black if the brightness changes by 255 / 6 per pixel

_EPOCH = 1_024  # approximate number of crops in an epoch of few photographs


class PhotoPatchesSource(Source[PhotoPatchesConfig]):
    """Patches on a regular grid, at the original scale, labelled "china" and "flower".

    Train patches are left of column 512, test patches right of it; `all` also has those that cross it.
    """

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack_arrays(extract_patches(load_photographs(self.config.split), self.config), self.config)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        arrays = extract_patches(load_photographs(self.config.split), self.config)
        return survey_arrays(arrays, self.config.source)


class PhotoPairsSource(Source[PhotoPairsConfig]):
    """`target` is a patch, and `source` its outlines or brightness, with 1 channel; `channels` applies to `target`."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        configs = {"source": self.config.model_copy(update={"channels": None}), "target": self.config}
        parts = {key: pack_arrays(arrays, configs[key]) for key, arrays in self._arrays().items()}
        return combine_pairs(parts, self.config.source)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        source = self.config.source
        return combine_summaries(source, {key: survey_arrays(arrays, source) for key, arrays in self._arrays().items()})

    def _arrays(self) -> dict[str, Arrays]:
        targets = load_photographs(self.config.split)
        convert = {"outlines": outlines, "grey": _luma}[self.config.sources]
        sources = [convert(photograph)[:, :, None] for photograph in targets]
        return {"source": extract_patches(sources, self.config), "target": extract_patches(targets, self.config)}


class PhotoCropsSource(Source[PhotoCropsConfig]):
    """Full photographs. Each is cropped equally often, regardless of its size.

    An epoch repeats the photographs until it has about a thousand samples. The bundled photographs are split at column
    512, like those of `photo-patches`.
    """

    def read(self, progress: Progress | None = None) -> PackedDataset:
        packed = self._read(progress, full_size=False)
        repeats = max(1, round(_EPOCH / packed.count))
        if self.config.random_crop is None or repeats == 1:
            return packed
        return replace(packed, epoch=np.tile(np.arange(packed.count), repeats))

    def whole(self, progress: Progress | None = None) -> Mapping[str, PackedDataset]:
        return {"image": self._read(progress, full_size=True)}

    def survey(self, progress: Progress | None = None) -> DataSummary:
        if self.config.root is None:
            return survey_arrays(self._bundled(), self.config.source)
        encoded, ignored = self._encoded(self.config.root)
        summary = pack.summarize(encoded, self.config, ignored, progress)
        problem = self._undersized(encoded)
        return replace(summary, problems=(problem,)) if problem else summary

    def _undersized(self, encoded: pack.EncodedImages) -> str | None:
        crop = as_size(self.config.random_crop)
        if crop is None or self.config.resolution is not None:
            return None
        sizes = {row: size for row, size in enumerate(pack.sizes(encoded)) if size}
        return pack.undersized_message(sizes, encoded.name, crop)

    def _read(self, progress: Progress | None, *, full_size: bool) -> PackedDataset:
        if self.config.root is None:
            return pack_arrays(self._bundled(), self.config)
        return pack.pack(self._encoded(self.config.root)[0], self.config, progress, full_size=full_size)

    def _bundled(self) -> Arrays:
        return Arrays(np.stack(load_photographs(self.config.split)).transpose(0, 3, 1, 2), None, ())

    def _encoded(self, root: Path) -> tuple[pack.EncodedImages, list[str]]:
        """Return the images of the split, and the ignored files."""
        config = self.config
        check_root(root)
        folder = list_split(root, "", config.split, config.test_share)
        encoded = encoded_files(
            root,
            list(folder.files.values()),
            max_megapixels=config.max_megapixels,
            skip=config.unreadable == "skip",
            remedy=skip_remedy(config.source, "--set", f"data.root={root}"),
        )
        return encoded, list(folder.ignored)


def load_photographs(split: str) -> list[Bytes]:
    """Load the bundled photographs, (H, W, 3); each is split at column 512."""
    parts = []
    for name in _NAMES:
        with Image.open(sklearn_file(f"images/{name}.jpg")) as image:
            pixels = np.asarray(image.convert("RGB"))
        parts.append({"train": pixels[:, :_TEST_COLUMN], "test": pixels[:, _TEST_COLUMN:], "all": pixels}[split])
    return parts


def extract_patches(photographs: Sequence[Bytes], config: PhotoPatchesConfig) -> Arrays:
    """Extract patches (N, C, h, w) from photographs (H, W, C), labelled by photograph.

    Raises:
        DataError: a patch is larger than a photograph.
    """
    size = as_size(config.resolution) or (_DEFAULT_RESOLUTION, _DEFAULT_RESOLUTION)
    stride = config.stride or max(1, min(size) // 4)
    patches = [_patches(pixels, size, stride, config) for pixels in photographs]
    labels = np.repeat(np.arange(len(_NAMES), dtype=np.int64), [len(part) for part in patches])
    return Arrays(np.concatenate(patches), labels, _NAMES)


def _patches(pixels: Bytes, size: Size, stride: int, config: PhotoPatchesConfig) -> Bytes:
    height, width, channels = pixels.shape
    if size[0] > height or size[1] > width:
        raise DataError(
            f"patches of {size[0]}x{size[1]} are larger than the {height}x{width} images of the source "
            f"{config.source!r} with the split {config.split!r}; set a smaller data.resolution"
        )
    windows = np.lib.stride_tricks.sliding_window_view(pixels, size, axis=(0, 1))[::stride, ::stride]
    return np.ascontiguousarray(windows).reshape(-1, channels, *size)


def outlines(photograph: Bytes) -> Bytes:
    """Return the outlines of a photograph (H, W, 3) as dark lines on white, (H, W).

    They are the first half of Canny (1986): the gradient of the blurred brightness, where it is a maximum across the
    edge. There is no threshold, so faint edges become faint lines.
    """
    blurred = Image.fromarray(photograph).convert("L").filter(ImageFilter.GaussianBlur(_BLUR))
    grey = np.asarray(blurred, dtype=np.float64)
    vertical, horizontal = (np.asarray(np.gradient(grey, axis=axis)) for axis in (0, 1))
    magnitude = np.hypot(vertical, horizontal)
    thinned = np.where(_local_maxima(magnitude, vertical, horizontal), magnitude, 0)
    return np.rint(255 - np.clip(thinned * _GAIN, 0, 255)).astype(np.uint8)


def _local_maxima(
    magnitude: npt.NDArray[np.float64], vertical: npt.NDArray[np.float64], horizontal: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Return the pixels whose magnitude is at least that of both neighbours along the gradient."""
    height, width = magnitude.shape
    padded = np.pad(magnitude, 1)
    sector = np.rint(np.arctan2(vertical, horizontal) / (np.pi / 4)).astype(int) % 4  # in steps of 45 degrees
    maxima = np.zeros((height, width), dtype=bool)
    for number, (row, column) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + row : 1 + row + height, 1 + column : 1 + column + width]
        behind = padded[1 - row : 1 - row + height, 1 - column : 1 - column + width]
        maxima |= (sector == number) & (magnitude >= ahead) & (magnitude >= behind)
    return maxima


def _luma(photograph: Bytes) -> Bytes:
    """Return the luma of ITU-R BT.601, (H, W), of a photograph (H, W, 3)."""
    return np.asarray(Image.fromarray(photograph).convert("L"))
