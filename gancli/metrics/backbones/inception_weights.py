"""Inception's weights: a file of one's own or one that is downloaded once, of the one SHA-256 that makes a FID a FID.

They come as a pickle, which this process never opens: a process of its own writes them as safetensors into the cache,
under a name that ends in the first digits of its own SHA-256, and from then on that file alone is read.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from safetensors.torch import save

from gancli.data.cache import cache_folder
from gancli.errors import DataError
from gancli.metrics.backbones.inception import Inception
from gancli.run import write_atomically
from gancli.weights.fetching import download, sha256_of, told, weights_folder
from gancli.weights.foreign import read_foreign
from gancli.weights.tensor_file import Tensors, read_tensors

FILE = "weights-inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
RELEASE = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0"

_COUNTERS = "num_batches_tracked"
"""Of batch normalisation, which a file may lack and nobody reads once training is over."""


def load_inception(file: Path | None = None) -> Inception:
    """The network with its weights, in eval mode and without gradients, on the CPU.

    Args:
        file: of one's own; None: the one in the cache, else torch-fidelity's, downloaded if it is missing.

    Raises:
        DataError: they cannot be had, or are not those; the text says what to do.
    """
    tensors = _checked(file) if file else _cached()
    if tensors is None:
        tensors = _checked(_downloaded())
    network = Inception()
    missing, unexpected = network.load_state_dict(tensors, strict=False)
    if unexpected or any(not name.endswith(_COUNTERS) for name in missing):
        raise DataError(f"{FILE} does not hold the tensors of Inception; fetch it again from {RELEASE}")
    return network.requires_grad_(False).eval()


def _checked(path: Path) -> Tensors:
    """The tensors of the file, which are kept in the cache as well."""
    if not path.is_file():
        raise DataError(f"{path} is no file; name {FILE} with --backbone, or `inception` to have it downloaded")
    found = sha256_of(path)
    if found != SHA256:
        raise DataError(
            f"{path} is damaged, or another file: its SHA-256 begins with {found[:8]}, that of Inception's weights "
            f"with {SHA256[:8]}; fetch {FILE} again from {RELEASE}"
        )
    tensors = read_foreign(path)
    with suppress(OSError):  # what is not kept is only read again
        _keep(tensors)
    return tensors


def _keep(tensors: Tensors) -> None:
    folder = cache_folder() / "backbones"
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / f"inception-{SHA256[:8]}.part"
    write_atomically(whole, save(tensors))
    whole.rename(folder / f"inception-{SHA256[:8]}-{sha256_of(whole)[:16]}.safetensors")


def _cached() -> Tensors | None:
    """What an earlier call kept, if it is still that."""
    for path in (cache_folder() / "backbones").glob(f"inception-{SHA256[:8]}-*.safetensors"):
        with suppress(DataError):
            if path.stem.endswith(sha256_of(path)[:16]):
                return read_tensors(path)
    return None


def _downloaded() -> Path:
    path = weights_folder() / FILE
    if not path.is_file():
        try:
            download(f"{RELEASE}/{FILE}", path)
        except Exception as error:  # of the network, whose kinds are many
            raise DataError(
                f"the weights of Inception could not be downloaded ({told(error)}): fetch {FILE}, 96 MB, from "
                f"{RELEASE} and put it into {path.parent}, or measure without a download by --backbone classifier, "
                "which makes it FD(classifier) instead of FID, or by --metrics swd"
            ) from None
    return path
