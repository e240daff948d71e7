"""Tables of numbers and the lines around them, as `gan eval` prints them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

UNBOUNDED = 1_000_000


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table without the columns that are empty, in a terminal in parts that fit its width.

    Args:
        head: of the columns, of which the first names the rows and stands in every part.
        rows: as long as `head`.
    """
    console = Console()
    full = [index for index in range(1, len(head)) if any(row[index] for row in rows)]
    while full:
        fitting = len(full)
        while fitting > 1 and console.is_terminal and _width(_table(head, rows, full[:fitting])) > console.width:
            fitting -= 1
        table = _table(head, rows, full[:fitting])
        (console if console.is_terminal else Console(width=_width(table))).print(table)
        full = full[fitting:]


def say(line: str) -> None:
    """A line that is never broken, so that what is in it can be copied."""
    Console().print(line, markup=False, highlight=False, soft_wrap=True)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[int]) -> Table:
    table = Table(*(Column(Text(head[index])) for index in (0, *columns)), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(row[index]) for index in (0, *columns)))
    return table


def _width(table: Table) -> int:
    console = Console(width=UNBOUNDED)
    return console.measure(table).maximum
