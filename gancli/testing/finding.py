"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass

from gancli.plugins.source_location import SourceLocation


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a family.

    Args:
        sentence: what is wrong, and what to do.
        place: the line that it is about; None: of no line in particular.
    """

    sentence: str
    place: SourceLocation | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence}" if self.place else self.sentence
