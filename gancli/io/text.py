"""Text from files, plugins and other programs, made safe for a terminal and for spreadsheets."""

from __future__ import annotations


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
