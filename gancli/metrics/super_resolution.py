"""What the metrics of upscaled images take from a model: large images, made of small ones that are known both ways.

By the protocol of papers on super-resolution: what comes out is rounded to bytes; as many pixels as the scale are left
out along each border; a value is taken of each image, and their mean is told. Beside each value stands that of bicubic
resizing, which needs no network.
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
from gancli.errors import DataError, UsageError
from gancli.family.tasks import Upscales
from gancli.io.types import Bytes
from gancli.metrics import ms_ssim as similarity
from gancli.metrics import psnr as noise
from gancli.metrics.backbones.lpips import HEADS, TRUNKS, load_lpips
from gancli.metrics.context import Measurement, MetricContext
from gancli.nn.imresize import degrade, imresize

_PAIR = ("source", "target")


class _Pair(NamedTuple):
    """A small image (1, C, h, w) and the true large one (1, C, h * scale, w * scale), both in [-1, 1]."""

    low_res: Tensor
    high_res: Tensor


def psnr(subject: MetricContext) -> list[Measurement]:
    """The peak signal-to-noise ratio in dB; images that come out to the byte have none, and are counted.

    Raises:
        DataError: there are no images to measure by, or their sizes do not fit the scale.
    """
    return _measure("psnr", noise.psnr, _views, subject)


def ssim(subject: MetricContext) -> list[Measurement]:
    """The structural similarity, up to 1.

    Raises:
        DataError: as `psnr` raises.
    """
    return _measure("ssim", similarity.ssim, _views, subject)


def lpips(subject: MetricContext) -> list[Measurement]:
    """The distance LPIPS, from 0, in colour; grey is three times the same.

    Raises:
        UsageError: `--backbone` names none of its networks.
        DataError: as `psnr` raises, or the weights cannot be had.
    """
    name = subject.options.backbone or "alexnet"
    if name not in TRUNKS:
        raise UsageError(f"lpips compares features of {' or '.join(TRUNKS)}, not of {name!r}; leave --backbone out")
    network = load_lpips(name, fetch=subject.options.fetch).to(subject.device)

    def compare(first: Tensor, second: Tensor) -> Tensor:
        distances: Tensor = network(*(each.float().to(subject.device) / 127.5 - 1 for each in (first, second)))
        return distances

    protocol = {"backbone": name, "backbone_sha256": TRUNKS[name].sha256, "heads_sha256": HEADS[name].sha256}
    return _measure("lpips", compare, _colours, subject, protocol)


def _measure(
    name: str,
    compare: Callable[[Tensor, Tensor], Tensor],
    views: Callable[[Tensor, int], dict[str, Tensor]],
    subject: MetricContext,
    own: Mapping[str, Any] = MappingProxyType({}),
) -> list[Measurement]:
    """The mean of what `compare` says of images in 0..255, by channels and by the way they were made.

    Args:
        name: of the metric, which is that of its first view too.
        compare: a value for each pair.
        views: what is compared of an image, by its channels, without so many pixels along the border.
        subject: that is measured.
        own: what this metric adds to the protocol.
    """
    family = subject.family
    assert isinstance(family, Upscales)
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    whole = subject.whole()
    rows = _rows(whole.parts, subject)
    for low_res, high_res in _pairs(whole.parts, rows, family.scale):
        made = {"": family.upscale(subject.nets, low_res.to(subject.device)).cpu()}
        made["bicubic"] = imresize(low_res, scale=family.scale)
        truth = views(high_res, family.scale)
        for way, images in made.items():
            for channel, view in views(images, family.scale).items():
                values[channel, way].append(float(compare(view, truth[channel])))
    protocol = {
        "split": whole.split,
        "samples": len(rows),
        "scale": family.scale,
        "border": family.scale,
        "low_res": "as given" if set(_PAIR) <= set(whole.parts) else "bicubic, as MATLAB's imresize",
        "mean": "over images",
        **own,
    }
    first = next(iter(values))[0]
    return [_mean(name, key, found, protocol, first) for key, found in values.items()]


def _mean(name: str, key: tuple[str, str], values: list[float], protocol: Mapping[str, Any], first: str) -> Measurement:
    channel, way = key
    finite = [value for value in values if np.isfinite(value)]
    if not finite:
        raise DataError(f"every image came out as it should to the byte, so that {name} has no value; name other data")
    metric = "/".join(filter(None, (name, "" if channel == first else channel, way)))
    exact = {"exact": len(values) - len(finite)} if len(finite) < len(values) else {}
    protocol = {**protocol, "channel": channel}
    return Measurement(metric=metric, value=float(np.mean(finite)), protocol=protocol, observed=exact)


def _rows(parts: Mapping[str, PackedDataset], subject: MetricContext) -> list[int]:
    """Those of as many images as the person asked for, chosen by the seed, in their order."""
    count = next(iter(parts.values())).count
    chosen = np.random.default_rng(subject.options.seed).permutation(count)[: subject.options.limit]
    return sorted(chosen.tolist())


def _pairs(parts: Mapping[str, PackedDataset], rows: list[int], scale: int) -> Iterator[_Pair]:
    """Both images of each row; where there are only large ones, the small ones are made of them."""
    if not set(_PAIR) <= set(parts):
        for row in rows:
            yield _degraded(_image(parts["image"], row), scale)
        return
    for row in rows:
        low_res, high_res = (_image(parts[key], row) for key in _PAIR)
        small, large = low_res.shape[2:], high_res.shape[2:]
        if (large[0] // scale, large[1] // scale) != tuple(small):
            raise DataError(
                f"of pair {row + 1} the source has {small[0]}x{small[1]} pixels and the target {large[0]}x{large[1]}, "
                f"which are not {scale} times as many along each side"
            )
        yield _Pair(low_res, high_res[:, :, : small[0] * scale, : small[1] * scale])


def _degraded(image: Tensor, scale: int) -> _Pair:
    """What is left over at the right and at the bottom is cut off."""
    height, width = (side // scale * scale for side in image.shape[2:])
    if min(height, width) <= 2 * scale:
        raise DataError(
            f"an image of {image.shape[2]}x{image.shape[3]} is too small to be reduced {scale} times; name other data"
        )
    high_res = image[:, :, :height, :width]
    return _Pair(degrade(high_res, scale), high_res)


def _image(packed: PackedDataset, row: int) -> Tensor:
    """(1, C, H, W) in [-1, 1]."""
    pixels: Bytes = packed.stored("image")[row]
    return torch.from_numpy(pixels.copy()).unsqueeze(0).float().div_(127.5).sub_(1)


def _views(images: Tensor, border: int) -> dict[str, Tensor]:
    """What is compared of images (1, C, H, W) in [-1, 1], in float64, by channel; opacity is not."""
    inner = images[:, :3, border:-border, border:-border]
    levels = inner.double().add(1).mul(127.5).round().clamp(0, 255)
    return {"y": noise.luma(levels), "rgb": levels} if levels.shape[1] == 3 else {"grey": levels}


def _colours(images: Tensor, border: int) -> dict[str, Tensor]:
    """Likewise, but all colours at once, or the grey."""
    views = _views(images, border)
    return {channel: view for channel, view in views.items() if channel != "y"}
