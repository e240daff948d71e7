"""Building a torchvision data set, which may download it, with one sentence where that fails."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gancli.cache_folder import cache_folder
from gancli.errors import DataError

_TIMEOUT = 30.0  # seconds without an answer; torchvision itself would wait for ever


def download_folder(source: str, root: Path | None) -> Path:
    """Where a source's files are looked for, and downloaded to: `data.root`, or a folder of the cache."""
    return root or cache_folder() / "downloads" / source


def build(name: str, *, source: str, root: Path, files: str, **options: Any) -> Any:
    """An object of the torchvision data set class called `name`.

    Args:
        source: what the recipe calls it.
        root: the folder that holds the files or shall hold them.
        files: what to put there by hand, for the error.
        options: of the class; `download=True` fetches what is missing.

    Raises:
        DataError: it could not be had, whatever the reason.
    """
    import torchvision.datasets

    new = [folder for folder in (root / name, root) if not folder.exists()]  # torchvision puts MNIST's into its own
    try:
        if options.get("download"):
            root.mkdir(parents=True, exist_ok=True)
        with _quiet():
            return getattr(torchvision.datasets, name)(str(root), **options)
    except Exception as error:  # of the network, of archives, of missing packages: torchvision passes everything on
        for folder in new:
            _remove_empty(folder)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        verb = "downloaded" if options.get("download") else "read"
        raise DataError(
            f"the source {source!r} could not be {verb} ({reason[:200]}): fetch {files} and put it into {root}, "
            "or set data.root to the folder that holds it"
        ) from error


def _remove_empty(folder: Path) -> None:
    """Takes away the empty folders that a failed download made ready; one with anything in it stays."""
    for path in sorted((*folder.rglob("*"), folder), reverse=True):
        with contextlib.suppress(OSError):
            path.rmdir()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps torchvision's remarks off standard output, which belongs to results, and gives its sockets a time limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        socket.setdefaulttimeout(before)
