"""Features of a trained network, for losses that compare what images show instead of their pixels.

VGG-19 of Simonyan and Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition", with the
weights that torchvision distributes, which come from ImageNet. Its layers are called `conv<i>_<j>`, the j-th
convolution of block i before its activation, `relu<i>_<j>`, after it, and `pool<i>`, behind block i.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily

from gancli.errors import DataError, UsageError
from gancli.weights import download
from gancli.weights.download import Published, sha256_of
from gancli.weights.safetensors_file import Tensors
from gancli.weights.sandbox import read_foreign

CONVOLUTIONS = (2, 2, 4, 4, 4)
"""Of each block; the channels are those of the weights."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's images in [0, 1], red, green and blue, as torchvision's weights expect them to be taken out."""


class FeatureNetwork(nn.Module):
    """Images (N, 1 or 3, H, W) in [-1, 1] to features (N, C, h, w) by the name of their layer.

    It belongs to no player, and to no checkpoint either: its weights are neither parameters nor buffers but are read,
    from a file that is checked, when it is first called. So a model that was trained with it is used without it, and
    no run carries a copy of what never changes. Gradients go through it to the images.

    Args:
        layers: whose features are wanted, such as `relu5_4`; nothing beyond the deepest one is computed.
        file: with the weights, as `gancli.nn.vgg` describes; None: torchvision's, downloaded once.

    Raises:
        UsageError: there is no such layer.
    """

    def __init__(self, layers: tuple[str, ...], *, file: Path | None = None) -> None:
        super().__init__()
        names = [layer.name for layer in _layers()]
        for name in layers:
            if name not in names:
                raise UsageError(f"VGG-19 has no layer {name!r}; it has {', '.join(names)}")
        self.layers, self._file = layers, file
        self._depth = 1 + max((names.index(name) for name in layers), default=-1)
        self._weights: dict[torch.device, dict[str, Tensor]] = {}
        self.mean: Tensor
        self.std: Tensor
        for part, values in (("mean", MEAN), ("std", STD)):
            self.register_buffer(part, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Features in float32, whatever the precision they were computed in.

        Raises:
            DataError: the weights cannot be had, or are not those of such a network.
            UsageError: the images are too small for the layers, or have neither 1 nor 3 channels.
        """
        weights, found = self._on(images.device), {}
        x = self._normalised(images)
        for layer in list(_layers())[: self._depth]:
            if layer.kind == "conv":
                x = F.conv2d(x, weights[f"{layer.key}.weight"], weights[f"{layer.key}.bias"], padding=1)
            elif layer.kind == "relu":
                x = x.relu()
            elif min(x.shape[2:]) < 2:
                height, width = images.shape[2:]
                raise UsageError(f"images of {height}x{width} have no features {layer.name}; set data.resolution to 32")
            else:
                x = F.max_pool2d(x, 2)
            if layer.name in self.layers:
                found[layer.name] = x.float()
        return found

    def extra_repr(self) -> str:
        return ", ".join(self.layers)

    def _normalised(self, images: Tensor) -> Tensor:
        if images.shape[1] not in (1, 3):
            raise UsageError(f"VGG-19 sees grey or colour, not {images.shape[1]} channels; set data.channels to 3 or 1")
        return ((images + 1) / 2 - self.mean) / self.std

    def _on(self, device: torch.device) -> dict[str, Tensor]:
        if device not in self._weights:
            with unset_fake_temporarily() as empty:
                weights = _checked(read_weights(self._file), self._depth)
            if isinstance(empty, FakeTensorMode):  # where costs are counted, on tensors without content
                weights = {key: empty.from_tensor(tensor) for key, tensor in weights.items()}
            self._weights[device] = {key: _last(tensor.to(device)) for key, tensor in weights.items()}
        return self._weights[device]


class _Layer(NamedTuple):
    kind: str
    name: str
    key: str


def _layers() -> Iterator[_Layer]:
    """In their order, a convolution with the beginning of its weights' names, which count all layers alike."""
    index = 0
    for block, convolutions in enumerate(CONVOLUTIONS, 1):
        for number in range(1, convolutions + 1):
            yield _Layer("conv", f"conv{block}_{number}", f"features.{index}")
            yield _Layer("relu", f"relu{block}_{number}", "")
            index += 2
        yield _Layer("pool", f"pool{block}", "")
        index += 1


def _checked(weights: dict[str, Tensor], depth: int) -> dict[str, Tensor]:
    """What is needed of the weights, if each convolution takes what the one before it gives."""
    kept: dict[str, Tensor] = {}
    channels = 3
    for layer in list(_layers())[:depth]:
        if layer.kind != "conv":
            continue
        weight, bias = (weights.get(f"{layer.key}.{part}") for part in ("weight", "bias"))
        if weight is None or bias is None or weight.shape[1:] != (channels, 3, 3) or bias.shape != weight.shape[:1]:
            raise DataError(
                f"the feature network's weights have no convolution {layer.key!r} of kernel 3 and {channels} channels; "
                "name a file of VGG-19's in model.features_file, or leave it out"
            )
        channels = len(weight)
        kept |= {f"{layer.key}.weight": weight.detach().float(), f"{layer.key}.bias": bias.detach().float()}
    return kept


def _last(tensor: Tensor) -> Tensor:
    """With channels last, as the maps of convolutional generators lie in memory."""
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


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
        return download.find(VGG19, instead=_INSTEAD)
    if not file.is_file():
        raise DataError(f"{file} is no file; name one in model.features_file, or leave it out to download {VGG19.file}")
    digits = _DIGITS.search(file.name)
    if digits is None:
        raise DataError(
            f"{file.name} does not say what is in it: rename it to end in the first eight digits of its SHA-256, as "
            f"{VGG19.file} does"
        )
    if file.name == VGG19.file:
        download.check(VGG19, file)
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
    return download.read(VGG19, path) if file is None or path.name == VGG19.file else read_foreign(path)
