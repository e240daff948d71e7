"""Pictures with captions, side by side under headings: what pages are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gancli.pictures import Pixels


@dataclass(frozen=True, kw_only=True)
class Block:
    """A picture (H, W, C) with 1 or 3 channels, its caption, and the name of its file where it gets one."""

    name: str
    caption: str
    pixels: Pixels


@dataclass(frozen=True, kw_only=True)
class Section:
    """Blocks side by side under a heading.

    Args:
        heading: above them.
        blocks: from left to right.
        note: a sentence below the heading; may be empty.
        in_row: whether they belong on one line however narrow the page: the columns of one picture.
    """

    heading: str
    blocks: Sequence[Block]
    note: str = ""
    in_row: bool = False
