"""File and line of plugin code, for messages about faults."""

from __future__ import annotations

import os
import sys
import traceback
from types import FrameType
from typing import NamedTuple

from gancli.errors import UsageError


class SourceLocation(NamedTuple):
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        """Return `file:line`, relative to the working directory for files below it."""
        relative = os.path.relpath(self.file)
        return f"{self.file if relative.startswith('..') else relative}:{self.line}"


def location_of_error(error: BaseException, package: str) -> SourceLocation | None:
    """Return the innermost line of a package in an error's traceback, or the line of a syntax error."""
    if isinstance(error, UsageError) and error.__cause__:  # what `import_class` says about it
        error = error.__cause__
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return SourceLocation(error.filename, error.lineno)
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _belongs(frame, package)]
    return SourceLocation(frames[-1][0].f_code.co_filename, frames[-1][1]) if frames else None


def location_of_caller(package: str, *, unless: str | None = None) -> SourceLocation | None:
    """Return the innermost line of a package that is being executed.

    Args:
        package: its top-level name.
        unless: return None if code of this package, other than the calling module, is nearer on the stack.
    """
    frame: FrameType | None = sys._getframe(1)
    caller = frame.f_globals if frame else None
    while frame is not None and not _belongs(frame, package):
        if unless and _belongs(frame, unless) and frame.f_globals is not caller:
            return None
        frame = frame.f_back
    return SourceLocation(frame.f_code.co_filename, frame.f_lineno) if frame else None


def _belongs(frame: FrameType, package: str) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == package
