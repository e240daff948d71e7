"""Images of a report, encoded within a number of bytes: previews, figures of the run, and images from the model."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gancli.errors import DataError
from gancli.io.images import METADATA_KEY
from gancli.io.input_files import open_regular, read_limited
from gancli.report.curves import downsample
from gancli.report.html import data_uri
from gancli.runs.run import Run

if TYPE_CHECKING:
    from PIL.Image import Image

    from gancli.io.images import Pixels

PREVIEW_BYTES = 2_200_000

FIGURE_BYTES = 1_100_000
"""Maximum total size of the previews, and of all other images."""

MAX_PREVIEWS = 24

MAX_METRIC_FIGURES = 4

MAX_PIXELS = 4_000_000
"""Pixels of an image on the page that is not embedded unchanged; larger ones are reduced before they are encoded."""

MAX_DECODED_PIXELS = 250_000_000
"""Pixels of all sample sheets that are decoded for a page, in a few seconds; of larger sheets fewer are shown."""

MAX_FIGURE_BYTES = 200_000_000
"""Size of a PNG file that is read; a sheet of the largest size has about a hundred megabytes."""

TRAINING_FIGURES = {
    "growing.png": ("Progressive growing", "The same latents at every resolution, one row each, the smallest on top."),
    "densities.png": (
        "Learned distribution on the line",
        "Densities of the data and of generated points, and the discriminator beside the optimal one, during training.",
    ),
    "modes.png": (
        "Learned distribution in the plane",
        "Generated points in colour over the data in grey, during training.",
    ),
}
"""Headings and descriptions of the figures that training writes."""

WEBP_QUALITIES = (90, 75, 50)
"""Qualities to try, in this order, if the PNG is too large; after the last one the image is halved."""


@dataclass(frozen=True, kw_only=True)
class ImageBlock:
    """An image (H, W, C) with 1 or 3 channels, its caption, and its file name without suffix."""

    name: str
    caption: str
    pixels: Pixels


@dataclass(frozen=True, kw_only=True)
class ImageSection:
    """Images side by side under a heading.

    Args:
        heading: shown above the images.
        blocks: images from left to right.
        note: sentence below the heading; may be empty.
        in_row: keep the images on one line on narrow pages, as columns of one grid.
    """

    heading: str
    blocks: Sequence[ImageBlock]
    note: str = ""
    in_row: bool = False


@dataclass(frozen=True, kw_only=True)
class EncodedImage:
    """An image as a `data:` URI, its size in pixels, and whether the encoding is lossless."""

    uri: str
    width: int
    height: int
    lossless: bool = True


@dataclass(frozen=True, kw_only=True)
class Figure:
    """An encoded image with its caption and its alternative text."""

    caption: str
    alt: str
    image: EncodedImage


@dataclass(frozen=True, kw_only=True)
class FigureSection:
    """An `ImageSection` with encoded images."""

    heading: str
    figures: Sequence[Figure]
    note: str = ""
    in_row: bool = False


def preview_section(samples: Mapping[int, Path], *, subject: str, max_bytes: int = PREVIEW_BYTES) -> FigureSection:
    """Return evenly spaced previews, including the first and the last.

    Args:
        samples: preview files by the number of training images shown.
        subject: what the previews show, for the alternative texts.
        max_bytes: maximum total size.
    """
    chosen = downsample(sorted(samples), _count(samples))
    figures, unreadable = [], []
    for images in chosen:
        try:
            image = encode_file(samples[images], max_bytes=max_bytes // len(chosen))
        except OSError:
            unreadable.append(samples[images].name)
        else:
            caption = f"{images:,} images"
            figures.append(Figure(caption=caption, alt=f"after {caption}: {subject}", image=image))
    notes = []
    if len(chosen) < len(samples):
        notes.append(f"Shows {len(chosen)} of {len(samples):,} previews, evenly spaced.")
    if any(not figure.image.lossless for figure in figures):
        notes.append("The images are compressed to keep this page small; samples/ contains the originals.")
    if unreadable:
        notes.append(f"{', '.join(unreadable)} cannot be read.")
    return FigureSection(heading="", figures=figures, note=" ".join(notes))


def figure_sections(
    run: Run, sections: Sequence[ImageSection], *, max_bytes: int = FIGURE_BYTES
) -> list[FigureSection]:
    """Return the figures of the run and the given sections, within a total size; unreadable files are omitted."""
    files = [*_training_figures(run), *_metric_figures(run)]
    count = len(files) + sum(len(section.blocks) for section in sections)
    share = max_bytes // max(1, count)
    from_files = [_encode_figure(*file, max_bytes=share) for file in files]
    return [
        *(section for section in from_files if section is not None),
        *(_encode_section(section, max_bytes=share) for section in sections),
    ]


def encode_image(pixels: Pixels, *, max_bytes: int) -> EncodedImage:
    """Encode an image (H, W, C) with 1, 3 or 4 channels: as PNG if it is small enough, else as WebP."""
    from PIL.Image import fromarray

    image = fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
    return _encode(image, max_bytes)


def encode_file(path: Path, *, max_bytes: int) -> EncodedImage:
    """Encode a PNG file; a file that is small enough is embedded unchanged.

    Raises:
        OSError: the file cannot be read.
    """
    from PIL.Image import DecompressionBombError, open

    try:
        content = read_limited(path, limit=MAX_FIGURE_BYTES)
    except DataError as error:
        raise OSError(str(error)) from None
    try:
        with open(io.BytesIO(content), formats=["PNG"]) as image:
            image.load()
            if len(content) <= max_bytes:
                return EncodedImage(uri=data_uri(content, "image/png"), width=image.width, height=image.height)
            return _encode(image, max_bytes)
    except (SyntaxError, ValueError, DecompressionBombError) as error:  # Pillow's other errors for damaged files
        raise OSError(f"{path} cannot be read: {error}") from None


def _encode_section(section: ImageSection, *, max_bytes: int) -> FigureSection:
    figures = [
        Figure(
            caption=block.caption,
            alt=f"{section.heading}: {block.caption}",
            image=encode_image(block.pixels, max_bytes=max_bytes),
        )
        for block in section.blocks
    ]
    return FigureSection(heading=section.heading, figures=figures, note=section.note, in_row=section.in_row)


def _encode_figure(path: Path, heading: str, note: str, *, max_bytes: int) -> FigureSection | None:
    try:
        image = encode_file(path, max_bytes=max_bytes)
    except OSError:
        return None
    figure = Figure(caption="", alt=f"{heading}. {note}", image=image)
    return FigureSection(heading=heading, figures=[figure], note=note)


def _training_figures(run: Run) -> Iterator[tuple[Path, str, str]]:
    for name, (heading, note) in TRAINING_FIGURES.items():
        if (run.path / name).is_file():
            yield run.path / name, heading, note


def _metric_figures(run: Run) -> list[tuple[Path, str, str]]:
    """Return the figures that `gan eval` wrote, with their headings and notes."""
    figures = []
    for path in sorted((run.path / "out").glob("*.png")):
        if metric := _metric_of(path):
            figures.append((path, f"Metric: {metric}", "Figure from gan eval."))
    return figures[:MAX_METRIC_FIGURES]


def _metric_of(path: Path) -> str:
    from PIL.Image import DecompressionBombError, open

    try:
        with open(path, formats=["PNG"]) as image:
            metadata = json.loads(str(image.info[METADATA_KEY]))
        return str(metadata.get("metric", "")) if isinstance(metadata, dict) else ""
    except (OSError, SyntaxError, ValueError, KeyError, RecursionError, DecompressionBombError):
        return ""


def _count(samples: Mapping[int, Path]) -> int:
    """Return the number of sample sheets to show, from the size of the largest one."""
    pixels = max((_pixels(path) for path in samples.values()), default=0)
    return max(3, min(MAX_PREVIEWS, MAX_DECODED_PIXELS // max(1, pixels)))


def _pixels(path: Path) -> int:
    """Return the number of pixels that a PNG file claims; 0 if it cannot be read."""
    try:
        with open_regular(path) as handle:
            header = handle.read(24)
    except (OSError, DataError):
        return 0
    return int.from_bytes(header[16:20]) * int.from_bytes(header[20:24])


def _encode(image: Image, max_bytes: int) -> EncodedImage:
    lossless = image.width * image.height <= MAX_PIXELS
    if not lossless:
        image = image.convert("RGB" if image.mode not in ("L", "RGBA") else image.mode)
        image = image.reduce(math.ceil(math.sqrt(image.width * image.height / MAX_PIXELS)))
    content, media_type = _save(image, "PNG"), "image/png"
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGBA")
    lossless = lossless and len(content) <= max_bytes
    while len(content) > max_bytes and min(image.size) > 1:
        for quality in WEBP_QUALITIES:
            content, media_type = _save(image, "WEBP", quality=quality), "image/webp"
            if len(content) <= max_bytes:
                break
        else:
            image = image.reduce(2)
    return EncodedImage(uri=data_uri(content, media_type), width=image.width, height=image.height, lossless=lossless)


def _save(image: Image, format: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()
