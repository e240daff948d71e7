"""Tables of numbers, and lines that are never wrapped, as `gan eval` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

_UNLIMITED_WIDTH = 1_000_000


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table without its empty columns. In a terminal, split it into parts that fit the width.

    Args:
        head: headings of the columns; the first column names the rows and is repeated in every part.
        rows: cells, in the order of `head`.
    """
    from gancli.cli.display.console import TerminalConsole

    console = TerminalConsole()
    columns = [index for index in range(1, len(head)) if any(row[index] for row in rows)]
    while columns:
        count = len(columns)
        while count > 1 and console.is_terminal and _width(_table(head, rows, columns[:count])) > console.width:
            count -= 1
        table = _table(head, rows, columns[:count])
        (console if console.is_terminal else TerminalConsole(width=_width(table))).print(table)
        columns = columns[count:]


def print_line(line: str) -> None:
    """Print a line without wrapping it, so that it can be copied."""
    from gancli.cli.display.console import TerminalConsole

    TerminalConsole().print(line, soft_wrap=True)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[int]) -> Table:
    from rich.table import Column, Table

    table = Table(*(Column(head[index]) for index in (0, *columns)), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(row[index] for index in (0, *columns)))
    return table


def _width(table: Table) -> int:
    from gancli.cli.display.console import TerminalConsole

    return TerminalConsole(width=_UNLIMITED_WIDTH).measure(table).maximum
