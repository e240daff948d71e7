"""Output files of commands: only files that gancli wrote are overwritten, and tables are safe in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import stat
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from gancli.errors import DataError, UsageError
from gancli.io.files import disk_errors, write_atomically
from gancli.io.images import METADATA_KEY
from gancli.io.input_files import open_regular

GENERATOR = '<meta name="generator" content="gancli">'
"""Element at the beginning of every HTML page of gancli."""

STANDARD_OUTPUT, NOTHING = Path("/dev/stdout"), Path("/dev/null")
"""The only devices that tables are written to."""

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""First characters of texts that a spreadsheet may evaluate, after OWASP's page on CSV injection."""

_PNG, _GIF = b"\x89PNG\r\n\x1a\n", b"GIF8"

_HEAD = 4096
"""Bytes at the beginning of a file that are searched for the HTML element or the column names."""

_MAX_HEADER = 1_000_000
"""Largest header of a safetensors file, and largest text chunk, in bytes; those of gancli are much smaller."""


def check_outputs(
    files: Iterable[Path],
    *,
    force: bool = False,
    below: Path | None = None,
    own: bool = False,
    option: str = "--out",
    headers: Collection[str] = (),
) -> None:
    """Check, before the work of a command, that its files may be written.

    Links are refused even with `force`: what they point to may be anything. A file is recognised by its content.

    Args:
        files: files that the command is going to write.
        force: overwrite regular files of another origin.
        below: directory that the user has named; directories below it must not be links (default: that of each file).
        own: the files have their default names in a run, so existing ones are outputs of earlier commands.
        option: option that names the files, for the error message.
        headers: first lines of CSV files of gancli.

    Raises:
        UsageError: a file is of another origin, or something else than a regular file.
        DiskError: the directory cannot be read.
    """
    for file in files:
        if option == "--csv" and file in (STANDARD_OUTPUT, NOTHING):
            continue
        with disk_errors(file):
            problem = _problem(file, below or file.parent)
            if problem is None and not (force or own) and file.exists() and not is_output(file, headers):
                raise UsageError(
                    f"{file} exists, and gan did not write it; choose another {option}, or overwrite it with --force"
                )
        if problem:
            raise UsageError(f"{problem}; choose another {option}")


def _problem(file: Path, below: Path) -> str | None:
    """Return a clause about a part of the path, below a directory, that is of the wrong kind."""
    parts = file.relative_to(below).parts or ("",)
    for count in range(1, len(parts) + 1):
        path = below.joinpath(*parts[:count])
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            return f"{path.parent} is not a directory"
        if stat.S_ISLNK(mode):
            return f"{path} is a symbolic link, and nothing is written through links"
        if count < len(parts) and not stat.S_ISDIR(mode):
            return f"{path} is not a directory"
    if stat.S_ISDIR(mode):
        return f"{file} is a directory, not a file"
    return None if stat.S_ISREG(mode) else f"{file} is a device, a pipe or a socket, not a file"


def is_output(path: Path, headers: Collection[str] = ()) -> bool:
    """Return whether gancli wrote a file: whether its content names gancli, or a model as the origin.

    PNG and safetensors files have metadata under the key of gancli, GIF and MP4 files a comment with the checkpoint,
    HTML pages `GENERATOR`, and CSV files one of the first lines `headers`.
    """
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD)
            file.seek(0)
            if head.startswith(_PNG):
                return _has_png_text(file)
            if head.startswith(_GIF):
                return _names_model(_gif_comment(file))
            if head[4:8] == b"ftyp":
                return _names_model(_mp4_comment(file))
            if GENERATOR.encode() in head or head.partition(b"\n")[0].decode(errors="replace") in headers:
                return True
            return _has_safetensors_metadata(file)
    except (DataError, OSError):
        return False


def _has_png_text(file: BinaryIO) -> bool:
    file.seek(len(_PNG))
    while len(start := file.read(8)) == 8:
        length, kind = int.from_bytes(start[:4]), start[4:]
        if kind in (b"IDAT", b"IEND"):
            return False
        if kind == b"tEXt" and length < _MAX_HEADER and file.read(length).startswith(METADATA_KEY.encode() + b"\0"):
            return True
        file.seek(length + 4 if kind != b"tEXt" or length >= _MAX_HEADER else 4, 1)
    return False


def _gif_comment(file: BinaryIO) -> bytes | str:
    from PIL import Image

    try:
        with Image.open(file, formats=["GIF"]) as image:
            comment: bytes | str = image.info.get("comment", b"")
            return comment
    except Exception:  # Pillow raises many kinds
        return b""


def _mp4_comment(file: BinaryIO) -> str:
    try:
        import av

        with av.open(file, format="mp4") as container:
            return str(container.metadata.get("comment", ""))
    except Exception:  # PyAV is not installed, or raises one of many kinds
        return ""


def _names_model(comment: bytes | str) -> bool:
    try:
        origin = json.loads(comment)
    except (ValueError, RecursionError):
        return False
    return isinstance(origin, dict) and {"run", "images", "checkpoint"} <= origin.keys()


def _has_safetensors_metadata(file: BinaryIO) -> bool:
    length = int.from_bytes(file.read(8), "little")
    if length > _MAX_HEADER:
        return False
    try:
        header = json.loads(file.read(length))
    except (ValueError, RecursionError):
        return False
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    return isinstance(metadata, dict) and METADATA_KEY in metadata


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table with column names to a file, to standard output or to nothing.

    Texts that a spreadsheet could take for a formula begin with an apostrophe; numbers stay numbers. Bytes of file
    names that are not UTF-8 become escapes.

    Raises:
        DiskError: the file cannot be written.
    """
    text = "".join(map(_csv_line, [columns, *(_cells(columns, row) for row in rows)]))
    if path == STANDARD_OUTPUT:
        sys.stdout.write(text)
    elif path != NOTHING:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text.encode(errors="backslashreplace"))


def _csv_line(cells: Iterable[Any]) -> str:
    """Return a line of a table that ends in a line feed."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)  # cells with characters of the terminator are quoted
    return line.getvalue().rstrip("\r\n") + "\n"


def _cells(columns: Sequence[str], row: Mapping[str, Any]) -> Iterator[Any]:
    for column in columns:
        value = row[column]
        yield quote_formula(value) if isinstance(value, str) else value


def quote_formula(text: str) -> str:
    """Return a text for a cell of a spreadsheet: with an apostrophe in front if it could be taken for a formula."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
