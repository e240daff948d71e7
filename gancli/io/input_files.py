"""Reading of small files that another program may have written: regular files only, with a limit on their size.

A run, a model or a recipe can come from anywhere. In place of a file there may be a folder, a named pipe that never
ends, a device, or a link out of the run; a JSON file may be gigabytes long or nested without end. All of these end in
one `DataError`.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from gancli.errors import DataError

MAX_JSON_BYTES = 64_000_000
"""Default size limit of JSON files: the state of a large run has a few megabytes."""


def open_regular(path: Path, *, within: Path | None = None) -> BinaryIO:
    """Open a regular file for reading; never waits for a named pipe or a device.

    Args:
        path: file to open.
        within: directory that must contain the file after all links are followed.

    Raises:
        DataError: it is not a regular file, or a link leads out of `within`.
        OSError: it does not exist or cannot be opened.
    """
    if within is not None and not os.path.realpath(path).startswith(os.path.join(os.path.realpath(within), "")):
        raise DataError(f"{path} is refused: it is a link to a file outside {within}")
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise DataError(f"{path} is refused: it is not a regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_limited(path: Path, *, limit: int = MAX_JSON_BYTES, within: Path | None = None) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises:
        DataError: it is not a regular file, is larger, or a link leads out of `within`.
        OSError: it does not exist or cannot be read.
    """
    with open_regular(path, within=within) as handle:
        size = os.fstat(handle.fileno()).st_size
        content = handle.read(min(size, limit) + 1)  # a larger number would be allocated, whatever the file has
    if len(content) > limit or size > limit:
        raise DataError(f"{path} is refused: it is larger than {limit / 1e6:,.0f} MB")
    return content


def read_json_object(path: Path, *, limit: int = MAX_JSON_BYTES, within: Path | None = None) -> dict[str, Any]:
    """Read a JSON file that contains one object.

    Raises:
        DataError: the file is missing, unreadable, too large, not a regular file, or not one JSON object.
    """
    try:
        content = read_limited(path, limit=limit, within=within)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    return parse_json_object(content, name=str(path))


def parse_json_object(content: bytes | str, *, name: str) -> dict[str, Any]:
    """Parse one JSON object.

    Args:
        content: text of the object.
        name: name of the text in error messages, such as a path with a line number.

    Raises:
        DataError: it is not one JSON object, is nested too deeply, or contains NaN or infinities, which JSON does not
            have.
    """
    try:
        value = json.loads(content, parse_constant=_refuse_constant)
    except RecursionError:
        raise DataError(f"{name} is damaged: it is nested too deeply") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError included
        raise DataError(f"{name} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise DataError(f"{name} is damaged: it must contain one JSON object")
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number in JSON")
