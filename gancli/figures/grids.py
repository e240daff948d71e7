"""What a family makes of the same images through time: input beside output, and beside the truth where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gancli.data.source import PackedDataset
from gancli.family.context import Nets
from gancli.family.tasks import Translates, Upscales
from gancli.io.images import Pixels, sheet, to_pixels
from gancli.nn.imresize import degrade, imresize

HeatMap = npt.NDArray[np.float32]


class TranslationGrid:
    """A few training images, evenly spread over the data, and their translations.

    A row has one image of every key that the family reads, each followed by its translations to every domain, and by
    what should have come out where the data are pairs.

    Args:
        family: that translates.
        packed: the training data.
        rows: images of each key.
        device: where the networks are.
    """

    def __init__(self, family: Translates, packed: PackedDataset, *, rows: int, device: torch.device) -> None:
        self._family, self._packed, self._rows, self._device = family, packed, rows, device

    @property
    def columns(self) -> int:
        """How many images a row has."""
        ways = list(self._family.translations())
        inputs = sum(1 for _ in groupby(ways, key=lambda way: way.reads))
        return inputs + len(ways) + sum(way.truth is not None for way in ways)

    @torch.no_grad()
    def draw(self, nets: Nets) -> Pixels:
        """The sheet, as a picture (height, width, C)."""
        columns: list[Pixels] = []
        for reads, ways in groupby(self._family.translations(), key=lambda way: way.reads):
            inputs, several = self._held(reads), list(ways)
            columns.append(to_pixels(inputs))
            for way in several:
                columns.append(to_pixels(self._family.translate(nets, inputs, way.to)))
                if way.truth is not None:
                    columns.append(to_pixels(self._held(way.truth)))
        rows = np.stack(_alike(columns), axis=1)
        return sheet(rows.reshape(-1, *rows.shape[2:]), columns=len(columns))

    def _held(self, key: str) -> Tensor:
        return preview_batch(self._packed, key, rows=self._rows, device=self._device)


def _alike(columns: Sequence[Pixels]) -> list[Pixels]:
    """Columns of images (N, H, W, C) with as many channels and rows each."""
    channels = max(column.shape[3] for column in columns)
    count = min(len(column) for column in columns)
    return [_with_channels(column[:count], channels) for column in columns]


def _with_channels(pixels: Pixels, channels: int) -> Pixels:
    if pixels.shape[3] == 1 and channels > 1:
        pixels = pixels.repeat(3, axis=3)
    if pixels.shape[3] == 3 and channels == 4:
        pixels = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=3)
    return pixels


def preview_batch(packed: PackedDataset, key: str, *, rows: int, device: torch.device) -> Tensor:
    """Images (N, C, H, W) in [-1, 1], evenly spread over the data, cut from the middle where training cuts at random.

    Args:
        packed: the training data.
        key: that they lie under.
        rows: N, unless there are fewer.
        device: where they go.
    """
    images, (_, height, width) = packed.stored(key), packed.spec.shape_of(key)
    places = np.linspace(0, len(images) - 1, min(rows, len(images))).round().astype(int)
    chosen = np.stack([_middle(images[place], height, width) for place in places.tolist()])
    return torch.from_numpy(chosen).to(device, torch.float32) / 127.5 - 1


def _middle(image: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
    return image[:, top : top + height, left : left + width]


class UpscalingGrid:
    """A few training images, evenly spread over the data, made small and enlarged again.

    A row has the bicubic enlargement, the family's, and the original.

    Args:
        family: that upscales.
        packed: the training data.
        rows: how many images.
        device: where the networks are.
    """

    def __init__(self, family: Upscales, packed: PackedDataset, *, rows: int, device: torch.device) -> None:
        self._family, self._packed, self._rows, self._device = family, packed, rows, device

    @property
    def columns(self) -> int:
        return 3

    @torch.no_grad()
    def draw(self, nets: Nets) -> Pixels:
        """The sheet, as a picture (height, width, C)."""
        original = preview_batch(self._packed, "image", rows=self._rows, device=self._device)
        small = degrade(original, self._family.scale)
        enlarged = self._family.upscale(nets, small)
        columns = (imresize(small, scale=self._family.scale), enlarged, original)
        rows = np.stack([to_pixels(column) for column in columns], axis=1)
        return sheet(rows.reshape(-1, *rows.shape[2:]), columns=len(columns))


def heat_map_grid(image: Pixels, nearest: Pixels, heat: HeatMap, *, hottest: float) -> Pixels:
    """One picture (height, width, 3).

    Args:
        image: (H, W, C); opacity is left out.
        nearest: likewise.
        heat: (H, W), at least 0.
        hottest: the heat that is white, and all above it; for images to be compared, the same for all.
    """
    return sheet(np.stack([_coloured(image), _coloured(nearest), heat_to_rgb(heat / hottest)]), columns=3)


def heat_to_rgb(heat: HeatMap) -> Pixels:
    """HeatMap (H, W) as the colours (H, W, 3) of a glowing body: black at 0, red at a third, yellow at two, white at 1."""
    steps = 3 * heat[..., None] - np.arange(3, dtype=np.float32)
    colours: Pixels = (steps.clip(0, 1) * 255).round().astype(np.uint8)
    return colours


def _coloured(image: Pixels) -> Pixels:
    return image.repeat(3, axis=2) if image.shape[2] == 1 else image[..., :3]
