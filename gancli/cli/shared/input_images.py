"""Input images of commands: finding the files and naming the results."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gancli.errors import DataError, UsageError
from gancli.io.text import visible
from gancli.runs.run import MANIFEST

if TYPE_CHECKING:
    from gancli.io.decode import Range

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

Unreadable = Annotated[
    Literal["skip", "fail"],
    typer.Option(
        help="Images that cannot be read: skip them, list them at the end and exit with 65; or fail at the first, "
        "before anything is written."
    ),
]

SkipExisting = Annotated[
    bool,
    typer.Option("--skip-existing", help="Skip images whose result exists, to go on after an interruption."),
]

RangeOption = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="full|auto|LOW,HIGH",
        help="Values of more than 8 bits that become black and white: all that the bits allow (0 and 1 for "
        "floating-point images), each image's own, or these; 0,4095 for 12 bits in 16.",
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


class InputReport:
    """Images that are left out because they cannot be read, and remarks about the others, printed at the end.

    Args:
        files: all input images of the command.
        unreadable: `skip`, or `fail` to raise the first error.
    """

    def __init__(self, files: Sequence[ImageFile], unreadable: str) -> None:
        self._total = len(files)
        self._fail = unreadable == "fail"
        self._left_out: list[tuple[ImageFile, DataError]] = []
        self._remarks: dict[str, list[ImageFile]] = {}
        self.existing: list[Path] = []

    @property
    def count(self) -> int:
        """Number of images that are left out."""
        return len(self._left_out)

    def try_all(self, files: Sequence[ImageFile], read: Callable[[ImageFile], object]) -> None:
        """With `fail`, read all images and discard them, to raise an error before anything is written."""
        if self._fail:
            for file in files:
                read(file)

    def leave_out(self, file: ImageFile, error: DataError) -> None:
        """Leave out an image, or raise the error."""
        if self._fail:
            raise error
        self._left_out.append((file, error))

    def remark(self, file: ImageFile, clauses: Sequence[str]) -> None:
        """Note clauses about an image; `print_remarks` prints each once, with the first file and a count."""
        for clause in clauses:
            self._remarks.setdefault(clause, []).append(file)

    def has_result(self, *results: Path) -> bool:
        """Note and return whether all results of an image exist. They are written atomically, so they are complete."""
        if not all(result.is_file() for result in results):
            return False
        self.existing.append(results[0])
        return True

    def print_remarks(self) -> None:
        """Print the remarks, and how many results existed."""
        for clause, files in self._remarks.items():
            more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
            print(f"{visible(str(files[0].path))}{more}: {clause}", file=sys.stderr)
        if self.existing:
            print(f"skipped {len(self.existing):,} of {self._total:,} images, whose results exist", file=sys.stderr)

    def to_json(self) -> dict[str, Any]:
        entries = [{"image": str(file.path), "reason": _reason(error)} for file, error in self._left_out]
        return {"unreadable": entries} if entries else {}

    def raise_left_out(self) -> None:
        """List the images that were left out.

        Raises:
            DataError: there are any.
        """
        if len(self._left_out) == 1:
            done = f"; the other {self._total - 1:,} are done" if self._total > 1 else ""
            raise DataError(f"{self._left_out[0][1]}{done}")
        for file, error in self._left_out:
            print(f"left out {visible(str(file.path))}: {visible(_reason(error))}", file=sys.stderr)
        if self._left_out:
            raise DataError(
                f"{self.count:,} of {self._total:,} images cannot be read and were left out; remove or replace them"
            )


def _reason(error: DataError) -> str:
    return getattr(error, "reason", str(error))


def parse_range(text: str | None) -> Range | None:
    """Parse the value of --range.

    Raises:
        UsageError: it is not `full`, `auto` or two ascending numbers.
    """
    if text is None:
        return None
    if text in ("full", "auto"):
        return "full" if text == "full" else "auto"
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = 0.0
    if not (math.isfinite(high - low) and low < high):
        raise UsageError(f"--range takes full, auto or two ascending numbers such as 0,4095, not {text!r}")
    return low, high


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
    unique: dict[str, ImageFile] = {}
    for file in files:
        unique.setdefault(os.path.realpath(file.path), file)  # `resolve` raises an error for links in a circle
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


def plan_results(
    files: Sequence[ImageFile],
    folder: Path,
    report: InputReport,
    *,
    force: bool,
    run: Path | None = None,
    skip_existing: bool = False,
    companion: str | None = None,
) -> list[tuple[ImageFile, Path]]:
    """Return each image whose result is to be made, and the result, after checking that it may be written.

    Args:
        files: input images.
        folder: output directory.
        report: takes the results that exist.
        force: overwrite files that gancli did not write.
        run: run directory, if `folder` is the default one in it.
        skip_existing: leave out images whose results exist.
        companion: suffix of a second result of each image.

    Raises:
        DataError: `folder` is a file.
        UsageError: a result would overwrite an input image or another file.
    """
    from gancli.io.outputs import check_outputs

    def results(result: Path) -> list[Path]:
        return [result, *([result.with_suffix(companion)] if companion else [])]

    planned = [
        (file, result)
        for file, result in zip(files, name_results(files, folder), strict=True)
        if not (skip_existing and report.has_result(*results(result)))
    ]
    written = [path for _, result in planned for path in results(result)]
    check_outputs(written, force=force, below=run or folder, own=run is not None)
    return planned


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
    inputs = {os.path.realpath(file.path) for file in files}
    results = []
    for file, suffix in zip(files, suffixes or [".png"] * len(files), strict=True):
        stem, number = file.name.with_suffix(""), 1
        while True:
            name = str(stem) + (f"-{number}" if number > 1 else "") + suffix
            result = folder / name
            if os.path.realpath(result) in inputs:
                raise UsageError(f"{result} is an input image and would be overwritten; choose another --out")
            if name.casefold() not in taken and not (keep_existing and os.path.lexists(result)):
                break
            number += 1
        taken.add(name.casefold())  # some file systems ignore case
        results.append(result)
    return results
