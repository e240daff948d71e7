"""Streams that fail: errors are kept, and what is written later goes into nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gancli.io.streams import TolerantStream


def full(buffering: int) -> TolerantStream:
    return TolerantStream(open("/dev/full", "w", buffering=buffering, encoding="utf-8"))


def test_a_write_that_fails_is_kept() -> None:
    stream = full(buffering=1)  # by lines
    assert stream.write("a line\n") == 7
    assert stream.error is not None
    assert stream.error.errno == errno.ENOSPC
    for _ in range(3):
        stream.write("another line\n")
        stream.flush()
    assert stream.error.errno == errno.ENOSPC
    assert os.readlink(f"/proc/self/fd/{stream.fileno()}") == os.devnull
    stream.close()


def test_a_buffer_that_cannot_be_written_is_kept() -> None:
    stream = full(buffering=4096)
    stream.write("half a line")
    assert stream.error is None
    stream.flush()
    assert stream.error is not None
    stream.writelines(["a", "b"])
    stream.flush()
    stream.close()


def test_a_stream_that_works_is_passed_through(tmp_path: Path) -> None:
    with open(tmp_path / "log", "w", encoding="utf-8") as file:
        stream = TolerantStream(file)
        stream.write("a")
        stream.writelines(["b", "c"])
        stream.flush()
        assert not stream.isatty()
        assert stream.encoding == "utf-8"
        assert stream.error is None
    assert (tmp_path / "log").read_text() == "abc"


CLOSED = """
import os, sys
from gancli.io.streams import tolerant_output
with tolerant_output():
    handle = open(sys.argv[1], "w")
    print("a message")
    os.write(1, b"of a library")
    assert handle.fileno() > 2, handle.fileno()
    handle.write("result")
    handle.close()
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_takes_the_number_of_a_closed_stream(tmp_path: Path, closed: str) -> None:
    ended = subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" "$2" {closed}', sys.executable, CLOSED, str(tmp_path / "file")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "file").read_text() == "result"


UNENCODABLE = """
from gancli.io.streams import tolerant_output
with tolerant_output():
    print("caf\\u00e9 \\ud800 \\u2192")
"""


def test_characters_that_a_stream_lacks_are_written_as_escapes() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run([sys.executable, "-c", UNENCODABLE], capture_output=True, env=environment, check=False)
    assert ended.stdout == b"caf\\xe9 \\ud800 \\u2192\n", ended.stderr
