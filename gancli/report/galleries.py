"""The pictures of a page besides those through time: drawn for it, and found in the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gancli.pictures import METADATA_KEY
from gancli.report.blocks import Section
from gancli.report.document import figure
from gancli.report.encoding import Encoded, encoded, encoded_file
from gancli.report.markup import Html, element
from gancli.run import Run

GALLERY_BYTES = 1_100_000
"""Bytes that they take together, at most."""

METRICS = 4
"""Pictures of metrics that are shown, at most."""

STORIES = {
    "growing.png": ("How it grew", "The same latents at every resolution, one row each, the smallest at the top."),
    "densities.png": (
        "What it learned of the line",
        "Densities of the data and of generated points, and the discriminator beside the best one, through time.",
    ),
    "modes.png": (
        "What it learned of the plane",
        "Generated points in colour over the data's in grey, through time.",
    ),
}
"""Figures that training puts together, with their headings and what they show."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One of a gallery: caption above, what it shows for those who do not see it, and the picture."""

    caption: str
    alt: str
    picture: Encoded


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Pictures under a heading, as `blocks.Section`."""

    heading: str
    note: str
    in_row: bool
    pictures: Sequence[Picture]

    def to_html(self) -> Html:
        parts = [
            figure(each.picture.uri, caption=each.caption, alt=each.alt, width=width, height=each.picture.height)
            for each in self.pictures
            for width in [each.picture.width]
        ]
        note = [element("p", self.note, class_="note")] if self.note else []
        look = "blocks row" if self.in_row else "blocks"
        return element("section", element("h3", self.heading), *note, element("div", *parts, class_=look))


def galleries(run: Run, drawn: Sequence[Section], *, room: int = GALLERY_BYTES) -> list[Gallery]:
    """All of a page, within so many bytes; files that cannot be read are left out."""
    files = [*_stories(run), *_of_metrics(run)]
    count = len(files) + sum(len(section.blocks) for section in drawn)
    most = room // max(1, count)
    told = [_of_file(*each, most=most) for each in files]
    return [*(gallery for gallery in told if gallery is not None), *(_of_section(each, most=most) for each in drawn)]


def _of_section(section: Section, *, most: int) -> Gallery:
    pictures = [
        Picture(
            caption=block.caption,
            alt=f"{section.heading}: {block.caption}",
            picture=encoded(block.pixels, most=most),
        )
        for block in section.blocks
    ]
    return Gallery(heading=section.heading, note=section.note, in_row=section.in_row, pictures=pictures)


def _of_file(path: Path, heading: str, note: str, *, most: int) -> Gallery | None:
    try:
        picture = encoded_file(path, most=most)
    except OSError:
        return None
    shown = Picture(caption="", alt=f"{heading}. {note}", picture=picture)
    return Gallery(heading=heading, note=note, in_row=False, pictures=[shown])


def _stories(run: Run) -> Iterator[tuple[Path, str, str]]:
    for name, (heading, note) in STORIES.items():
        if (run.path / name).is_file():
            yield run.path / name, heading, note


def _of_metrics(run: Run) -> list[tuple[Path, str, str]]:
    """What `gan eval` drew beside its numbers."""
    found = []
    for path in sorted((run.path / "out").glob("*.png")):
        metric = _metric(path)
        if metric:
            found.append((path, f"Metric: {metric}", "Drawn by gan eval beside its numbers."))
    return found[:METRICS]


def _metric(path: Path) -> str:
    from PIL.Image import open

    try:
        with open(path, formats=["PNG"]) as image:
            made = json.loads(str(image.info[METADATA_KEY]))
        return str(made.get("metric", "")) if isinstance(made, dict) else ""
    except (OSError, SyntaxError, ValueError, KeyError):
        return ""
