"""Images that are too small for the parts that training cuts out of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gancli.data.resizing import Size


def too_small(sizes: Mapping[int, Size], name: Callable[[int], str], crop: Size) -> str | None:
    """A sentence about those in which no such part lies; None where there are none.

    Args:
        sizes: (height, width) by row.
        name: of the image of a row.
        crop: (height, width) of the parts.
    """
    small = [row for row, (height, width) in sizes.items() if height < crop[0] or width < crop[1]]
    if not small:
        return None
    height, width = sizes[small[0]]
    more = f" (and {len(small) - 1:,} more are too small)" if len(small) > 1 else ""
    return (
        f"{name(small[0])} has {height}x{width} pixels{more}, in which data.random_crop of {crop[0]}x{crop[1]} does "
        "not lie; set a smaller one, or remove it"
    )
