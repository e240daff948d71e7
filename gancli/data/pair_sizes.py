"""Whether the images of pairs lie upon each other: they are of one size, or the targets so many times as large."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gancli.data.resizing import Size


@dataclass(frozen=True, kw_only=True)
class PairSizes:
    """What two sides have in common.

    Args:
        scale: how many times as large the targets are as their sources, along each side; None where they differ.
        problems: what does not go together, a sentence at most.
    """

    scale: int | None
    problems: Sequence[str] = ()


def compare(sizes: Sequence[tuple[Size | None, Size | None]], names: Sequence[str]) -> PairSizes:
    """Holds every pair to the scale that most of them have.

    Args:
        sizes: (height, width) of the source and of the target; None of one that cannot be read.
        names: of the sources.
    """
    readable = {row: (source, target) for row, (source, target) in enumerate(sizes) if source and target}
    scales = {row: scale_of(*pair) for row, pair in readable.items()}
    counted = Counter(scale for scale in scales.values() if scale is not None).most_common(1)
    usual = counted[0][0] if counted else 1
    odd = [row for row, scale in scales.items() if scale != usual]
    if not odd:
        return PairSizes(scale=usual)
    source, target = readable[odd[0]]
    first = f"{names[odd[0]]} is {source[0]}x{source[1]}, its target {target[0]}x{target[1]}"
    more = f", and {len(odd) - 1:,} more pairs differ" if len(odd) > 1 else ""
    if usual == 1:
        return PairSizes(
            scale=None,
            problems=[
                f"the images of a pair must have one size: {first}{more}; resize them, or set data.fit=stretch and "
                "data.resolution"
            ],
        )
    return PairSizes(
        scale=None,
        problems=[
            f"targets are {usual} times as large as their sources in {counted[0][1]:,} of {len(readable):,} pairs, but "
            f"{first}{more}; make the source anew, or remove the pair"
        ],
    )


def scale_of(source: Size, target: Size) -> int | None:
    """How many times as large the target is along each side, but for what a division leaves over; None if not so."""
    times = target[0] // source[0]
    return times if times and (target[0] // times, target[1] // times) == source else None


def larger_targets(scale: int | None) -> str:
    """Why no family trains on such pairs, and what does take them."""
    return (
        f"the images of a pair must have one size, and the targets are {scale} times as large as their sources: such "
        "pairs are for `gan eval --data paired`, and families that upscale train on the large images alone; resize "
        "them, or set data.fit=stretch and data.resolution"
    )
