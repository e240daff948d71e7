"""Texts from elsewhere can neither control the terminal nor style the output."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.live import Live
from rich.table import Table
from rich.text import Text

import gancli.cli
from gancli.cli.display.console import TerminalConsole
from gancli.cli.display.progress import progress_bar

HOSTILE = "[red]a[/] [link=http://x]b[/link] [/] :smile:\x1b]8;;http://x\x07c\x9b2J\u202e\u200b\udce9\r\b"
SHOWN = r"[red]a[/] [link=http://x]b[/link] [/] :smile:\x1b]8;;http://x\x07c\x9b2J\u202e\u200b\udce9\r\x08"


def table_of(cell: str) -> Table:
    table = Table("name", "value", box=None, pad_edge=False)
    table.add_row(cell, "1")
    return table


@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize("convert", [str, table_of], ids=["string", "table"])
def test_it_prints_text_as_it_is(convert: Callable[[str], Table], colours: bool) -> None:
    file = io.StringIO()
    TerminalConsole(file=file, width=200, force_terminal=colours).print(convert(HOSTILE))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())
    assert SHOWN in shown
    assert shown.replace("\n", "").isprintable()


def test_texts_of_libraries_are_checked_too() -> None:
    file = io.StringIO()
    TerminalConsole(file=file, width=200).print(Text(HOSTILE))
    assert file.getvalue().startswith(r"[red]a[/] [link=http://x]b[/link] [/] :smile:\x1b]8;;")
    assert file.getvalue().replace("\n", "").isprintable()


def test_columns_are_as_wide_as_the_escapes() -> None:
    file = io.StringIO()
    TerminalConsole(file=file, width=200).print(table_of("\x1b\x1b"))
    assert file.getvalue().splitlines()[1] == r"\x1b\x1b  1    "


def test_its_own_control_sequences_reach_a_terminal() -> None:
    file = io.StringIO()
    with Live("working", console=TerminalConsole(file=file, force_terminal=True), transient=True) as live:
        live.update("still\x1b[2J")
    assert "\x1b[?25l" in file.getvalue()  # hides the cursor
    assert "still\\x1b[2J" in file.getvalue()


def test_labels_of_progress_bars_are_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    with progress_bar(HOSTILE) as progress:
        progress(1, 2)
    assert SHOWN.split()[0] in capsys.readouterr().err


def test_commands_use_no_other_console() -> None:
    """Rich's own console would read markup in names, and let control characters through."""
    own = Path("display/console.py")
    root = Path(gancli.cli.__file__).parent
    others = [
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if path.relative_to(root) != own
        and re.search(r"(?<![A-Za-z])(Console\(|rich\.print|from rich import print)", path.read_text())
    ]
    assert others == []
