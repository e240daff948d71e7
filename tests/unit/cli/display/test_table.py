"""Tables of numbers."""

from __future__ import annotations

import pytest

from gancli.cli.display.console import TerminalConsole
from gancli.cli.display.table import print_table

HEAD = ("run", "one", "none", "three", "four")
ROWS = [("a", "1.5", "", "33333", "4"), ("[b]", "-", "", "3", "44")]


def test_off_a_terminal_it_is_one_table_however_wide(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEAD, [(name, *("x" * 60 if cell else "" for cell in row)) for name, *row in ROWS])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["run", "one", "three", "four"]
    assert [line.split() for line in lines[1:]] == [["a", *["x" * 60] * 3], ["[b]", *["x" * 60] * 3]]


def test_in_a_terminal_it_is_cut_into_parts_that_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "gancli.cli.display.console.TerminalConsole",
        lambda width=14: TerminalConsole(width=width, force_terminal=True, color_system=None, legacy_windows=False),
    )
    print_table(HEAD, ROWS)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["run", "one"],
        ["a", "1.5"],
        ["[b]", "-"],
        ["run", "three"],
        ["a", "33333"],
        ["[b]", "3"],
        ["run", "four"],
        ["a", "4"],
        ["[b]", "44"],
    ]
