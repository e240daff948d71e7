"""The console of all commands: text from elsewhere can neither control the terminal nor style the output."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from gancli.io.text import VisibleStream, visible


class TerminalConsole(Console):
    """Rich console that prints strings as they are, with control characters as escapes.

    `[red]` in the name of a file is text, not markup; numbers and paths are not coloured. Rich's own control
    sequences (colours, cursor) reach the terminal.

    Args:
        options: arguments of Rich's console.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "highlight": False, "emoji": False, **options})

    @property
    def file(self) -> IO[str]:
        """The stream that gets the output, without the check for texts of other writers."""
        stream = super().file
        return stream.stream if isinstance(stream, VisibleStream) else stream

    @file.setter
    def file(self, new: IO[str]) -> None:
        self._file = new

    def render_str(self, text: str, **options: Any) -> Text:
        """Convert a string to text; escapes count for the width of columns."""
        return super().render_str(visible(text, lines=True), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render an object, such as a table of texts, with its control characters as escapes."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(visible(segment.text, lines=True), segment.style)
