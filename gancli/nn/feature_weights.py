"""The weights of a feature network: a file of one's own or one that is downloaded once, and checked either way.

A file ends its name, before `.pth` or `.safetensors`, in a hyphen and the first eight digits of its SHA-256 or more, as
`vgg19-dcbb9e9d.pth` does; so whoever names a file has also said what is in it. Of a `.pth` nothing but tensors is read.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gancli.errors import DataError
from gancli.weights.fetching import download, sha256_of, told, weights_folder

VGG19 = "vgg19-dcbb9e9d.pth"
"""What torchvision calls VGG-19's weights."""

_DIGITS = re.compile(r"-([0-9a-f]{8,64})\.(pth|safetensors)$")


def find_weights(file: Path | None) -> Path:
    """The file, after comparing its SHA-256 with its name.

    A family calls it in `players`, so that a stage that needs the weights does not find out, perhaps after days of an
    earlier one, that they are missing.

    Args:
        file: of one's own; None: VGG-19's in the folder where torchvision keeps weights, downloaded if it is missing.

    Raises:
        DataError: it is not there and cannot be fetched, or is not what its name says; the text says what to do.
    """
    path = _downloaded() if file is None else file
    if not path.is_file():
        raise DataError(f"{path} is no file; name one in model.features_file, or leave it out to download {VGG19}")
    digits = _DIGITS.search(path.name)
    if digits is None:
        raise DataError(
            f"{path.name} does not say what is in it: rename it to end in the first eight digits of its SHA-256, as "
            f"{VGG19} does"
        )
    found = sha256_of(path)
    if not found.startswith(digits[1]):
        raise DataError(
            f"{path} is damaged, or another file: its SHA-256 begins with {found[:8]}, its name says {digits[1][:8]}; "
            "fetch it again"
        )
    return path


def read_weights(file: Path | None) -> dict[str, Tensor]:
    """The tensors of such a file by their names, on the CPU; nothing in it is ever executed.

    Raises:
        DataError: as `find_weights`, or it holds something else than tensors.
    """
    path = find_weights(file)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise DataError(f"{path} holds no weights ({(str(error).splitlines() or ['empty'])[0][:200]})") from None
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise DataError(f"{path} holds no weights: it should be a dictionary of tensors, a PyTorch state dict")
    return content


def _downloaded() -> Path:
    folder = weights_folder()
    path = folder / VGG19
    if path.is_file():
        return path
    try:
        from torchvision.models import VGG19_Weights

        download(VGG19_Weights.IMAGENET1K_V1.url, path)
    except Exception as error:  # of the network, whose kinds are many
        raise DataError(
            f"the weights of VGG-19 could not be downloaded ({told(error)}): fetch torchvision's {VGG19}, 548 MB, and "
            f"put it into {folder}, or name it in model.features_file"
        ) from None
    return path
