"""Text from elsewhere is made visible."""

from __future__ import annotations

import io
import sys

import pytest

from gancli.io.text import VisibleStream, visible, visible_output


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢字 🙂", "plain é 漢字 🙂"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u200b\ufeff\u2028", r"\u200b\ufeff\u2028"),
        ("caf\udce9", r"caf\udce9"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_line_feeds_may_be_kept() -> None:
    assert visible("a\nb\x1b", lines=True) == "a\nb\\x1b"


def test_a_stream_shows_control_characters_of_every_writer() -> None:
    raw = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
    stream = VisibleStream(raw)
    print("a\x1b[31m", "\x07b", file=stream)
    stream.writelines(["c\r\n", "caf\udce9\n"])
    stream.flush()
    raw.seek(0)
    assert raw.read() == "a\\x1b[31m \\x07b\nc\\r\ncaf\\udce9\n"


def test_a_stream_escapes_what_its_encoding_lacks() -> None:
    raw = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    stream = VisibleStream(raw)
    print("é 漢", file=stream, flush=True)
    assert raw.buffer.getvalue() == b"\\xe9 \\u6f22\n"  # type: ignore[attr-defined]


def test_libraries_may_set_colours_but_not_control_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.StringIO()
    monkeypatch.setenv("FORCE_COLOR", "1")
    VisibleStream(raw).rich_proxied_file.write("\x1b[1;31mred\x1b[0m\x1b[2J\x1b]0;title\x07\n")
    assert raw.getvalue() == "\x1b[1;31mred\x1b[0m\\x1b[2J\\x1b]0;title\\x07\n"


def test_no_colours_reach_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    raw = io.StringIO()
    VisibleStream(raw).rich_proxied_file.write("\x1b[31mred\x1b[0m\n")
    assert raw.getvalue() == "\\x1b[31mred\\x1b[0m\n"


def test_output_is_checked_only_inside_the_block(capsys: pytest.CaptureFixture[str]) -> None:
    with visible_output():
        print("\x1b")
        print("\x9b", file=sys.stderr)
    print("\x1b")
    assert tuple(capsys.readouterr()) == ("\\x1b\n\x1b\n", "\\x9b\n")
