"""Atomic writes: complete old or new content, exclusive temporary files, nothing left behind."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import pytest

from gancli.io import files
from gancli.io.files import atomic_file, create_exclusively, temporary_path, write_atomically


def test_a_reader_that_opened_the_old_file_keeps_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"new content")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new content"


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with suppress(ValueError), atomic_file(path) as handle:
        handle.write(b"half")
        raise ValueError("stop")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_content_is_synced_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, calls = tmp_path / "a.json", []
    real_sync, real_replace = os.fsync, os.replace

    def sync(descriptor: int) -> None:
        calls.append(("sync", os.fstat(descriptor).st_size))
        real_sync(descriptor)

    def replace(source: object, target: object) -> None:
        calls.append(("replace", os.stat(source).st_size))
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    write_atomically(path, b"12345")
    assert calls[:2] == [("sync", 5), ("replace", 5)]


def test_temporary_names_are_hidden_beside_the_file_and_differ_each_time(tmp_path: Path) -> None:
    path = tmp_path / ("long" * 50)
    names = {temporary_path(path) for _ in range(100)}
    assert len(names) == 100
    assert all(name.parent == tmp_path and name.name.startswith(".long") for name in names)
    assert all(len(name.name) < 255 for name in names)


def test_existing_files_and_links_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    link = tmp_path / "link"
    link.symlink_to(victim)
    for path in (victim, link):
        with pytest.raises(FileExistsError):
            create_exclusively(path)
    monkeypatch.setattr(files, "temporary_path", lambda path: link)
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "b", b"attack")
    assert victim.read_bytes() == b"precious"


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
