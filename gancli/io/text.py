"""Text from files, plugins and other programs, made safe for a terminal and for spreadsheets."""

from __future__ import annotations

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
