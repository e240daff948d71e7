"""Super-resolution of one image of any size with a trained model, in tiles that fit into memory.

Networks take 1, 3 or 4 channels; grey, RGB and transparent images go through each of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property, partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.errors import DataError, NumericalError, UsageError, is_out_of_memory
from gancli.family.tasks import Upscales
from gancli.inference import receptive_field
from gancli.inference.model import Model
from gancli.inference.receptive_field import Apply
from gancli.inference.reference_outputs import uniform_noise
from gancli.inference.tiling import Tile, apply_padded, split_into_tiles
from gancli.io.images import quantize, to_rgb
from gancli.io.types import ImageArray
from gancli.nn.imresize import imresize
from gancli.runtime.device import autocast, choose_memory_format, choose_precision
from gancli.runtime.memory import free

BUDGET = {"cpu": 1536 * 2**20, "cuda": 2**33}
"""Maximum number of bytes for a tile. Larger tiles are not faster, and layers of 2**31 numbers are too large for some
algorithms.
"""

MIN_CORE = 16
"""Minimum side of the kept part of a tile, in pixels."""

LUMA = (0.299, 0.587, 0.114)
"""ITU-R 601 weights of red, green and blue, as in image decoding."""

_MULTIPLE = 8  # the sides of tiles are multiples of this, for which convolutions are fastest


class Upscaler:
    """Upscales images one after the other; measurements of the model are made once.

    Args:
        model: model that upscales; the memory format of its networks is set to the fastest one.
        tile: side of the tiles including margins; None for the largest that half of the free memory allows.
        precision: `auto`, `fp32` or `bf16`. `auto` uses bf16 if it is fast and changes the output of this model by at
            most half of one of 256 levels, but never for 16-bit images.
    """

    def __init__(self, model: Model, *, tile: int | None = None, precision: str = "auto") -> None:
        assert isinstance(model.family, Upscales)
        self._family = model.family
        self._model = model
        self._tile = tile
        self._max_side: int | None = None  # set after memory ran out
        self._used_tiles = False
        self._precision = precision
        self._channels = model.family.data.channels
        for network in model.nets.modules.values():
            network.to(memory_format=choose_memory_format("auto", network, model.device))

    @property
    def scale(self) -> int:
        return self._family.scale

    @property
    def may_show_seams(self) -> bool:
        """True if tiles were used and the network's receptive field exceeds their margins."""
        return self._used_tiles and not self._margin[1]

    @torch.inference_mode()
    def __call__(self, pixels: ImageArray, progress: Callable[[int], None] = lambda _: None) -> ImageArray:
        """Upscale an image (H, W, C) to (H * scale, W * scale, C) of the same type.

        Args:
            pixels: image.
            progress: called after each tile with the number of its input pixels.

        Raises:
            DataError: memory does not suffice even for the smallest tiles.
            NumericalError: the output is not finite.
            UsageError: the requested tile is not larger than its margins.
        """
        height, width, channels = pixels.shape
        is_16_bit = pixels.dtype == np.uint16
        result = np.empty((height * self.scale, width * self.scale, channels), dtype=pixels.dtype)
        pixels = _fill_transparent(pixels) if channels in (2, 4) else pixels
        reported = 0
        while True:
            done = 0
            try:
                for tile in self._tiles(height, width):
                    output = self._upscale_tile(pixels[tile.rows, tile.columns], is_16_bit)
                    result[tile.destination(self.scale)] = _to_array(output[0], is_16_bit)[tile.kept_output(self.scale)]
                    done += _area(tile)
                    progress(max(0, done - reported))  # after a restart, tiles repeat pixels that were reported
                    reported = max(reported, done)
                return result
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            self._halve_tiles(height, width)

    def _tiles(self, height: int, width: int) -> list[Tile]:
        side = self._side(height, width)
        if max(height, width) <= side:
            return list(split_into_tiles(height, width, tile=side, margin=0))
        self._used_tiles = True
        return list(split_into_tiles(height, width, tile=side, margin=self._margin[0]))

    def _side(self, height: int, width: int) -> int:
        """Return the side of the tiles; for an image without tiles, at least its longer side."""
        if self._max_side is not None:
            return self._max_side
        if self._tile is not None:
            if max(height, width) > self._tile < self._min_side:
                raise UsageError(f"--tile {self._tile} is smaller than the tile margins; use at least {self._min_side}")
            return self._tile
        if height * width <= self._max_pixels:
            return max(height, width)
        return max(self._min_side, math.isqrt(self._max_pixels) // _MULTIPLE * _MULTIPLE)

    def _halve_tiles(self, height: int, width: int) -> None:
        """Halve the tiles for this image and all later ones."""
        before = min(self._side(height, width), max(height, width))
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()
        self._max_side = max(self._min_side, before // 2 // _MULTIPLE * _MULTIPLE)
        if self._max_side >= before:
            raise DataError(
                f"there is not enough memory even for tiles of {before} pixels; close other programs, or use a machine "
                "or --device with more memory"
            )

    @property
    def _min_side(self) -> int:
        return 2 * self._margin[0] + MIN_CORE

    @cached_property
    def _max_pixels(self) -> int:
        """The number of pixels that memory allows in one forward pass."""
        device = self._model.device
        available, limit = free(device), BUDGET.get(device.type, BUDGET["cpu"])
        budget = limit if available is None else min(limit, available // 2)
        networks = self._model.nets.modules.values()
        with torch.inference_mode():
            size = receptive_field.bytes_per_pixel(self._exact, networks, channels=self._channels, device=device)
        return budget // size

    @cached_property
    def _margin(self) -> tuple[int, bool]:
        with torch.inference_mode():
            side = max(3 * MIN_CORE, min(3 * receptive_field.MAX_MARGIN, math.isqrt(self._max_pixels)))
            return receptive_field.tile_margin(
                self._exact, channels=self._channels, scale=self.scale, device=self._model.device, side=side
            )

    @cached_property
    def _dtype(self) -> torch.dtype:
        """The dtype of computations for 8-bit images."""
        device = self._model.device
        dtype = choose_precision(self._precision, device, self._model.nets.modules.values())
        if self._precision != "auto" or dtype == torch.float32:
            return dtype
        with torch.inference_mode():
            accurate = receptive_field.is_accurate(
                self._exact, partial(self._apply, dtype), channels=self._channels, device=device
            )
        return dtype if accurate else torch.float32

    def _upscale_tile(self, pixels: ImageArray, is_16_bit: bool) -> Tensor:
        """Upscale a tile (h, w, C) to (1, C, h * scale, w * scale) in about [-1, 1]; repeat in fp32 if not finite."""
        dtype = torch.float32 if is_16_bit and self._precision == "auto" else self._dtype
        part = _to_tensor(pixels).to(self._model.device)
        for precision in dict.fromkeys((dtype, torch.float32)):
            apply = partial(self._apply_padded, precision)
            output = upscale_channels(apply, part, channels=self._channels, scale=self.scale).float()
            if bool(torch.isfinite(output).all()):
                return output
        raise NumericalError(
            f"{self._model.run} generates values that are not finite; use an earlier checkpoint, or train it again"
        )

    def _apply_padded(self, dtype: torch.dtype, image: Tensor) -> Tensor:
        """Apply the network to an image that may be too small for it."""
        data = self._model.family.data
        return apply_padded(partial(self._apply, dtype), image, 1, enough=(data.height, data.width), scale=self.scale)

    def _exact(self, image: Tensor) -> Tensor:
        return self._apply(torch.float32, image)

    def _apply(self, dtype: torch.dtype, image: Tensor) -> Tensor:
        with autocast(self._model.device, dtype):
            return self._family.upscale(self._model.nets, image).float()


def upscale_channels(apply: Apply, part: Tensor, *, channels: int, scale: int) -> Tensor:
    """Upscale a part of an image and keep its kind of channels.

    A colour network gets grey as three equal channels, and the luma of its output is used. A grey network gets each
    colour channel separately. Alpha is upscaled bicubically, which keeps flat areas flat, unless the network takes
    alpha.

    Args:
        apply: network.
        part: (1, C, H, W) in [-1, 1]: grey, grey and alpha, RGB, or RGBA.
        channels: number of channels of the network: 1, 3 or 4.
        scale: upscaling factor.
    """
    has_alpha = part.shape[1] in (2, 4)
    colour, alpha = (part[:, :-1], part[:, -1:]) if has_alpha else (part, None)
    if channels == 4:
        opaque = torch.ones_like(part[:, :1]) if alpha is None else alpha
        output = apply(torch.cat([to_rgb(colour), opaque], dim=1))
        return _with_channels_of(colour, output[:, :3], None if alpha is None else output[:, 3:])
    upscaled_alpha = None if alpha is None else imresize(alpha, scale=scale)
    if channels == 1:
        return _with_channels_of(colour, apply(colour.transpose(0, 1)).transpose(0, 1), upscaled_alpha)
    return _with_channels_of(colour, apply(to_rgb(colour)), upscaled_alpha)


def fill_hidden(image: Tensor) -> Tensor:
    """Give fully transparent pixels the colours of the visible pixels around them.

    Their colours are arbitrary, often black, and a network or a filter would mix them into visible edges. Colours
    spread from coarse to fine, through means over squares of 2, 4, 8... pixels.

    Args:
        image: (1, C, H, W) in [-1, 1]; the last channel is alpha.
    """
    colour, visible = image[:, :-1], (image[:, -1:] > -1).to(image.dtype)
    if bool(visible.all()) or not bool(visible.any()):
        return image
    return torch.cat([_fill(colour, visible), image[:, -1:]], dim=1)


def reference_outputs(model: Model) -> dict[str, Tensor]:
    """Return the upscaled noise image, as `gancli.inference.reference_outputs` collects it."""
    assert isinstance(model.family, Upscales)
    image = uniform_noise(1, *model.family.data.shape).to(model.device)
    return {"upscale": model.family.upscale(model.nets, image).float().cpu()}


def _fill_transparent(pixels: ImageArray) -> ImageArray:
    if pixels[..., -1].all():
        return pixels
    filled = _to_array(fill_hidden(_to_tensor(pixels))[0], pixels.dtype == np.uint16)
    filled[..., -1] = pixels[..., -1]
    return filled


def _to_tensor(pixels: ImageArray) -> Tensor:
    """Convert an image (H, W, C) of 8 or 16 bits to (1, C, H, W) in [-1, 1]."""
    half = np.iinfo(pixels.dtype).max / 2  # not `normalize`, which copies: images may be large, and have 16 bits
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)
    return torch.from_numpy(planes).div_(half).sub_(1)


def _to_array(image: Tensor, is_16_bit: bool) -> ImageArray:
    """Convert an image (C, H, W) in [-1, 1] to (H, W, C) of 8 or 16 bits; values are clipped."""
    levels = quantize(image.float(), largest=65535 if is_16_bit else 255).permute(1, 2, 0)
    if is_16_bit:
        return levels.cpu().numpy().astype(np.uint16)
    return levels.byte().cpu().numpy()


def _area(tile: Tile) -> int:
    rows, columns = tile.kept_rows, tile.kept_columns
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def _with_channels_of(colour: Tensor, output: Tensor, alpha: Tensor | None) -> Tensor:
    """Reduce the output to luma if the input was grey, and append alpha if there is one."""
    if colour.shape[1] < output.shape[1]:
        output = (output * output.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return output if alpha is None else torch.cat([output.float(), alpha.float()], dim=1)


def _fill(colour: Tensor, known: Tensor) -> Tensor:
    if bool((known > 0).all()):
        return colour
    height, width = colour.shape[2:]
    weight = F.avg_pool2d(known, 2, ceil_mode=True)
    mean = F.avg_pool2d(colour * known, 2, ceil_mode=True) / weight.clamp(min=1e-6)
    coarse = _fill(mean, (weight > 0).to(known))
    spread = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, :height, :width]
    return torch.where(known > 0, colour, spread)
