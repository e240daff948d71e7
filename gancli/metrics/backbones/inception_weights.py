"""Inception's weights: a file of one's own or one downloaded once, of the one SHA-256 that makes a FID a FID."""

from __future__ import annotations

from pathlib import Path

from gancli.errors import DataError
from gancli.metrics.backbones.inception import Inception
from gancli.weights.published import Published, check, find, read

WEIGHTS = Published(
    of="Inception",
    file="weights-inception-2015-12-05-6726825d.pth",
    folder="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    size="96 MB",
)

_INSTEAD = (
    "measure without a download by --backbone classifier, which makes it FD(classifier) instead of FID, or by "
    "--metrics swd"
)

_COUNTERS = "num_batches_tracked"
"""Of batch normalisation, which a file may lack and nobody reads once training is over."""


def load_inception(file: Path | None = None) -> Inception:
    """The network with its weights, in eval mode and without gradients, on the CPU.

    Args:
        file: of one's own; None: the one in the cache, else torch-fidelity's, downloaded if it is missing.

    Raises:
        DataError: they cannot be had, or are not those; the text says what to do.
    """
    network = Inception()
    missing, unexpected = network.load_state_dict(read(WEIGHTS, _found(file)), strict=False)
    if unexpected or any(not name.endswith(_COUNTERS) for name in missing):
        raise DataError(f"{WEIGHTS.file} does not hold the tensors of Inception; fetch it again from {WEIGHTS.folder}")
    return network.requires_grad_(False).eval()


def _found(file: Path | None) -> Path:
    if file is None:
        return find(WEIGHTS, instead=_INSTEAD)
    if not file.is_file():
        raise DataError(f"{file} is no file; name {WEIGHTS.file} with --backbone, or `inception` to have it downloaded")
    check(WEIGHTS, file)
    return file
