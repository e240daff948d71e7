"""What a family makes of the same small images through time: beside their bicubic enlargements and the originals."""

from __future__ import annotations

import numpy as np
import torch

from gancli.data.source import Packed
from gancli.engine.held import held
from gancli.family import Nets, Upscales
from gancli.nn.imresize import degrade, imresize
from gancli.pictures import Pixels, sheet, to_pixels


class UpscalingSheet:
    """A few training images, evenly spread over the data, made small and enlarged again.

    A row has the bicubic enlargement, the family's, and the original.

    Args:
        family: that upscales.
        packed: the training data.
        rows: how many images.
        device: where the networks are.
    """

    def __init__(self, family: Upscales, packed: Packed, *, rows: int, device: torch.device) -> None:
        self._family, self._packed, self._rows, self._device = family, packed, rows, device

    @property
    def columns(self) -> int:
        return 3

    @torch.no_grad()
    def draw(self, nets: Nets) -> Pixels:
        """The sheet, as a picture (height, width, C)."""
        original = held(self._packed, "image", rows=self._rows, device=self._device)
        small = degrade(original, self._family.scale)
        enlarged = self._family.upscale(nets, small)
        columns = (imresize(small, scale=self._family.scale), enlarged, original)
        rows = np.stack([to_pixels(column) for column in columns], axis=1)
        return sheet(rows.reshape(-1, *rows.shape[2:]), columns=len(columns))
