"""Standard output and standard error that may fail without stopping a command.

The reader of a pipe ends (`| head`), the disk of a log file fills up, a terminal is closed: none of these must cost the
work of a command. After the first error the stream goes on into nothing, and the error can be asked for at the end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class TolerantStream:
    """A text stream whose write errors are kept instead of raised.

    Args:
        stream: stream to write to.

    Attributes:
        error: the first error; None if there was none.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.error = self.error or error
        with suppress(OSError, ValueError):  # everything written from now on, also by libraries, goes into nothing
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, self._stream.fileno())
            os.close(sink)
        with suppress(OSError, ValueError):
            self._stream.flush()  # what is left in the buffer


@contextmanager
def tolerant_output() -> Iterator[tuple[TolerantStream, TolerantStream]]:
    """Replace standard output and standard error by tolerant streams during the block, and yield them.

    Streams that were closed before the start (`>&-`) are opened on nothing, so that no file takes their number.
    Characters that the encoding of a stream lacks are written as escapes.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    before = sys.stdout, sys.stderr
    nothing = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    streams = tuple(TolerantStream(stream or nothing) for stream in before)
    for stream in streams:
        with suppress(AttributeError, OSError, ValueError):  # streams of tests have no such method
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = streams
    try:
        yield streams[0], streams[1]
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before
        nothing.close()
