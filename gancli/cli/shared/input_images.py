"""The user's images, as commands that work on them take them: found, read, and given names for what is made of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gancli.data.sources.listing import SUFFIXES
from gancli.errors import DataError, UsageError
from gancli.io import decode
from gancli.runs.run import MANIFEST


@dataclass(frozen=True)
class ImageFile:
    """A file that was named, or found in a folder that was.

    Args:
        path: of the file.
        name: its path below that folder; of a file that was named, its name.
    """

    path: Path
    name: Path


def split_run(arguments: Sequence[Path]) -> tuple[Path | None, Sequence[Path]]:
    """The run or checkpoint directory that arguments begin with, if they do, and the others."""
    if arguments and arguments[0].is_dir() and _is_run(arguments[0]):
        return arguments[0], arguments[1:]
    return None, arguments


def find_images(paths: Sequence[Path], *, like: str) -> list[ImageFile]:
    """Every image file among these and below these folders, each once; hidden ones are left out.

    Args:
        paths: of files and folders.
        like: a command that would do, for the error.

    Raises:
        UsageError: no path is named.
        DataError: a path does not exist, or there are no images.
    """
    if not paths:
        raise UsageError(f"which images? Name files or folders: `{like}`")
    found = [file for path in paths for file in _below(path)]
    if not found:
        named = ", ".join(map(str, paths))
        raise DataError(f"{named}: no images there; `gan` reads {', '.join(decode.FORMATS)}")
    once: dict[Path, ImageFile] = {}
    for file in found:
        once.setdefault(file.path.resolve(), file)
    return list(once.values())


def read_image(path: Path, channels: int) -> Tensor:
    """An image (1, channels, H, W) in [-1, 1], upright; grey is made of colour by its luma, and colour of grey.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with decode.open_image(path) as image:
            if image.format == "PNG":
                image.load()  # since it may say only behind its pixels how it lies
            pixels = decode.decode(image, size=decode.header(image).size, channels=channels, fit="crop")
    except Exception as error:  # of Pillow's many
        raise DataError(f"{path} cannot be read: {decode.reason(error)}; leave it out or replace it") from None
    return torch.from_numpy(pixels.copy())[None].float() / 127.5 - 1


def name_results(
    files: Sequence[ImageFile], folder: Path, *, endings: Sequence[str] | None = None, spare: bool = False
) -> list[Path]:
    """A path in `folder` for every file, under its name; one that another file has already gets a number.

    Args:
        files: that go in.
        folder: where results go.
        endings: of the result of each file; `.png`, if None.
        spare: gives numbers to those that exist too, so that none is written over.

    Raises:
        DataError: `folder` is a file.
        UsageError: a result would take the place of an image that goes in.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; --out must be a directory")
    taken: set[str] = set()
    inputs = {file.path.resolve() for file in files}
    results = []
    for file, ending in zip(files, endings or [".png"] * len(files), strict=True):
        stem, number = file.name.with_suffix(""), 1
        while True:
            name = str(stem) + (f"-{number}" if number > 1 else "") + ending
            result = folder / name
            if result.resolve() in inputs:
                raise UsageError(f"{result} is one of the images that go in, and would be lost; choose another --out")
            if name.casefold() not in taken and not (spare and os.path.lexists(result)):
                break
            number += 1
        taken.add(name.casefold())  # some file systems do not tell upper from lower case
        results.append(result)
    return results


def _is_run(path: Path) -> bool:
    return (path / MANIFEST).is_file() and ((path / "checkpoints").is_dir() or path.parent.name == "checkpoints")


def _below(path: Path) -> Iterator[ImageFile]:
    if path.is_dir():
        for folder, inner, names in os.walk(path):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            for name in sorted(names):
                if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                    file = Path(folder) / name
                    yield ImageFile(file, file.relative_to(path))
    elif path.exists():
        yield ImageFile(path, Path(path.name))
    else:
        raise DataError(f"{path} does not exist; name an image file or a folder of them")
