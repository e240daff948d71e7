"""Text from files, plugins and other programs, made safe for a terminal and for spreadsheets."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any, TextIO

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""Sequence that changes colours or the weight of letters, and nothing else."""

MAX_ERROR = 500
"""Most characters of an error of another program in a message."""


def visible(text: str, *, lines: bool = False) -> str:
    r"""Return text with every character that a terminal would obey, or not show, as a Python escape such as `\x1b`.

    These are control characters, bidirectional and other invisible formatting characters, line and paragraph
    separators, and lone surrogates, which stand for the bytes of a file name that are not UTF-8.

    Args:
        text: any text.
        lines: keep line feeds, for messages of several lines; names from elsewhere must not contain any.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or (lines and letter == "\n") else ascii(letter)[1:-1] for letter in text
    )


def error_line(error: BaseException) -> str:
    """Return the class of an error and the first line of its message, visible; safe for errors of other programs.

    The message of an exception is code of the program that raised it, which may fail or return a strange kind of text.
    """
    try:
        name, message = "".join((type(error).__name__,)), "".join((str(error),))
    except BaseException:
        return f"{BaseException.__name__ if not isinstance(error, Exception) else Exception.__name__} without a message"
    first = next(iter(message.splitlines()), "")
    return visible(f"{name}: {first}" if first else name)[:MAX_ERROR]


class VisibleStream:
    """Text stream that writes every text as `visible` returns it, line by line, so that no command has to remember it.

    Libraries that format tables and panels with Rich write to `rich_proxied_file`, which keeps colours, bold and the
    like in a terminal, and nothing else. Characters that the encoding of the stream lacks become escapes too.

    Args:
        stream: standard output or standard error.
        colours: keep sequences of colours, as Rich writes them.

    Attributes:
        stream: the stream itself, for a console that checks its texts one by one.
    """

    def __init__(self, stream: TextIO, *, colours: bool = False) -> None:
        self.stream = stream
        self._colours = colours
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    @property
    def rich_proxied_file(self) -> VisibleStream:
        return VisibleStream(self.stream, colours=self.stream.isatty() or "FORCE_COLOR" in os.environ)

    def write(self, text: str) -> int:
        parts = COLOURS.split(text) if self._colours else [text]
        marks = COLOURS.findall(text) if self._colours else []
        shown = [visible(part, lines=True) for part in parts]
        self.stream.write("".join(piece for pair in zip_longest(shown, marks, fillvalue="") for piece in pair))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def visible_output() -> Iterator[None]:
    """Write what is printed inside the block to standard output and standard error as `visible` returns it."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream and VisibleStream(stream) for stream in streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
