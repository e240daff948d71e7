"""The pictures of a page besides those through time: drawn for it, and found in the run."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gancli.io.images import METADATA_KEY
from gancli.report.curves import thinned
from gancli.report.html import Html, data_uri, element, figure
from gancli.runs.run import Run

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from gancli.io.images import Pixels


@dataclass(frozen=True, kw_only=True)
class ImageBlock:
    """A picture (H, W, C) with 1 or 3 channels, its caption, and the name of its file where it gets one."""

    name: str
    caption: str
    pixels: Pixels


@dataclass(frozen=True, kw_only=True)
class ImageSection:
    """Blocks side by side under a heading.

    Args:
        heading: above them.
        blocks: from left to right.
        note: a sentence below the heading; may be empty.
        in_row: whether they belong on one line however narrow the page: the columns of one picture.
    """

    heading: str
    blocks: Sequence[ImageBlock]
    note: str = ""
    in_row: bool = False


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
    """Pictures under a heading, as `blocks.ImageSection`."""

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


def galleries(run: Run, drawn: Sequence[ImageSection], *, room: int = GALLERY_BYTES) -> list[Gallery]:
    """All of a page, within so many bytes; files that cannot be read are left out."""
    files = [*_stories(run), *_of_metrics(run)]
    count = len(files) + sum(len(section.blocks) for section in drawn)
    most = room // max(1, count)
    told = [_of_file(*each, most=most) for each in files]
    return [*(gallery for gallery in told if gallery is not None), *(_of_section(each, most=most) for each in drawn)]


def _of_section(section: ImageSection, *, most: int) -> Gallery:
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


QUALITIES = (90, 75, 50)
"""Of WebP, tried in this order where a PNG is too large; then the picture is halved."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A picture in a page.

    Args:
        uri: its address, which holds it.
        width, height: in pixels.
        exact: whether it is the picture to the last bit.
    """

    uri: str
    width: int
    height: int
    exact: bool


def encoded(pixels: Pixels, *, most: int) -> Encoded:
    """A picture (H, W, C) with 1, 3 or 4 channels, in at most so many bytes."""
    from PIL.Image import fromarray

    image = fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
    return _encoded(image, most)


def encoded_file(path: Path, *, most: int) -> Encoded:
    """A picture of the run, as it is where it is small enough.

    Raises:
        OSError: it cannot be read.
    """
    from PIL.Image import DecompressionBombError, open

    content = path.read_bytes()
    try:
        with open(io.BytesIO(content), formats=["PNG"]) as image:
            image.load()
            if len(content) <= most:
                return Encoded(uri=data_uri(content, "image/png"), width=image.width, height=image.height, exact=True)
            return _encoded(image, most)
    except (SyntaxError, ValueError, DecompressionBombError) as error:  # what Pillow says of damaged files besides
        raise OSError(f"{path} cannot be read: {error}") from None


def _encoded(image: Image, most: int) -> Encoded:
    content, kind = _saved(image, "PNG"), "image/png"
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGBA")
    exact = len(content) <= most
    while len(content) > most and min(image.size) > 1:
        for quality in QUALITIES:
            content, kind = _saved(image, "WEBP", quality=quality), "image/webp"
            if len(content) <= most:
                break
        else:
            image = image.reduce(2)
    return Encoded(uri=data_uri(content, kind), width=image.width, height=image.height, exact=exact)


def _saved(image: Image, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()


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
