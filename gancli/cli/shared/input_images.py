"""Input images of commands: finding the files and naming the results."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gancli.errors import DataError, UsageError
from gancli.runs.run import MANIFEST

RunAndImages = Annotated[
    list[Path],
    typer.Argument(
        metavar="[RUN] IMAGE",
        help="Files and folders of images of any size. A run directory can come first (default: the newest run that "
        "supports this command).",
    ),
]

RunAndTrainingImages = Annotated[
    list[Path],
    typer.Argument(
        metavar="[RUN] IMAGE",
        help="Files and folders of images, which are cropped and resized as for training. A run directory can come "
        "first (default: the newest run that supports this command).",
    ),
]


@dataclass(frozen=True)
class ImageFile:
    """An image file of the command line, or one below a folder of the command line.

    Args:
        path: path of the file.
        name: path relative to that folder; for a file of the command line, its name.
    """

    path: Path
    name: Path


def split_run(arguments: Sequence[Path]) -> tuple[Path | None, Sequence[Path]]:
    """Split arguments into the run or checkpoint directory that comes first, if any, and the rest."""
    if arguments and arguments[0].is_dir() and _is_run(arguments[0]):
        return arguments[0], arguments[1:]
    return None, arguments


def _is_run(path: Path) -> bool:
    return (path / MANIFEST).is_file() and ((path / "checkpoints").is_dir() or path.parent.name == "checkpoints")


def find_images(paths: Sequence[Path], *, example: str) -> list[ImageFile]:
    """Return every image file among paths and below folders, each once and without hidden files.

    Args:
        paths: files and folders.
        example: correct command for the error message.

    Raises:
        UsageError: there are no paths.
        DataError: a path does not exist, or there are no images.
    """
    if not paths:
        raise UsageError(f"no images are given; name files or folders: `{example}`")
    files = [file for path in paths for file in _files_below(path)]
    if not files:
        from gancli.io.decode import FORMATS

        raise DataError(f"{', '.join(map(str, paths))}: no images found; supported formats: {', '.join(FORMATS)}")
    unique: dict[Path, ImageFile] = {}
    for file in files:
        unique.setdefault(file.path.resolve(), file)
    return list(unique.values())


def _files_below(path: Path) -> Iterator[ImageFile]:
    from gancli.data.sources.listing import SUFFIXES

    if path.is_dir():
        for folder, subfolders, names in os.walk(path):
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            for name in sorted(names):
                if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                    file = Path(folder) / name
                    yield ImageFile(file, file.relative_to(path))
    elif path.exists():
        yield ImageFile(path, Path(path.name))
    else:
        raise DataError(f"{path} does not exist; name an image file or a folder of images")


def name_results(
    files: Sequence[ImageFile], folder: Path, *, suffixes: Sequence[str] | None = None, keep_existing: bool = False
) -> list[Path]:
    """Return a path below `folder` for the result of each file. Names that occur twice get a number.

    Args:
        files: input images.
        folder: output directory.
        suffixes: suffix of each result (default: ".png").
        keep_existing: number the names of existing files too, so that no file is overwritten.

    Raises:
        DataError: `folder` is a file.
        UsageError: a result would overwrite an input image.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; --out must be a directory")
    taken: set[str] = set()
    inputs = {file.path.resolve() for file in files}
    results = []
    for file, suffix in zip(files, suffixes or [".png"] * len(files), strict=True):
        stem, number = file.name.with_suffix(""), 1
        while True:
            name = str(stem) + (f"-{number}" if number > 1 else "") + suffix
            result = folder / name
            if result.resolve() in inputs:
                raise UsageError(f"{result} is an input image and would be overwritten; choose another --out")
            if name.casefold() not in taken and not (keep_existing and os.path.lexists(result)):
                break
            number += 1
        taken.add(name.casefold())  # some file systems ignore case
        results.append(result)
    return results
