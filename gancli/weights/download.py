"""Published weight files: downloaded once, verified by SHA-256, loaded in a sandbox, and cached as safetensors.

The published files are pickles, which this process never opens. A separate process extracts their tensors, and the
needed ones are cached under a name that ends in the first digits of the cached file's own SHA-256. After that only the
cached file is read, and the downloaded one may be deleted.
"""

from __future__ import annotations

import hashlib
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from safetensors.torch import save

from gancli.errors import DataError
from gancli.io.files import cache_folder, write_atomically
from gancli.weights.safetensors_file import Tensors, read_tensors
from gancli.weights.sandbox import read_foreign

_TIMEOUT = 30.0  # seconds without a response


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """A published file of weights.

    Args:
        network: name of the network in messages, such as `VGG-19`.
        file: file name.
        url: address of the directory that contains the file.
        sha256: SHA-256 of the file.
        size: size in messages, such as `548 MB`.
        prefix: prefix of the names of the needed tensors.
    """

    network: str
    file: str
    url: str
    sha256: str
    size: str
    prefix: str = ""


def find(published: PublishedWeights, *, instead: str, fetch: bool = True) -> Path:
    """Return the path of the cached copy, or of the published file, which is downloaded if it is missing.

    Args:
        published: file to look for.
        instead: an alternative for the user, as the end of the error message.
        fetch: allow a download.

    Raises:
        DataError: the file is not available, or damaged.
    """
    if cached := _find_cached(published):
        return cached
    path = weights_folder() / published.file
    if not path.is_file():
        if not fetch:
            raise DataError(_unavailable(published, "are not on this machine", instead))
        try:
            download(f"{published.url}/{published.file}", path)
        except Exception as error:  # network errors have many types
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
            raise DataError(_unavailable(published, f"could not be downloaded ({reason})", instead)) from None
    check(published, path)
    return path


def check(published: PublishedWeights, path: Path) -> None:
    """Compare the SHA-256 of a file with the published one.

    Raises:
        DataError: they differ.
    """
    actual = sha256_of(path)
    if actual != published.sha256:
        raise DataError(
            f"{path} is damaged, or another file: its SHA-256 begins with {actual[:8]}, that of {published.network}'s "
            f"weights with {published.sha256[:8]}; download {published.file} again from {published.url}"
        )


def read(published: PublishedWeights, path: Path) -> Tensors:
    """Read the needed tensors, on the CPU, of a file from `find` or one that passed `check`; cache them.

    Raises:
        DataError: the file contains no tensors or cannot be loaded safely.
    """
    if path.suffix == ".safetensors":
        return read_tensors(path)
    tensors = {name: tensor for name, tensor in read_foreign(path).items() if name.startswith(published.prefix)}
    with suppress(OSError):  # without a cached copy the file is read again next time
        _cache(published, tensors)
    return tensors


def weights_folder() -> Path:
    """Return the directory in which torch.hub keeps downloaded weights; it may not exist."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def download(url: str, path: Path) -> None:
    """Download a file to `path` and create its directory. Network errors are raised as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        torch.hub.download_url_to_file(url, str(path), progress=False)
    finally:
        socket.setdefaulttimeout(before)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex; computed again only if the file has changed."""
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _digest(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _unavailable(published: PublishedWeights, problem: str, instead: str) -> str:
    return (
        f"the weights of {published.network} {problem}: download {published.file}, {published.size}, from "
        f"{published.url} and put it into {weights_folder()}, or {instead}"
    )


def _stem(published: PublishedWeights) -> str:
    return f"{published.network.lower().replace(' ', '-')}-{published.sha256[:8]}"


def _cache(published: PublishedWeights, tensors: Tensors) -> None:
    folder = cache_folder() / "backbones"
    folder.mkdir(parents=True, exist_ok=True)
    content = save(tensors)
    digest = hashlib.sha256(content).hexdigest()
    write_atomically(folder / f"{_stem(published)}-{digest[:16]}.safetensors", content)


def _find_cached(published: PublishedWeights) -> Path | None:
    """Return the cached copy if there is one and it is not damaged."""
    for path in (cache_folder() / "backbones").glob(f"{_stem(published)}-*.safetensors"):
        with suppress(OSError):
            if path.stem.endswith(sha256_of(path)[:16]):
                return path
    return None
