"""What is measured of a network before it enlarges: how far it sees, what a pixel takes, and whether bf16 is enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from gancli.nn.imresize import imresize

Apply = Callable[[Tensor], Tensor]
"""(N, C, H, W) in [-1, 1] to (N, C, H * scale, W * scale)."""

LEVEL = 2 / 255
"""One of 256 levels of brightness, where images are in [-1, 1]."""

FARTHEST = 64
"""The widest margin, in pixels of what goes in: a network may see farther, but then mostly faintly."""

_SAFETY = 4  # pixels beyond those that were found to matter

_SEAM = 0.25 * LEVEL

_BF16 = 0.5 * LEVEL


def noise(channels: int, side: int, device: torch.device) -> Tensor:
    """Two pictures (2, C, side, side) in [-1, 1]: white noise, whose every pixel matters, and clouds."""
    generator = torch.Generator().manual_seed(0)
    white = torch.rand(1, channels, side, side, generator=generator) * 2 - 1
    seeds = torch.rand(1, channels, -(-side // 8), -(-side // 8), generator=generator) * 2 - 1
    clouds = imresize(seeds, scale=8)[:, :, :side, :side].clamp(-1, 1)
    return torch.cat([white, clouds]).to(device)


def margin(apply: Apply, *, channels: int, scale: int, device: torch.device, side: int) -> tuple[int, bool]:
    """How many pixels from a tile's border a network still notices it, and whether that is all.

    The middle of a picture is enlarged alone and within the picture; where the two differ by a quarter of a level, the
    border was noticed. Networks that normalise by what they see notice it everywhere.

    Args:
        apply: the network.
        channels: that it takes.
        scale: of it.
        device: where it is.
        side: of the picture, in pixels; a third of it can be found at most, and `FARTHEST`.
    """
    rim = min(FARTHEST // 2, side // 6)
    picture = noise(channels, side, device)
    inner = slice(rim, side - rim)
    within = apply(picture)[:, :, rim * scale : (side - rim) * scale, rim * scale : (side - rim) * scale]
    alone = apply(picture[:, :, inner, inner])
    noticed = ((within - alone).abs().amax((0, 1)) > _SEAM).cpu()
    place = torch.arange(noticed.shape[0]) // scale
    inwards = torch.minimum(place, place.flip(0))
    distance = torch.minimum(inwards[:, None], inwards[None])
    deepest = int(distance[noticed].max()) + 1 if bool(noticed.any()) else 0
    most = int(distance.max())
    return min(deepest + _SAFETY, FARTHEST), deepest < min(most, FARTHEST)


def bytes_per_pixel(apply: Apply, networks: Iterable[nn.Module], *, channels: int, device: torch.device) -> int:
    """The memory that a pixel takes while it is enlarged: the largest input and output of a layer, and as much again
    for what is kept for later layers.
    """
    side, largest = 32, 0

    def note(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal largest
        taken = sum(part.nbytes for part in (*inputs, output) if isinstance(part, Tensor))
        largest = max(largest, taken)

    leaves = [part for network in networks for part in network.modules() if not list(part.children())]
    handles = [leaf.register_forward_hook(note) for leaf in leaves]
    try:
        drawn = apply(noise(channels, side, device))
    finally:
        for handle in handles:
            handle.remove()
    return 2 * max(largest, 2 * drawn.nbytes) // (2 * side * side)


def close_enough(exact: Apply, faster: Apply, *, channels: int, device: torch.device) -> bool:
    """Whether two ways to enlarge differ by half a level at most."""
    picture = noise(channels, 48, device)[1:]
    return bool((exact(picture).float() - faster(picture).float()).abs().max() <= _BF16)
