"""The pictures that a run drew of the same latents, through time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gancli.report.encoding import Encoded, encoded_file
from gancli.report.thinning import thinned

MOMENTS = 24
"""Of a run that are shown, at most."""

FRAME_BYTES = 2_200_000
"""Bytes that they take together, at most."""


@dataclass(frozen=True, kw_only=True)
class Frames:
    """What a page shows of a run's course.

    Args:
        shown: (images, picture), in order.
        note: what was thinned out and what could not be read, in sentences; empty where nothing was.
    """

    shown: Sequence[tuple[int, Encoded]]
    note: str


def frames(samples: Mapping[int, Path], *, room: int = FRAME_BYTES, moments: int = MOMENTS) -> Frames:
    """The pictures at evenly spread moments, the first and the last among them, within so many bytes."""
    chosen = thinned(sorted(samples), moments)
    shown, broken = [], []
    for images in chosen:
        try:
            shown.append((images, encoded_file(samples[images], most=room // len(chosen))))
        except OSError:
            broken.append(samples[images].name)
    notes = []
    if len(chosen) < len(samples):
        notes.append(f"{len(chosen)} of {len(samples):,} moments are shown, evenly spread.")
    if any(not frame.exact for _, frame in shown):
        notes.append("The pictures are compressed so that this page stays small; samples/ has them as they are.")
    if broken:
        notes.append(f"{', '.join(broken)} cannot be read.")
    return Frames(shown=shown, note=" ".join(notes))
