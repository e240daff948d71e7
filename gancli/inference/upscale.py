"""A trained model's enlargement of one picture of any size, in tiles that fit into the memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property, partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.errors import DataError, NumericalError, UsageError
from gancli.family.tasks import Upscales
from gancli.inference import receptive_field
from gancli.inference.model import Model
from gancli.inference.tiling import Cut, cuts
from gancli.io.types import ImageArray
from gancli.nn.imresize import imresize
from gancli.runtime.device import autocast, choose_memory_format, choose_precision
from gancli.runtime.memory import free

Progress = Callable[[int], None]
"""Told of every tile how many pixels of the picture it brought."""

BUDGET = {"cpu": 1536 * 2**20, "cuda": 2**33}
"""Bytes that a tile may take where more are free: larger ones are no faster, and layers of 2**31 numbers are too large
for some algorithms.
"""

SMALLEST_CORE = 16
"""The least side of what is kept of a tile, in pixels."""

_MULTIPLE = 8  # sides of tiles: blocks of this size are what convolutions are fastest at


class Upscaler:
    """Enlarges pictures one after the other; what it measures of the model, it measures once.

    Args:
        model: of a family that upscales; its networks are laid out in memory as is fastest.
        tile: side of the tiles, margins included; None: as large as half of the free memory allows.
        precision: `auto`, `fp32` or `bf16`. `auto` is bf16 only where that is fast and, on this model, at most half a
            level of 256 off; and never for pictures of 16 bits.
    """

    def __init__(self, model: Model, *, tile: int | None = None, precision: str = "auto") -> None:
        assert isinstance(model.family, Upscales)
        self._family = model.family
        self._model = model
        self._tile = tile
        self._largest: int | None = None
        self._tiled = False
        self._wanted = precision
        self._channels = model.family.data.channels
        for network in model.nets.modules.values():
            network.to(memory_format=choose_memory_format("auto", network, model.device))

    @property
    def scale(self) -> int:
        return self._family.scale

    @property
    def may_show_seams(self) -> bool:
        """Whether tiles were drawn by a network that sees farther than their margins, so that they may not fit."""
        return self._tiled and not self._margin[1]

    @torch.inference_mode()
    def __call__(self, pixels: ImageArray, progress: Progress = lambda _: None) -> ImageArray:
        """A picture (H, W, C) as (H * scale, W * scale, C), of the same type.

        Raises:
            DataError: there is not enough memory even for the smallest tiles.
            NumericalError: what comes out is not finite.
            UsageError: the tile that was asked for is not larger than its margins.
        """
        height, width, channels = pixels.shape
        deep = pixels.dtype == np.uint16
        result = np.empty((height * self.scale, width * self.scale, channels), dtype=pixels.dtype)
        pixels = _seen(pixels) if channels in (2, 4) else pixels
        told = 0
        while True:
            done = 0
            try:
                for cut in self._cuts(height, width):
                    drawn = self._drawn(pixels[cut.rows, cut.columns], deep)
                    result[cut.placed(self.scale)] = _to_levels(drawn[0], deep)[cut.within(self.scale)]
                    done += _area(cut)
                    progress(max(0, done - told))  # a second try begins anew
                    told = max(told, done)
                return result
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not _is_shortage(error):
                    raise
            self._make_smaller(height, width)

    def _cuts(self, height: int, width: int) -> list[Cut]:
        side = self._side(height, width)
        if max(height, width) <= side:
            return list(cuts(height, width, tile=side, margin=0))
        self._tiled = True
        return list(cuts(height, width, tile=side, margin=self._margin[0]))

    def _side(self, height: int, width: int) -> int:
        """Of the tiles; at least the longer side of a picture that needs none."""
        if self._largest is not None:
            return self._largest
        if self._tile is not None:
            if max(height, width) > self._tile < self._least:
                raise UsageError(f"--tile {self._tile} is lost in the margins of tiles; take at least {self._least}")
            return self._tile
        if height * width <= self._affordable:
            return max(height, width)
        return max(self._least, math.isqrt(self._affordable) // _MULTIPLE * _MULTIPLE)

    def _make_smaller(self, height: int, width: int) -> None:
        """Halves the tiles, for this picture and those after it."""
        before = min(self._side(height, width), max(height, width))
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()
        self._largest = max(self._least, before // 2 // _MULTIPLE * _MULTIPLE)
        if self._largest >= before:
            raise DataError(
                f"there is not enough memory even for tiles of {before} pixels; close other programs, or choose a "
                "machine or --device with more"
            )

    @property
    def _least(self) -> int:
        return 2 * self._margin[0] + SMALLEST_CORE

    @cached_property
    def _affordable(self) -> int:
        """How many pixels may go through the network at once."""
        device = self._model.device
        left, most = free(device), BUDGET.get(device.type, BUDGET["cpu"])
        budget = most if left is None else min(most, left // 2)
        networks = self._model.nets.modules.values()
        with torch.inference_mode():
            each = receptive_field.bytes_per_pixel(self._exact, networks, channels=self._channels, device=device)
        return budget // each

    @cached_property
    def _margin(self) -> tuple[int, bool]:
        with torch.inference_mode():
            side = max(3 * SMALLEST_CORE, min(3 * receptive_field.FARTHEST, math.isqrt(self._affordable)))
            return receptive_field.margin(
                self._exact, channels=self._channels, scale=self.scale, device=self._model.device, side=side
            )

    @cached_property
    def _dtype(self) -> torch.dtype:
        """Of arithmetic, for pictures of 8 bits."""
        device = self._model.device
        chosen = choose_precision(self._wanted, device, self._model.nets.modules.values())
        if self._wanted != "auto" or chosen == torch.float32:
            return chosen
        with torch.inference_mode():
            enough = receptive_field.close_enough(
                self._exact, partial(self._apply, chosen), channels=self._channels, device=device
            )
        return chosen if enough else torch.float32

    def _drawn(self, pixels: ImageArray, deep: bool) -> Tensor:
        """A tile (h, w, C) enlarged, (1, C, h * scale, w * scale) in about [-1, 1]; a bf16 one that is not finite, in
        fp32.
        """
        dtype = torch.float32 if deep and self._wanted == "auto" else self._dtype
        part = _to_tensor(pixels).to(self._model.device)
        for precision in dict.fromkeys((dtype, torch.float32)):
            apply = partial(self._apply, precision)
            drawn = through(apply, part, channels=self._channels, scale=self.scale).float()
            if bool(torch.isfinite(drawn).all()):
                return drawn
        raise NumericalError(
            f"{self._model.run} draws values that are not finite; name an earlier checkpoint of it, or train anew"
        )

    def _exact(self, image: Tensor) -> Tensor:
        return self._apply(torch.float32, image)

    def _apply(self, dtype: torch.dtype, image: Tensor) -> Tensor:
        with autocast(self._model.device, dtype):
            return self._family.upscale(self._model.nets, image).float()


def _seen(pixels: ImageArray) -> ImageArray:
    """A transparent picture with the colours of its visible pixels under the invisible ones too."""
    if pixels[..., -1].all():
        return pixels
    filled = _to_levels(fill_hidden(_to_tensor(pixels))[0], pixels.dtype == np.uint16)
    filled[..., -1] = pixels[..., -1]
    return filled


def _to_tensor(pixels: ImageArray) -> Tensor:
    """(H, W, C) from 0 to the largest number of its type, as (1, C, H, W) in [-1, 1]."""
    half = np.iinfo(pixels.dtype).max / 2
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)
    return torch.from_numpy(planes).div_(half).sub_(1)


def _to_levels(drawn: Tensor, deep: bool) -> ImageArray:
    """(C, H, W) in [-1, 1] as (H, W, C) of whole numbers; values outside are clipped."""
    largest = 65535 if deep else 255
    levels = drawn.float().add(1).mul_(largest / 2).round_().clamp_(0, largest).permute(1, 2, 0)
    if deep:
        return levels.cpu().numpy().astype(np.uint16)
    return levels.byte().cpu().numpy()


def _area(cut: Cut) -> int:
    rows, columns = cut.kept_rows, cut.kept_columns
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def _is_shortage(error: BaseException) -> bool:
    """Whether an error is of memory that ran out; on a CPU, torch has no class for it."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(words in str(error) for words in ("DefaultCPUAllocator", "not enough memory", "out of memory"))


Apply = Callable[[Tensor], Tensor]
"""(N, C, H, W) in [-1, 1] to (N, C, H * scale, W * scale)."""

LUMA = (0.299, 0.587, 0.114)
"""How much of grey is red, green and blue: ITU-R 601, as where images are decoded."""


def through(apply: Apply, part: Tensor, *, channels: int, scale: int) -> Tensor:
    """A part of a picture enlarged, with the channels that it came with.

    A network of colours gets grey as three equal channels and its answer's luma is taken; one of grey gets each colour
    by itself. Opacity goes through no network unless that was trained with it: bicubic, it keeps its flat areas flat.

    Args:
        apply: the network.
        part: (1, C, H, W) in [-1, 1]: grey, grey and opacity, RGB, or RGBA.
        channels: that the network takes: 1, 3 or 4.
        scale: of the network.
    """
    opacity = part.shape[1] in (2, 4)
    colour, alpha = (part[:, :-1], part[:, -1:]) if opacity else (part, None)
    if channels == 4:
        whole = torch.ones_like(part[:, :1]) if alpha is None else alpha
        drawn = apply(torch.cat([colour.expand(-1, 3, -1, -1), whole], dim=1))
        return _like(colour, drawn[:, :3], alpha, drawn[:, 3:])
    larger = None if alpha is None else imresize(alpha, scale=scale)
    if channels == 1:
        return _like(colour, apply(colour.transpose(0, 1)).transpose(0, 1), alpha, larger)
    return _like(colour, apply(colour.expand(-1, 3, -1, -1)), alpha, larger)


def _like(colour: Tensor, drawn: Tensor, alpha: Tensor | None, larger: Tensor | None) -> Tensor:
    """What was drawn with as many channels as went in."""
    if colour.shape[1] < drawn.shape[1]:
        drawn = (drawn * drawn.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return drawn if alpha is None or larger is None else torch.cat([drawn.float(), larger.float()], dim=1)


def fill_hidden(picture: Tensor) -> Tensor:
    """A picture whose invisible pixels have the colours of the visible ones around them.

    What lies under an opacity of zero is anything, often black, and a network or a filter would draw it into the edges
    of what is seen. Colours spread from coarse to fine, through means over squares of 2, 4, 8... pixels.

    Args:
        picture: (1, C, H, W) in [-1, 1], whose last channel is opacity.
    """
    colour, visible = picture[:, :-1], (picture[:, -1:] > -1).to(picture.dtype)
    if bool(visible.all()) or not bool(visible.any()):
        return picture
    return torch.cat([_filled(colour, visible), picture[:, -1:]], dim=1)


def _filled(colour: Tensor, known: Tensor) -> Tensor:
    if bool((known > 0).all()):
        return colour
    height, width = colour.shape[2:]
    weight = F.avg_pool2d(known, 2, ceil_mode=True)
    mean = F.avg_pool2d(colour * known, 2, ceil_mode=True) / weight.clamp(min=1e-6)
    coarse = _filled(mean, (weight > 0).to(known))
    spread = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, :height, :width]
    return torch.where(known > 0, colour, spread)
