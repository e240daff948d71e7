"""Where in somebody's code something happened, so that a fault can be named with its file and line."""

from __future__ import annotations

import os
import sys
import traceback
from types import FrameType
from typing import NamedTuple


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        """As compilers write it, from the working directory on where the file lies below it."""
        inside = os.path.relpath(self.file)
        return f"{self.file if inside.startswith('..') else inside}:{self.line}"


def of_error(error: BaseException, package: str) -> Place | None:
    """The innermost line of a package that an error came through, or the line that cannot be parsed."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return Place(error.filename, error.lineno)
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _belongs(frame, package)]
    return Place(frames[-1][0].f_code.co_filename, frames[-1][1]) if frames else None


def of_caller(package: str, *, unless: str | None = None) -> Place | None:
    """The innermost line of a package that is being executed.

    Args:
        package: its top-level name.
        unless: None is returned where code of this package called for it, nearer than the line.
    """
    frame: FrameType | None = sys._getframe(1)
    asking = frame.f_globals if frame else None
    while frame is not None and not _belongs(frame, package):
        if unless and _belongs(frame, unless) and frame.f_globals is not asking:
            return None
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno) if frame else None


def _belongs(frame: FrameType, package: str) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == package
