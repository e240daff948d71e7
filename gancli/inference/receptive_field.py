"""Measurements of an upscaling network before use: tile margin, memory per pixel, and accuracy of bf16."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from gancli.nn.imresize import imresize

Apply = Callable[[Tensor], Tensor]
"""(N, C, H, W) in [-1, 1] to (N, C, H * scale, W * scale)."""

LEVEL = 2 / 255
"""One of 256 brightness levels, for images in [-1, 1]."""

MAX_MARGIN = 64
"""Maximum margin in input pixels. A network may have a larger receptive field, but its outer part has little effect."""

_SAFETY = 4  # pixels added to the measured margin

_SEAM_TOLERANCE = 0.25 * LEVEL

_BF16_TOLERANCE = 0.5 * LEVEL


def probe_images(channels: int, side: int, device: torch.device) -> Tensor:
    """Return two images (2, C, side, side) in [-1, 1]: white noise, in which every pixel matters, and smooth noise."""
    generator = torch.Generator().manual_seed(0)
    white = torch.rand(1, channels, side, side, generator=generator) * 2 - 1
    coarse = torch.rand(1, channels, -(-side // 8), -(-side // 8), generator=generator) * 2 - 1
    smooth = imresize(coarse, scale=8)[:, :, :side, :side].clamp(-1, 1)
    return torch.cat([white, smooth]).to(device)


def tile_margin(apply: Apply, *, channels: int, scale: int, device: torch.device, side: int) -> tuple[int, bool]:
    """Return the margin in which the border of a tile affects the output, and whether that margin is sufficient.

    The centre of an image is upscaled alone and as part of the image. The border affects a pixel if the results differ
    by more than a quarter of a level. Networks that normalise by statistics of the input are affected everywhere.

    Args:
        apply: upscaling network.
        channels: number of channels of the network.
        scale: upscaling factor.
        device: device of the network.
        side: side of the image in pixels; margins up to a third of it, and up to `MAX_MARGIN`, can be measured.
    """
    border = min(MAX_MARGIN // 2, side // 6)
    image = probe_images(channels, side, device)
    inner = slice(border, side - border)
    scaled = slice(border * scale, (side - border) * scale)
    in_context = apply(image)[:, :, scaled, scaled]
    alone = apply(image[:, :, inner, inner])
    affected = ((in_context - alone).abs().amax((0, 1)) > _SEAM_TOLERANCE).cpu()
    position = torch.arange(affected.shape[0]) // scale
    depth = torch.minimum(position, position.flip(0))
    distance = torch.minimum(depth[:, None], depth[None])
    deepest = int(distance[affected].max()) + 1 if bool(affected.any()) else 0
    limit = min(int(distance.max()), MAX_MARGIN)
    return min(deepest + _SAFETY, MAX_MARGIN), deepest < limit


def bytes_per_pixel(apply: Apply, networks: Iterable[nn.Module], *, channels: int, device: torch.device) -> int:
    """Estimate the memory per input pixel: twice the largest input and output of a layer, to cover stored features."""
    side, largest = 32, 0

    def measure(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal largest
        size = sum(part.nbytes for part in (*inputs, output) if isinstance(part, Tensor))
        largest = max(largest, size)

    leaves = [part for network in networks for part in network.modules() if not list(part.children())]
    handles = [leaf.register_forward_hook(measure) for leaf in leaves]
    try:
        output = apply(probe_images(channels, side, device))
    finally:
        for handle in handles:
            handle.remove()
    return 2 * max(largest, 2 * output.nbytes) // (2 * side * side)


def is_accurate(exact: Apply, fast: Apply, *, channels: int, device: torch.device) -> bool:
    """Return whether the outputs of two implementations differ by at most half a level."""
    image = probe_images(channels, 48, device)[1:]
    return bool((exact(image).float() - fast(image).float()).abs().max() <= _BF16_TOLERANCE)
