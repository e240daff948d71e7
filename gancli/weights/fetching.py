"""Files that are downloaded once, and known by their SHA-256."""

from __future__ import annotations

import hashlib
import socket
from functools import lru_cache
from pathlib import Path

import torch

_TIMEOUT = 30.0  # seconds without an answer


def weights_folder() -> Path:
    """Where PyTorch's own programs keep weights that they download; it need not exist."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def download(url: str, path: Path) -> None:
    """Fetches a file to `path`, whose folder is made; whatever goes wrong on the network is raised as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        torch.hub.download_url_to_file(url, str(path), progress=False)
    finally:
        socket.setdefaulttimeout(before)


def told(error: Exception) -> str:
    """What an error says, as a clause."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hex, computed once for each of its states."""
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _digest(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
