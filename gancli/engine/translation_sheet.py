"""What a family makes of the same images through time: input beside output, and beside the truth where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from gancli.data.source import Packed
from gancli.engine.held import held
from gancli.family import Nets, Translates
from gancli.pictures import Pixels, sheet, to_pixels


class TranslationSheet:
    """A few training images, evenly spread over the data, and their translations.

    A row has one image of every key that the family reads, each followed by its translations to every domain, and by
    what should have come out where the data are pairs.

    Args:
        family: that translates.
        packed: the training data.
        rows: images of each key.
        device: where the networks are.
    """

    def __init__(self, family: Translates, packed: Packed, *, rows: int, device: torch.device) -> None:
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
        return held(self._packed, key, rows=self._rows, device=self._device)


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
