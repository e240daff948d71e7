"""Output of `gan train` in a pseudo-terminal, interpreted by a terminal emulator."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest
from rich.cells import cell_len

COMMAND = [
    *(sys.executable, "-m", "gancli", "train", "gan", "--device", "cpu"),
    *("--set", "train.images=10_000", "--set", "data.resolution=8", "--set", "train.log_every=500"),
]
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*[34]8;[25];[0-9;]+m")
TOP, SIDE, BOTTOM = "╭│╰"


class Terminal:
    """Terminal emulator of a given size that runs `gan train`."""

    def __init__(self, folder: Path, columns: int, lines: int, **environment: str) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.seen = ""
        self.panels: list[list[str]] = []
        self._stream = pyte.ByteStream(self.screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")()  # a chunk may end within a character
        self._outer, inner = pty.openpty()
        self._set_size(columns, lines)
        fresh = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        fresh |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONIOENCODING": "utf-8", **environment}
        self.process = subprocess.Popen(COMMAND, cwd=folder, stdin=inner, stdout=inner, stderr=inner, env=fresh)
        os.close(inner)

    def watch(self, then: Callable[[Terminal], bool] = lambda terminal: False) -> int:
        """Read to the end and return the exit code, or until `then` is true and return 0."""
        while not then(self):
            try:
                chunk = os.read(self._outer, 65_536)
            except OSError:  # end of the output of a terminal
                chunk = b""
            if not chunk:
                os.close(self._outer)
                return self.process.wait(60)
            self.seen += self._decoder.decode(chunk)
            self._stream.feed(chunk)
            if panel := self._panel():
                self.panels.append(panel)
        return 0

    def resize(self, columns: int, lines: int) -> None:
        self.screen.resize(lines, columns)
        self._set_size(columns, lines)
        self.panels, self.seen = [], ""

    def press_ctrl_c(self) -> None:
        self.process.send_signal(signal.SIGINT)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def _panel(self) -> list[str]:
        """Return the lines of the panel if it is completely drawn, otherwise no lines."""
        lines = [line.rstrip() for line in self.screen.display]
        bottom = self.screen.cursor.y
        tops = [index for index, line in enumerate(lines[:bottom]) if line.startswith(TOP)]
        if not tops or not re.fullmatch(f"{BOTTOM}─+╯", lines[bottom]):
            return []
        return lines[tops[-1] : bottom + 1]

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._outer, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def assert_drawn_within(terminal: Terminal, columns: int, lines: int) -> None:
    """Check that the panel always fitted the terminal and had all its sides."""
    written = [line for line in re.split(r"[\r\n]+", ESCAPE.sub("", terminal.seen)) if line[:1] in (TOP, SIDE, BOTTOM)]
    assert max(map(cell_len, written)) == columns
    assert terminal.panels
    for panel in terminal.panels:
        assert len(panel) < lines
        assert {len(line) for line in panel} == {columns}
        assert {line[0] + line[-1] for line in panel[1:-1]} == {SIDE + SIDE}


@pytest.mark.parametrize(
    ("columns", "lines", "environment"),
    [(80, 24, {}), (120, 40, {"NO_COLOR": "1"}), (50, 10, {"COLORTERM": ""})],
    ids=["80x24", "120x40 without colour", "50x10"],
)
def test_a_live_panel_that_fits(tmp_path: Path, columns: int, lines: int, environment: dict[str, str]) -> None:
    terminal = Terminal(tmp_path, columns, lines, **environment)
    assert terminal.watch() == 0, terminal.seen
    assert_drawn_within(terminal, columns, lines)
    plain = ESCAPE.sub("", terminal.seen)
    assert re.search(r"\d,\d\d\d/10,000 images   [\d,]+ images/s", plain)
    assert "next: gan sample runs/gan" in terminal.text
    assert TOP not in terminal.text
    assert bool(COLOUR.search(terminal.seen)) == ("NO_COLOR" not in environment)
    assert ("▀" in plain) == (lines > 10 and "NO_COLOR" not in environment)
    if lines > 10:
        assert re.search(r"images/s   0:00:\d\d left   \d\.\d GB", plain)
        assert re.search(r"D\(x\) +0\.\d{4} +0\.5000", plain)
        assert re.search(r"V\(D,G\) +-\d\.\d{4} +-1\.3863", plain)


def test_another_size_and_an_interruption(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, 120, 40)
    terminal.watch(lambda terminal: bool(terminal.panels) and "D(x)" in terminal.text)
    assert_drawn_within(terminal, 120, 40)
    terminal.resize(70, 30)
    terminal.watch(lambda terminal: any(len(panel[0]) == 70 for panel in terminal.panels))
    assert terminal.text.count("gan train gan") == 1
    assert "gan on digits" in terminal.text
    terminal.press_ctrl_c()
    assert terminal.watch() == 75
    assert TOP not in terminal.text
    assert "continue with:\n  gan train gan" in terminal.text.replace("\n  --", " --")
