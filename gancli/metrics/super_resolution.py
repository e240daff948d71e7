"""Metrics of upscaled images: the evaluation procedure of the super-resolution literature, PSNR and SSIM.

Large images are downscaled, or the small images of pairs are used as given. The upscaled images are rounded to bytes, a
border as wide in pixels as the scale is excluded on each side, and the value is the mean over images. Every value is
also measured for bicubic resizing. LPIPS uses the same procedure (`gancli.metrics.lpips`).

PSNR and SSIM are computed on luma as in MATLAB's `rgb2ycbcr`: ITU-R BT.601, from 16 for black to 235 for white, not
rounded. On a luma from 0 to 255, the PSNR of the same images would be 1.3 dB lower.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gancli.data.source import PackedDataset
from gancli.errors import DataError
from gancli.family.tasks import Upscales
from gancli.io.images import normalize, quantize
from gancli.io.types import Bytes
from gancli.metrics.context import Measurement, MetricContext
from gancli.metrics.ms_ssim import ssim
from gancli.nn.imresize import degrade, imresize

PEAK = 255.0
"""Signal level of the PSNR, although luma does not exceed 235."""

_PAIR = ("source", "target")

Channels = Callable[[Tensor, int], dict[str, Tensor]]
"""From images (1, C, H, W) in [-1, 1] and a border to images in 0..255 without the border, by name of the channels."""


class _Pair(NamedTuple):
    """A small image (1, C, h, w) and the true large one (1, C, h * scale, w * scale), both in [-1, 1]."""

    low_res: Tensor
    high_res: Tensor


def measure_psnr(context: MetricContext) -> list[Measurement]:
    """Measure the peak signal-to-noise ratio in dB; exactly reproduced images are counted separately.

    Raises:
        DataError: there are no images to compare with, or their sizes do not match the scale.
    """
    return measure_upscaled("psnr", psnr, luma_and_colour, context)


def measure_ssim(context: MetricContext) -> list[Measurement]:
    """Measure the structural similarity, at most 1.

    Raises:
        DataError: there are no images to compare with, or their sizes do not match the scale.
    """
    return measure_upscaled("ssim", ssim, luma_and_colour, context)


def measure_upscaled(
    name: str,
    compare: Callable[[Tensor, Tensor], Tensor],
    channels: Channels,
    context: MetricContext,
    own_protocol: Mapping[str, Any] = MappingProxyType({}),
) -> list[Measurement]:
    """Measure the model's images and bicubic ones, by channels, averaged over images.

    Args:
        name: name of the metric, and of its value for the first channels.
        compare: returns a value for each pair of images in 0..255.
        channels: selects the channels to compare and removes the border.
        context: model and data to measure.
        own_protocol: additional entries of the protocol.

    Raises:
        DataError: there are no images to compare with, or their sizes do not match the scale.
    """
    family = context.family
    assert isinstance(family, Upscales)
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    full_size = context.full_size()
    rows = _select_rows(full_size.parts, context)
    for low_res, high_res in _pairs(full_size.parts, rows, family.scale):
        upscaled = {"": family.upscale(context.nets, low_res.to(context.device)).cpu()}
        upscaled["bicubic"] = imresize(low_res, scale=family.scale)
        truth = channels(high_res, family.scale)
        for method, images in upscaled.items():
            for channel, image in channels(images, family.scale).items():
                values[channel, method].append(float(compare(image, truth[channel])))
    protocol = {
        "split": full_size.split,
        "samples": len(rows),
        "scale": family.scale,
        "border": family.scale,
        "low_res": "as given" if set(_PAIR) <= set(full_size.parts) else "bicubic, as MATLAB's imresize",
        "mean": "over images",
        **own_protocol,
    }
    default = next(iter(values))[0]
    return [
        _mean("/".join(filter(None, (name, "" if channel == default else channel, method))), column, protocol, channel)
        for (channel, method), column in values.items()
    ]


def luma_and_colour(images: Tensor, border: int) -> dict[str, Tensor]:
    """Return luma and RGB, or grey, of images (1, C, H, W) in [-1, 1] without the border and opacity, in float64."""
    inner = images[:, :3, border:-border, border:-border]
    levels = quantize(inner.double())
    return {"y": luma(levels), "rgb": levels} if levels.shape[1] == 3 else {"grey": levels}


def psnr(first: Tensor, second: Tensor) -> Tensor:
    """Return 10 log10(255^2 / mean squared error) of each pair in dB, (N,); infinite for equal images.

    Args:
        first: images (N, C, H, W), floats in 0..255.
        second: images (N, C, H, W), floats in 0..255.

    Raises:
        DataError: the shapes differ.
    """
    if first.shape != second.shape or first.dim() != 4:
        raise DataError("PSNR requires two tensors (N, C, H, W) of equal shape")
    error = (first - second).square().mean((1, 2, 3))
    return 10 * torch.log10(PEAK**2 / error)


def luma(images: Tensor) -> Tensor:
    """Return the luma (N, 1, H, W) in 16..235 of images (N, 3, H, W) in 0..255."""
    red, green, blue = images.unbind(1)
    return (16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255).unsqueeze(1)


def _mean(metric: str, values: list[float], protocol: Mapping[str, Any], channel: str) -> Measurement:
    finite = [value for value in values if np.isfinite(value)]
    if not finite:
        raise DataError(f"every upscaled image equals the true one, so {metric} has no value; use other data")
    exact = {"exact": len(values) - len(finite)} if len(finite) < len(values) else {}
    protocol = {**protocol, "channel": channel}
    return Measurement(metric=metric, value=float(np.mean(finite)), protocol=protocol, observed=exact)


def _select_rows(parts: Mapping[str, PackedDataset], context: MetricContext) -> list[int]:
    """Return up to `options.limit` rows selected by the seed, in ascending order."""
    count = next(iter(parts.values())).count
    selected = np.random.default_rng(context.options.seed).permutation(count)[: context.options.limit]
    return sorted(selected.tolist())


def _pairs(parts: Mapping[str, PackedDataset], rows: list[int], scale: int) -> Iterator[_Pair]:
    """Yield both images of each row; if there are only large images, the small ones are downscaled from them."""
    if not set(_PAIR) <= set(parts):
        for row in rows:
            yield _downscale(_image(parts["image"], row), scale)
        return
    for row in rows:
        low_res, high_res = (_image(parts[key], row) for key in _PAIR)
        small, large = low_res.shape[2:], high_res.shape[2:]
        if (large[0] // scale, large[1] // scale) != tuple(small):
            raise DataError(
                f"the source of pair {row + 1} has {small[0]}x{small[1]} pixels and the target {large[0]}x{large[1]}, "
                f"which is not {scale} times the size"
            )
        yield _Pair(low_res, high_res[:, :, : small[0] * scale, : small[1] * scale])


def _downscale(image: Tensor, scale: int) -> _Pair:
    """Crop the right and bottom edge to a multiple of the scale, then downscale."""
    height, width = (side // scale * scale for side in image.shape[2:])
    if min(height, width) <= 2 * scale:
        raise DataError(
            f"an image of {image.shape[2]}x{image.shape[3]} is too small to be downscaled {scale} times; use other data"
        )
    high_res = image[:, :, :height, :width]
    return _Pair(degrade(high_res, scale), high_res)


def _image(packed: PackedDataset, row: int) -> Tensor:
    """Return (1, C, H, W) in [-1, 1]."""
    pixels: Bytes = packed.stored("image")[row]
    return normalize(torch.from_numpy(pixels.copy())[None])
