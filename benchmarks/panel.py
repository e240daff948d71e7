"""Cost of the live panel of `gan train`: processor time of a training in a terminal and without one, interleaved.

    python benchmarks/panel.py
    python benchmarks/panel.py --recipe dcgan --images 20_000 --rounds 3

The terminal has 120x40 characters and 256 colours, where the panel also shows samples. Processor time is measured
instead of wall-clock time, because the panel is rendered by a thread beside the training.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

ROWS, COLUMNS = 40, 120
GAN = str(Path(sys.executable).with_name("gan"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="gan")
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    command = [GAN, "train", arguments.recipe, "--set", f"train.images={arguments.images}", "--device", "cpu"]
    ratios = []
    for _ in range(arguments.rounds):
        plain, (panel, shown) = in_a_pipe(command), in_a_terminal(command)
        ratios.append(panel / plain)
        print(f"{arguments.recipe}: without {plain:.1f} s, with the panel {panel:.1f} s and {shown / 1e3:.0f} kB shown")
    print(f"with the panel {statistics.median(ratios):.3f} times ({min(ratios):.3f} to {max(ratios):.3f})")


def in_a_pipe(command: list[str]) -> float:
    """Return processor seconds."""
    with tempfile.TemporaryDirectory() as folder:
        return _seconds(subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL))


def in_a_terminal(command: list[str]) -> tuple[float, int]:
    """Return processor seconds, and the number of bytes sent to the terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    folder = tempfile.mkdtemp()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = 0
    while True:
        try:
            read = os.read(ours, 1 << 16)
        except OSError:  # the process that wrote to the terminal has ended
            break
        shown += len(read)
    os.close(ours)
    seconds = _seconds(process)
    shutil.rmtree(folder)
    return seconds, shown


def _seconds(process: subprocess.Popen[bytes]) -> float:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"gan ended with code {process.returncode}")
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
