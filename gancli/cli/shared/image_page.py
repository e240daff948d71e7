"""Pages of images with headings: one PNG, one self-contained HTML file, or single PNGs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gancli.errors import DataError
from gancli.io.captions import SIZE, render_text
from gancli.io.files import disk_errors, write_atomically
from gancli.io.images import Pixels, encode_png, grey_to_rgb, write_png
from gancli.report.html import data_uri, render_page
from gancli.report.images import EncodedImage, Figure, FigureSection, ImageBlock, ImageSection

GAP = 12
"""Number of white pixels between blocks."""


@dataclass(frozen=True, kw_only=True)
class ImagePage:
    """Sections of images under a title.

    Args:
        title: title of the page.
        sections: sections from top to bottom.
        metadata: provenance, for every PNG.
    """

    title: str
    sections: Sequence[ImageSection]
    metadata: Mapping[str, Any]

    def write(self, path: Path) -> list[Path]:
        """Write one image if `path` ends in .png, a page if it ends in .html, or else single images to a directory.

        Returns:
            The files that were written.

        Raises:
            DataError: the directory is a file.
            DiskError: a file cannot be written.
        """
        if path.suffix.lower() == ".png":
            write_png(path, self._image(), metadata=self.metadata)
            return [path]
        if path.suffix.lower() in (".html", ".htm"):
            with disk_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, self._html().encode())
            return [path]
        self.single_files(path)
        return [self._write_block(path, section, block) for section in self.sections for block in section.blocks]

    def single_files(self, folder: Path) -> list[Path]:
        """Return the files that `write` makes in a directory.

        Raises:
            DataError: the directory is a file.
        """
        if folder.is_file():
            raise DataError(f"{folder} is a file; --out takes a directory, or a name that ends in .png or .html")
        return [_block_file(folder, block) for section in self.sections for block in section.blocks]

    def _write_block(self, folder: Path, section: ImageSection, block: ImageBlock) -> Path:
        path = _block_file(folder, block)
        shows = f"{section.heading}: {block.caption}"
        write_png(path, block.pixels, metadata={**self.metadata, "shows": shows})
        return path

    def _image(self) -> Pixels:
        rows = [render_text(self.title, channels=3, size=SIZE + 7)]
        for section in self.sections:
            blocks = [
                _column([render_text(block.caption, channels=3), grey_to_rgb(block.pixels)], 0)
                for block in section.blocks
            ]
            rows += [render_text(section.heading, channels=3, size=SIZE + 2), _row(blocks, GAP)]
        return np.pad(_column(rows, GAP), ((GAP, 0), (GAP, GAP), (0, 0)), constant_values=255)

    def _html(self) -> str:
        sections = [
            FigureSection(heading=section.heading, figures=[self._figure(section, block) for block in section.blocks])
            for section in self.sections
        ]
        return render_page("images.html.jinja", title=self.title, sections=sections)

    def _figure(self, section: ImageSection, block: ImageBlock) -> Figure:
        uri = data_uri(encode_png(block.pixels, metadata=self.metadata), "image/png")
        height, width, _ = block.pixels.shape
        image = EncodedImage(uri=uri, width=width, height=height)
        return Figure(caption=block.caption, alt=f"{section.heading}: {block.caption}", image=image)


def is_file_name(path: Path) -> bool:
    """Return whether `ImagePage.write` writes one file to a path, and not a directory."""
    return path.suffix.lower() in (".png", ".html", ".htm")


def _block_file(folder: Path, block: ImageBlock) -> Path:
    return folder / f"{block.name}.png"


def _column(tiles: Sequence[Pixels], gap: int) -> Pixels:
    """Stack tiles vertically, aligned on the left, with a gap below each."""
    width = max(tile.shape[1] for tile in tiles)
    padding = [((0, gap), (0, width - tile.shape[1]), (0, 0)) for tile in tiles]
    return np.concatenate([np.pad(tile, pad, constant_values=255) for tile, pad in zip(tiles, padding, strict=True)])


def _row(tiles: Sequence[Pixels], gap: int) -> Pixels:
    """Stack tiles horizontally, aligned at the top, with a gap on the right of each."""
    return _column([tile.swapaxes(0, 1) for tile in tiles], gap).swapaxes(0, 1)
