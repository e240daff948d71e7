"""S5: archives of downloads cannot write outside their folder, and nothing listens for connections (S9)."""

from __future__ import annotations

import gzip
import io
import re
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from torchvision.datasets.utils import extract_archive

import gancli
from gancli.data.sources.idx import read_idx
from gancli.errors import DataError

NAMES = (
    *("../escape", "../../escape", "a/../../escape", "/tmp/gancli-escape", "//tmp/gancli-escape", "./../escape"),
    *("a/../../../escape", "..", "../", "a/./../../escape"),
)

LINKS = ("..", "../..", "/", "/etc", "../escape", "a/../../escape", "/etc/passwd", "../../x")

DEVICES = (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)


def tar(entries: list[tarfile.TarInfo], mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for entry in entries:
            content = b"hostile" if entry.isreg() else b""
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.mode = 0o6777 if kind == tarfile.REGTYPE else 0o777
    return info


def zipped(name: str, link: str | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        if link is not None:
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, link or "hostile")
    return buffer.getvalue()


def hostile() -> Iterator[tuple[str, bytes]]:
    for mode, suffix in (("w", "tar"), ("w:gz", "tar.gz"), ("w:xz", "tar.xz")):
        for number, name in enumerate(NAMES):
            yield f"name-{number}.{suffix}", tar([entry(name)], mode)
        for number, target in enumerate(LINKS):
            for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                link = entry("link", kind, target)
                yield f"link-{number}-{kind.decode()}.{suffix}", tar([link, entry("link/escape")], mode)
        for kind in DEVICES:
            yield f"device-{kind.decode()}.{suffix}", tar([entry("device", kind)], mode)
    for number, name in enumerate(NAMES):
        yield f"name-{number}.zip", zipped(name)
    for number, target in enumerate(LINKS):
        yield f"link-{number}.zip", zipped("link", target)


ARCHIVES = dict(hostile())


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="Python before 3.11.4 has no filter for archives")
def test_s5_nothing_is_written_outside(tmp_path: Path) -> None:
    """TorchVision unpacks all archives of downloads; this is its function, in the installed version."""
    assert len(ARCHIVES) >= 80
    inside = tmp_path / "deep" / "deeper" / "data"
    for name, content in ARCHIVES.items():
        inside.mkdir(parents=True)
        archive = tmp_path / name
        archive.write_bytes(content)
        with suppress(tarfile.TarError, OSError, ValueError, KeyError, RuntimeError):  # refused
            extract_archive(archive, inside)
        outside = {path for path in tmp_path.rglob("*") if inside not in (path, *path.parents)}
        assert outside == {archive, tmp_path / "deep", tmp_path / "deep" / "deeper"}, name
        for path in inside.rglob("*"):
            assert not path.is_symlink() or path.resolve().is_relative_to(inside), name
            assert stat.S_IFMT(path.lstat().st_mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK), name
            assert not path.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID), name
        archive.unlink()
        for path in sorted(inside.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        inside.rmdir()
        inside.parent.rmdir()
        inside.parent.parent.rmdir()
    assert not Path("/tmp/gancli-escape").exists()


def idx(shape: tuple[int, ...], content: bytes) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + b"".join(struct.pack(">I", side) for side in shape) + content


@pytest.mark.parametrize(
    "content",
    [
        idx((2**31, 28, 28), b""),
        idx((2**32 - 1, 2**32 - 1, 2**32 - 1), b""),
        idx((10, 28, 28), b"\0" * 50_000_000),
        idx((10, 28, 28), b"\0" * 5),
        idx((10,), b""),
        b"\0\0\x08",
        b"\0" * 50_000_000,
    ],
)
def test_s5_compressed_bombs_are_read_as_far_as_their_header_says(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(content, 1))
    with pytest.raises(DataError, match=r"images\.gz is damaged"):
        read_idx(path)


def test_s9_nothing_listens_for_connections() -> None:
    """Pages are files. A server would have to listen on this machine alone."""
    servers = re.compile(r"http\.server|socketserver|asyncio\.start_server|\.listen\(|uvicorn|flask|aiohttp")
    found = [path for path in Path(gancli.__file__).parent.rglob("*.py") if servers.search(path.read_text("utf-8"))]
    assert found == []
