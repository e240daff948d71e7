"""The two photographs that scikit-learn brings, 427x640 in colour, cut into patches (CC BY 2.0, by their README)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from gancli.data import pack
from gancli.data.pack import too_small
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.arrays import Arrays, pack_arrays, survey_arrays
from gancli.data.sources.combine import combine_pairs, combine_summaries
from gancli.data.sources.config import PhotographsConfig, PhotoPairsConfig, PhotosConfig
from gancli.data.sources.digits import bundled
from gancli.data.sources.listing import check_root, identity
from gancli.data.sources.splits import find_side
from gancli.errors import DataError
from gancli.io import decode
from gancli.io.resize import Size, as_size
from gancli.io.types import Bytes, Progress

_NAMES = ("china", "flower")

_RESOLUTION = 64

_TEST_FROM = 512  # the column where the right fifth begins


class PhotosSource(Source[PhotosConfig]):
    """Patches on a regular grid, at the photographs' own scale, labelled "china" and "flower".

    Train patches lie left of column 512, test patches right of it; `all` also takes those across it.
    """

    def read(self, progress: Progress | None = None) -> PackedDataset:
        return pack_arrays(cut(photographs(self.config.split), self.config), self.config)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        return survey_arrays(cut(photographs(self.config.split), self.config), self.config.source)


def photographs(split: str) -> list[Bytes]:
    """The part of each photograph that is train, test or all, (H, W, 3)."""
    parts = []
    for name in _NAMES:
        with Image.open(bundled(f"images/{name}.jpg")) as image:
            pixels = np.asarray(image.convert("RGB"))
        parts.append({"train": pixels[:, :_TEST_FROM], "test": pixels[:, _TEST_FROM:], "all": pixels}[split])
    return parts


def cut(pictures: Sequence[Bytes], config: PhotosConfig) -> Arrays:
    """Patches (N, C, h, w) of pictures (H, W, C), one for each photograph, which is their label.

    Raises:
        DataError: a patch is larger than a picture.
    """
    size = as_size(config.resolution) or (_RESOLUTION, _RESOLUTION)
    stride = config.stride or max(1, min(size) // 4)
    patches = [_patches(pixels, size, stride, config) for pixels in pictures]
    labels = np.repeat(np.arange(len(_NAMES), dtype=np.int64), [len(part) for part in patches])
    return Arrays(np.concatenate(patches), labels, _NAMES)


def _patches(pixels: Bytes, size: Size, stride: int, config: PhotosConfig) -> Bytes:
    height, width, channels = pixels.shape
    if size[0] > height or size[1] > width:
        raise DataError(
            f"patches of {size[0]}x{size[1]} do not fit into the {height}x{width} pixels that the source "
            f"{config.source!r} has for the split {config.split!r}; set a smaller data.resolution"
        )
    windows = np.lib.stride_tricks.sliding_window_view(pixels, size, axis=(0, 1))[::stride, ::stride]
    return np.ascontiguousarray(windows).reshape(-1, channels, *size)


_BLUR = 1.0  # pixels; finer texture than that is no outline

_GAIN = 6.0  # a line is black where the brightness changes by 255 / 6 a pixel


def outlines(photograph: Bytes) -> Bytes:
    """Dark lines on white, (H, W), of a photograph (H, W, 3).

    The first half of Canny (1986): the gradient of the blurred brightness, kept where it is not exceeded by either
    neighbour across the edge. There is no threshold, so a faint edge is a faint line.
    """
    blurred = Image.fromarray(photograph).convert("L").filter(ImageFilter.GaussianBlur(_BLUR))
    grey = np.asarray(blurred, dtype=np.float64)
    down, across = (np.asarray(np.gradient(grey, axis=axis)) for axis in (0, 1))
    strength = np.hypot(down, across)
    thin = np.where(_is_crest(strength, down, across), strength, 0)
    return np.rint(255 - np.clip(thin * _GAIN, 0, 255)).astype(np.uint8)


def _is_crest(
    strength: npt.NDArray[np.float64], down: npt.NDArray[np.float64], across: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Whether each pixel is at least as strong as both neighbours in the direction of its gradient."""
    height, width = strength.shape
    padded = np.pad(strength, 1)
    sector = np.rint(np.arctan2(down, across) / (np.pi / 4)).astype(int) % 4  # of directions an eighth turn apart
    crest = np.zeros((height, width), dtype=bool)
    for number, (row, column) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + row : 1 + row + height, 1 + column : 1 + column + width]
        behind = padded[1 - row : 1 - row + height, 1 - column : 1 - column + width]
        crest |= (sector == number) & (strength >= ahead) & (strength >= behind)
    return crest


class PhotoPairsSource(Source[PhotoPairsConfig]):
    """`source` is 1 channel, of outlines or of grey; `target` the patch itself; `channels` is the target's."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        configs = {"source": self.config.model_copy(update={"channels": None}), "target": self.config}
        parts = {key: pack_arrays(arrays, configs[key]) for key, arrays in self._arrays().items()}
        return combine_pairs(parts, self.config.source)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        source = self.config.source
        return combine_summaries(source, {key: survey_arrays(arrays, source) for key, arrays in self._arrays().items()})

    def _arrays(self) -> dict[str, Arrays]:
        targets = photographs(self.config.split)
        reduced = {"outlines": outlines, "grey": _brightness}[self.config.sources]
        sources = [reduced(photograph)[:, :, None] for photograph in targets]
        return {"source": cut(sources, self.config), "target": cut(targets, self.config)}


def _brightness(photograph: Bytes) -> Bytes:
    """The luma of ITU-R BT.601, (H, W), of a photograph (H, W, 3)."""
    return np.asarray(Image.fromarray(photograph).convert("L"))


_EPOCH = 1_024


class PhotographsSource(Source[PhotographsConfig]):
    """Parts of each photograph come equally often, however large it is: an epoch shows every one so many times that it
    has at least about a thousand samples.

    The built-in photographs are cut at column 512, as those of the source `photos` are.
    """

    def read(self, progress: Progress | None = None) -> PackedDataset:
        packed = self._read(progress, whole=False)
        times = max(1, round(_EPOCH / packed.count))
        cropped = self.config.random_crop is not None
        return replace(packed, epoch=np.tile(np.arange(packed.count), times)) if cropped and times > 1 else packed

    def whole(self, progress: Progress | None = None) -> Mapping[str, PackedDataset]:
        return {"image": self._read(progress, whole=True)}

    def survey(self, progress: Progress | None = None) -> DataSummary:
        if self.config.root is None:
            return survey_arrays(self._bundled(), self.config.source)
        pictures, ignored = self._pictures(self.config.root)
        survey = pack.survey(pictures, self.config.source, ignored, progress)
        problem = self._too_small(pictures)
        return replace(survey, problems=(problem,)) if problem else survey

    def _too_small(self, pictures: pack.Pictures) -> str | None:
        crop = as_size(self.config.random_crop)
        if crop is None or self.config.resolution is not None:
            return None
        sizes = {row: size for row, size in enumerate(pack.sizes(pictures)) if size}
        return too_small(sizes, pictures.name, crop)

    def _read(self, progress: Progress | None, *, whole: bool) -> PackedDataset:
        if self.config.root is None:
            return pack_arrays(self._bundled(), self.config)
        return pack.pack(self._pictures(self.config.root)[0], self.config, progress, whole=whole)

    def _bundled(self) -> Arrays:
        return Arrays(np.stack(photographs(self.config.split)).transpose(0, 3, 1, 2), None, ())

    def _pictures(self, root: Path) -> tuple[pack.Pictures, list[str]]:
        """Those of the split, and the files that are no images."""
        check_root(root)
        side = find_side(root, "", self.config.split, self.config.test_share)
        files = list(side.files.values())
        command = shlex.join(["gan", "data", "check", "photographs", "--set", f"data.root={root}"])
        pictures = pack.Pictures(
            count=len(files),
            name=lambda row: str(root / files[row].path),
            open=lambda row: decode.open_image(root / files[row].path, max_megapixels=self.config.max_megapixels),
            labels=None,
            label_names=(),
            identity=identity(files, self.config.max_megapixels),
            skip=self.config.unreadable == "skip",
            remedy=f"remove it, or set data.unreadable=skip; `{command}` lists all",
        )
        return pictures, list(side.ignored)
