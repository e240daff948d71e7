"""Small input files: regular files only, limited in size, within their folder, one JSON object."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from gancli.errors import DataError
from gancli.io.input_files import open_regular, parse_json_object, read_json_object, read_limited


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """End a test that waits for a pipe."""
    previous = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waited for a writer"))
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


def test_a_json_object_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert read_json_object(tmp_path / "a.json") == {"a": 1}


def test_pipes_devices_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "pipe", tmp_path / "folder", Path("/dev/zero")):
        with pytest.raises(DataError, match="is refused: it is not a regular file"):
            read_json_object(path)


def test_size_is_limited(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1_000_001)
    with pytest.raises(DataError, match="is refused: it is larger than 1 MB"):
        read_limited(tmp_path / "a", limit=1_000_000)
    assert len(read_limited(tmp_path / "a", limit=1_000_001)) == 1_000_001


def test_links_stay_within_their_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "outside").write_text("{}")
    (run / "inside").write_text("{}")
    (run / "away").symlink_to(tmp_path / "outside")
    (run / "link").symlink_to(run / "inside")
    with pytest.raises(DataError, match="is a link to a file outside"):
        open_regular(run / "away", within=run)
    open_regular(run / "link", within=run).close()
    open_regular(run / "away").close()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("[1]", "must contain one JSON object"),
        ("3", "must contain one JSON object"),
        ("", "is damaged"),
        ('{"a": }', "is damaged"),
        (b"\xff\xfe\x00", "is damaged"),
        ('{"a": ' + "1" * 10_000 + "}", "is damaged"),
    ],
)
def test_damaged_json_is_one_sentence(text: str | bytes, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as caught:
        parse_json_object(text, name="a.json")
    assert str(caught.value).startswith("a.json")
    assert "\n" not in str(caught.value)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone cannot be read: no such file"):
        read_json_object(tmp_path / "gone")
