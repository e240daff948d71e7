"""Grey, coloured and transparent pictures through a network that takes one kind only."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.nn.imresize import imresize

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
