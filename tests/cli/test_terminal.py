"""What a person sees in a real terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [
    *(sys.executable, "-m", "gancli", "train", "gan", "--device", "cpu"),
    *("--set", "train.images=20_000", "--set", "data.resolution=8"),
]


def watch(tmp_path: Path, **environment: str) -> str:
    """Runs a short training on a terminal of its own and returns everything that reached it."""
    outer, inner = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **environment}
    process = subprocess.Popen(COMMAND, cwd=tmp_path, stdin=inner, stdout=inner, stderr=inner, env=environment)
    os.close(inner)
    seen = b""
    while True:
        try:
            chunk = os.read(outer, 65_536)
        except OSError:  # how the end of a terminal's output reads
            break
        if not chunk:
            break
        seen += chunk
    os.close(outer)
    assert process.wait(60) == 0, seen.decode()
    return seen.decode()


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}], ids=["colour", "no colour"])
def test_a_live_panel_with_the_optimum_beside_every_value(tmp_path: Path, environment: dict[str, str]) -> None:
    seen = watch(tmp_path, **environment)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert "gan train gan" in plain
    assert re.search(r"20,0\d\d/20,000 images|\d,\d\d\d/20,000 images", plain)
    assert re.search(r"discriminator/D\(x\)\s+0\.\d+\s+0\.5000", plain)
    assert re.search(r"discriminator/V\(D,G\)\s+-\d\.\d+\s+-1\.3863", plain)
    assert "next: gan sample runs/gan" in plain
    colours = re.findall(r"\x1b\[[0-9;]*(?:3[0-7]|38;5;\d+)m", seen)
    assert bool(colours) == (not environment)
