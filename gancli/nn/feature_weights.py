"""The weights of a feature network: a file of one's own or one that is downloaded once, and checked either way.

A file ends its name, before `.pth` or `.safetensors`, in a hyphen and the first eight digits of its SHA-256 or more, as
`vgg19-dcbb9e9d.pth` does; so whoever names a file has also said what is in it. A file of VGG-19's name is held to all
64 digits. A `.pth` is opened by a process of its own, and of it nothing but tensors is read.
"""

from __future__ import annotations

import re
from pathlib import Path

from gancli.errors import DataError
from gancli.weights import published
from gancli.weights.fetching import sha256_of
from gancli.weights.foreign import read_foreign
from gancli.weights.published import Published
from gancli.weights.tensor_file import Tensors

VGG19 = Published(
    of="VGG-19",
    file="vgg19-dcbb9e9d.pth",
    folder="https://download.pytorch.org/models",
    sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
    size="575 MB",
    prefix="features.",
)
"""As torchvision distributes them. Kept are the convolutions, 80 MB; the classifier on top of them is most of it."""

_INSTEAD = "name it in model.features_file"

_DIGITS = re.compile(r"-([0-9a-f]{8,64})\.(pth|safetensors)$")


def find_weights(file: Path | None) -> Path:
    """The file, after comparing its SHA-256 with its name.

    A family calls it in `players`, so that a stage that needs the weights does not find out, perhaps after days of an
    earlier one, that they are missing.

    Args:
        file: of one's own; None: VGG-19's, from the cache or the folder where PyTorch keeps weights, downloaded if it
            is missing.

    Raises:
        DataError: it is not there and cannot be fetched, or is not what its name says; the text says what to do.
    """
    if file is None:
        return published.find(VGG19, instead=_INSTEAD)
    if not file.is_file():
        raise DataError(f"{file} is no file; name one in model.features_file, or leave it out to download {VGG19.file}")
    digits = _DIGITS.search(file.name)
    if digits is None:
        raise DataError(
            f"{file.name} does not say what is in it: rename it to end in the first eight digits of its SHA-256, as "
            f"{VGG19.file} does"
        )
    if file.name == VGG19.file:
        published.check(VGG19, file)
        return file
    found = sha256_of(file)
    if not found.startswith(digits[1]):
        raise DataError(
            f"{file} is damaged, or another file: its SHA-256 begins with {found[:8]}, its name says {digits[1][:8]}; "
            "fetch it again"
        )
    return file


def read_weights(file: Path | None) -> Tensors:
    """The tensors of such a file by their names, on the CPU; nothing in it is ever executed.

    Raises:
        DataError: as `find_weights`, or it holds no tensors.
    """
    path = find_weights(file)
    return published.read(VGG19, path) if file is None or path.name == VGG19.file else read_foreign(path)
