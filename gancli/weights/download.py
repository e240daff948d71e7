"""Weights that others distribute, each a file of one SHA-256: fetched once, opened apart, and kept as safetensors.

They come as pickles, which this process never opens: a process of its own writes their tensors, and those that are
needed are kept in the cache, under a name that ends in the first digits of the copy's own SHA-256. From then on that
file alone is read, and the large one that was downloaded may go.
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
from gancli.io.cache_folder import cache_folder
from gancli.io.files import write_atomically
from gancli.weights.safetensors_file import Tensors, read_tensors
from gancli.weights.sandbox import read_foreign


@dataclass(frozen=True, kw_only=True)
class Published:
    """A file of weights.

    Args:
        of: whose weights they are, as a sentence calls it: `VGG-19`.
        file: its name.
        folder: the address that the file's name is added to.
        sha256: of it.
        size: for a person, such as `548 MB`.
        prefix: how the names of those tensors begin that are needed.
    """

    of: str
    file: str
    folder: str
    sha256: str
    size: str
    prefix: str = ""


def find(published: Published, *, instead: str, fetch: bool = True) -> Path:
    """The copy in the cache, or else the file where PyTorch keeps such files, downloaded if it is missing.

    Args:
        published: what is looked for.
        instead: what a person can do without it, as the end of a sentence.
        fetch: whether it may be downloaded.

    Raises:
        DataError: it cannot be had, or is damaged; the text says what to do.
    """
    if kept := _kept(published):
        return kept
    path = weights_folder() / published.file
    if not path.is_file():
        if not fetch:
            raise DataError(_missing(published, "are not at hand", instead))
        try:
            download(f"{published.folder}/{published.file}", path)
        except Exception as error:  # of the network, whose kinds are many
            raise DataError(_missing(published, f"could not be downloaded ({told(error)})", instead)) from None
    check(published, path)
    return path


def check(published: Published, path: Path) -> None:
    """Compares the SHA-256 of a file, wherever it lies, with the published one.

    Raises:
        DataError: it is another.
    """
    found = sha256_of(path)
    if found != published.sha256:
        raise DataError(
            f"{path} is damaged, or another file: its SHA-256 begins with {found[:8]}, that of {published.of}'s "
            f"weights with {published.sha256[:8]}; fetch {published.file} again from {published.folder}"
        )


def read(published: Published, path: Path) -> Tensors:
    """The tensors that are needed, on the CPU, of a file that `find` named or `check` let pass.

    Raises:
        DataError: it holds none.
    """
    if path.suffix == ".safetensors":
        return read_tensors(path)
    tensors = {name: tensor for name, tensor in read_foreign(path).items() if name.startswith(published.prefix)}
    with suppress(OSError):  # what is not kept is only read again
        _keep(published, tensors)
    return tensors


def _missing(published: Published, why: str, instead: str) -> str:
    return (
        f"the weights of {published.of} {why}: fetch {published.file}, {published.size}, from {published.folder} and "
        f"put it into {weights_folder()}, or {instead}"
    )


def _stem(published: Published) -> str:
    return f"{published.of.lower().replace(' ', '-')}-{published.sha256[:8]}"


def _keep(published: Published, tensors: Tensors) -> None:
    folder = cache_folder() / "backbones"
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / f"{_stem(published)}.part"
    write_atomically(whole, save(tensors))
    whole.rename(folder / f"{_stem(published)}-{sha256_of(whole)[:16]}.safetensors")


def _kept(published: Published) -> Path | None:
    """What an earlier call kept, if it is still that."""
    for path in (cache_folder() / "backbones").glob(f"{_stem(published)}-*.safetensors"):
        with suppress(OSError):
            if path.stem.endswith(sha256_of(path)[:16]):
                return path
    return None


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
