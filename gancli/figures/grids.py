"""Grids of images: previews during training, anomaly heat maps, and the growth of a progressively growing network."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from PIL.Image import DecompressionBombError
from torch import Tensor

from gancli.data.source import PackedDataset
from gancli.errors import DataError
from gancli.family.context import Context, Nets
from gancli.family.tasks import Samples, Translates, Upscales
from gancli.io.images import (
    GAP,
    METADATA_KEY,
    MIN_SIDE,
    Pixels,
    grey_to_rgb,
    make_grid,
    normalize,
    to_pixels,
    write_png,
)
from gancli.io.input_files import open_regular
from gancli.nn.imresize import degrade, imresize
from gancli.runs.run import Run

HeatMap = npt.NDArray[np.float32]

PREVIEW_SEED = 20_140_610
"""Seed of latents and noise in previews, independent of the training seed, so that runs can be compared."""

COLUMNS, MAX_LABEL_COLUMNS = 8, 16

GROWTH_FIGURE = "growing.png"

MAX_GROWTH_SIDE = 256
"""Images with a longer side are reduced in the growth figure."""


class SampleGrid:
    """Samples of fixed latent vectors; a family that reads labels shows one label in each column.

    Args:
        family: family that samples.
        packed: training data.
        rows: number of rows.
        device: device of the networks.
        labels: number of labels that the family reads; 0 for none.
    """

    def __init__(
        self, family: Samples, packed: PackedDataset, *, rows: int, device: torch.device, labels: int = 0
    ) -> None:
        self._family, self._rows, self._device, self._labels = family, rows, device, labels
        self.resolution = packed.spec.height, packed.spec.width
        self.columns = min(labels, MAX_LABEL_COLUMNS) or COLUMNS

    @torch.no_grad()
    def render(self, nets: Nets) -> Pixels:
        """Return the grid as an image (height, width, C)."""
        generator = torch.Generator(self._device).manual_seed(PREVIEW_SEED)
        z = self._family.latent(self.columns * self._rows, Context(device=self._device, generator=generator))
        label = torch.arange(self.columns, device=self._device).repeat(self._rows) if self._labels else None
        images = self._family.sample(nets, z, label)
        self.resolution = images.shape[2], images.shape[3]
        return make_grid(to_pixels(images), columns=self.columns)


class _DataGrid:
    """A grid with one row per training image; the images are evenly spaced over the data.

    Args:
        family: family that processes the images.
        packed: training data.
        rows: number of rows.
        device: device of the networks.
    """

    def __init__(self, family: Any, packed: PackedDataset, *, rows: int, device: torch.device) -> None:
        self._family, self._packed, self._rows, self._device = family, packed, rows, device

    @property
    def resolution(self) -> tuple[int, int]:
        """Height and width of an image."""
        return self._packed.spec.height, self._packed.spec.width

    def _batch(self, key: str) -> Tensor:
        return preview_batch(self._packed, key, rows=self._rows, device=self._device)


class TranslationGrid(_DataGrid):
    """Training images and their translations.

    A row has one image of each input key, followed by its translation to each domain and, for paired data, by the
    ground truth of the translation.
    """

    _family: Translates

    @property
    def columns(self) -> int:
        """Number of images in a row."""
        translations = list(self._family.translations())
        inputs = sum(1 for _ in groupby(translations, key=lambda translation: translation.reads))
        return inputs + len(translations) + sum(translation.truth is not None for translation in translations)

    @torch.no_grad()
    def render(self, nets: Nets) -> Pixels:
        """Return the grid as an image (height, width, C)."""
        torch.manual_seed(PREVIEW_SEED)
        columns: list[Pixels] = []
        for key, translations in groupby(self._family.translations(), key=lambda translation: translation.reads):
            inputs = self._batch(key)
            columns.append(to_pixels(inputs))
            for translation in translations:
                columns.append(to_pixels(self._family.translate(nets, inputs, translation.to)))
                if translation.truth is not None:
                    columns.append(to_pixels(self._batch(translation.truth)))
        return _interleave(columns)


class UpscalingGrid(_DataGrid):
    """Training images, downscaled and upscaled again: a row has bicubic upscaling, the model's, and the original."""

    _family: Upscales
    columns = 3

    @torch.no_grad()
    def render(self, nets: Nets) -> Pixels:
        """Return the grid as an image (height, width, C)."""
        torch.manual_seed(PREVIEW_SEED)
        original = self._batch("image")
        small = degrade(original, self._family.scale)
        upscaled = self._family.upscale(nets, small)
        return _interleave(
            [to_pixels(images) for images in (imresize(small, scale=self._family.scale), upscaled, original)]
        )


def preview_batch(packed: PackedDataset, key: str, *, rows: int, device: torch.device) -> Tensor:
    """Return images (N, C, H, W) in [-1, 1], evenly spaced over the data; the centre is used where training crops.

    Args:
        packed: training data.
        key: batch key of the images.
        rows: N, unless there are fewer images.
        device: device of the result.
    """
    images, (_, height, width) = packed.stored(key), packed.spec.shape_of(key)
    indices = np.linspace(0, len(images) - 1, min(rows, len(images))).round().astype(int)
    crops = np.stack([_center_crop(images[index], height, width) for index in indices.tolist()])
    return normalize(torch.from_numpy(crops).to(device))


def heat_map_grid(image: Pixels, nearest: Pixels, heat: HeatMap, *, hottest: float) -> Pixels:
    """Return one image (height, width, 3) of an image, the nearest image that the model can generate, and the heat map.

    Args:
        image: (H, W, C); alpha is dropped.
        nearest: (H, W, C); alpha is dropped.
        heat: (H, W), at least 0.
        hottest: heat shown as white; use the same value for images that are compared.
    """
    rgb = [grey_to_rgb(pixels)[..., :3] for pixels in (image, nearest)]
    return make_grid(np.stack([*rgb, heat_to_rgb(heat / hottest)]), columns=3)


def heat_to_rgb(heat: HeatMap) -> Pixels:
    """Return heat (H, W) as colours (H, W, 3): black at 0, red at 1/3, yellow at 2/3, white from 1 on."""
    steps = 3 * heat[..., None] - np.arange(3, dtype=np.float32)
    colours: Pixels = (steps.clip(0, 1) * 255).round().astype(np.uint8)
    return colours


def write_growth(run: Run, images: int, *, columns: int, metadata: Mapping[str, Any]) -> None:
    """Write `growing.png`, with one row per resolution: the same latents in the last preview of that resolution.

    The rows are read from `samples/`, so that the figure is complete for a resumed run.

    Args:
        run: run directory.
        images: training images shown; later previews, left by a resumed run, are ignored.
        columns: number of images in a row of a preview.
        metadata: PNG metadata of the last preview.

    Raises:
        DiskError: the file cannot be written.
    """
    rows: dict[tuple[int, int], Pixels] = {}
    for position, path in run.previews().items():
        if position <= images and (row := _first_row(path, columns)) is not None:
            rows[row.shape[1:3]] = row
    if len(rows) > 1:
        height, width = max(rows)
        scale = min(float(math.ceil(MIN_SIDE / min(height, width))), MAX_GROWTH_SIDE / max(height, width))
        size = round(height * scale), round(width * scale)
        cells = np.concatenate([_resize(rows[resolution], size) for resolution in sorted(rows)])
        shown = [f"{height}x{width}" for height, width in sorted(rows)]
        write_png(run.path / GROWTH_FIGURE, make_grid(cells, columns=columns), metadata={**metadata, "shown": shown})


def _interleave(columns: Sequence[Pixels]) -> Pixels:
    """Return a grid whose columns are the given images (N, H, W, C), converted to equal channels and equal N."""
    channels = max(column.shape[3] for column in columns)
    count = min(len(column) for column in columns)
    rows = np.stack([_with_channels(column[:count], channels) for column in columns], axis=1)
    return make_grid(rows.reshape(-1, *rows.shape[2:]), columns=len(columns))


def _with_channels(pixels: Pixels, channels: int) -> Pixels:
    if channels > 1:
        pixels = grey_to_rgb(pixels)
    if pixels.shape[3] == 3 and channels == 4:
        pixels = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=3)
    return pixels


def _center_crop(image: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
    return image[:, top : top + height, left : left + width]


def _first_row(path: Path, columns: int) -> Pixels | None:
    """Return the first images (columns, H, W, C) of a preview, not magnified; None if the file is not a preview."""
    try:
        with open_regular(path) as handle, Image.open(handle, formats=["PNG"]) as image:
            height, width = json.loads(image.info[METADATA_KEY])["resolution"]
            resolution = int(height), int(width)
            pixels = np.asarray(image)
    except (OSError, DataError, SyntaxError, ValueError, KeyError, TypeError, RecursionError, DecompressionBombError):
        return None
    if min(resolution) < 1 or max(resolution) > max(pixels.shape[:2]):
        return None
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    width = (pixels.shape[1] - GAP) // columns - GAP  # of a magnified image
    height = width * resolution[0] // resolution[1]
    cells = [pixels[GAP : GAP + height, GAP + (width + GAP) * index :][:, :width] for index in range(columns)]
    step = max(1, width // resolution[1])
    return np.stack(cells)[:, ::step, ::step]


def _resize(images: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize images (N, H, W, C), with sharp pixels if they become larger."""
    larger = size[0] >= images.shape[1]
    method = Image.Resampling.NEAREST if larger else Image.Resampling.LANCZOS
    resized = []
    for pixels in images:
        image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        resized.append(np.asarray(image.resize(size[::-1], method)).reshape(*size, pixels.shape[2]))
    return np.stack(resized)
