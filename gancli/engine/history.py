"""A run on a known distribution through time: a figure and its numbers for every preview, and all of them in one.

`samples/<images>.png` has the figure and `samples/<images>.json` the numbers behind it. From those, `densities.png` (on
a line) or `modes.png` (in the plane) is drawn anew each time, so that a resumed run goes on with the whole story.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gancli.data.mixture import Mixture
from gancli.engine.points import InAPlane, OnALine, View, draw
from gancli.pictures import write_png
from gancli.run import Run, disk_errors, write_atomically

PANELS = 8


def record(view: View, mixture: Mixture, run: Run, images: int, *, metadata: Mapping[str, Any]) -> Path:
    """Writes what a view says, and the run's story up to it; returns the path of the view's figure.

    Raises:
        DiskError: the disk refuses.
    """
    path = run.samples / f"{images:09d}.png"
    write_png(path, draw([(_title(images, view.caption), view)], mixture), metadata=metadata)
    numbers = path.with_suffix(".json")
    with disk_errors(numbers):
        write_atomically(numbers, json.dumps({"images": images, **view.to_json()}).encode())
    story = "densities.png" if isinstance(view, OnALine) else "modes.png"
    moments = _chosen(_recorded(type(view), run, images))
    panels = [(_title(seen, _brief(moment)), moment) for seen, moment in moments]
    write_png(run.path / story, draw(panels, mixture), metadata={**metadata, "shown": [seen for seen, _ in moments]})
    return path


def _recorded(kind: type[View], run: Run, images: int) -> list[tuple[int, View]]:
    """Every moment up to `images`, in order; what cannot be read, and what lies ahead of a resumed run, is left out."""
    found: list[tuple[int, View]] = []
    for path in sorted(run.samples.glob("*.json")):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["images"] <= images:
                found.append((int(values["images"]), kind.from_json(values)))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def _chosen(moments: list[tuple[int, View]]) -> list[tuple[int, View]]:
    """The first, the last, and at most `PANELS` in all, evenly spread."""
    places = np.linspace(0, len(moments) - 1, min(PANELS, len(moments))).round().astype(int)
    return [moments[place] for place in places]


def _title(images: int, text: str) -> str:
    return f"{images:,} points seen" + (f"\n{text}" if text else "")


def _brief(view: View) -> str:
    return f"{view.coverage.covered} of {view.coverage.total} modes" if isinstance(view, InAPlane) else ""
