"""Features of a pretrained network, for perceptual losses.

VGG-19 of Simonyan and Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition", with
torchvision's ImageNet weights. Its layers are named `conv<i>_<j>` (the j-th convolution of block i before its
activation), `relu<i>_<j>` (after its activation) and `pool<i>` (the pooling after block i).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.errors import DataError, UsageError
from gancli.runtime.private_torch import FakeTensorMode, unset_fake_temporarily
from gancli.weights import download
from gancli.weights.download import PublishedWeights, sha256_of
from gancli.weights.safetensors_file import Tensors
from gancli.weights.sandbox import read_foreign

CONVOLUTIONS = (2, 2, 4, 4, 4)
"""Number of convolutions of each block."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's images in [0, 1] (red, green, blue), with which inputs are normalised."""


class FeatureNetwork(nn.Module):
    """Map images (N, 1 or 3, H, W) in [-1, 1] to features (N, C, h, w) by layer name.

    The network belongs to no player and is not part of checkpoints: its weights are neither parameters nor buffers, and
    are loaded from a verified file on the first call. A model that was trained with it can be used without it.
    Gradients flow through it to the images.

    Args:
        layers: names of the layers, such as `relu5_4`; layers after the deepest one are not computed.
        file: file with the weights (default: torchvision's, downloaded once).

    Raises:
        UsageError: a layer does not exist.
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
        """Return features in float32, independent of the precision of the computation.

        Raises:
            DataError: the weights are not available, or do not fit the network.
            UsageError: the images are too small for the layers, or do not have 1 or 3 channels.
        """
        weights, features = self._on(images.device), {}
        x = self._normalised(images)
        for layer in list(_layers())[: self._depth]:
            if layer.kind == "conv":
                x = F.conv2d(x, weights[f"{layer.key}.weight"], weights[f"{layer.key}.bias"], padding=1)
            elif layer.kind == "relu":
                x = x.relu()
            elif min(x.shape[2:]) < 2:
                height, width = images.shape[2:]
                raise UsageError(
                    f"images of {height}x{width} are too small for the layer {layer.name}; set data.resolution to 32"
                )
            else:
                x = F.max_pool2d(x, 2)
            if layer.name in self.layers:
                features[layer.name] = x.float()
        return features

    def extra_repr(self) -> str:
        return ", ".join(self.layers)

    def _normalised(self, images: Tensor) -> Tensor:
        if images.shape[1] not in (1, 3):
            raise UsageError(f"VGG-19 needs 1 or 3 channels, not {images.shape[1]}; set data.channels to 3 or 1")
        return ((images + 1) / 2 - self.mean) / self.std

    def _on(self, device: torch.device) -> dict[str, Tensor]:
        if device not in self._weights:
            with unset_fake_temporarily() as fake_mode:
                weights = _checked(read_weights(self._file), self._depth)
            if isinstance(fake_mode, FakeTensorMode):  # operations are being counted
                weights = {key: fake_mode.from_tensor(tensor) for key, tensor in weights.items()}
            self._weights[device] = {key: _channels_last(tensor.to(device)) for key, tensor in weights.items()}
        return self._weights[device]


class _Layer(NamedTuple):
    kind: str
    name: str
    key: str


def _layers() -> Iterator[_Layer]:
    """Yield the layers in order; the key of a convolution is the prefix of the names of its weights."""
    index = 0
    for block, convolutions in enumerate(CONVOLUTIONS, 1):
        for number in range(1, convolutions + 1):
            yield _Layer("conv", f"conv{block}_{number}", f"features.{index}")
            yield _Layer("relu", f"relu{block}_{number}", "")
            index += 2
        yield _Layer("pool", f"pool{block}", "")
        index += 1


def _checked(weights: dict[str, Tensor], depth: int) -> dict[str, Tensor]:
    """Return the weights of the first `depth` layers, after checking their shapes."""
    kept: dict[str, Tensor] = {}
    channels = 3
    for layer in list(_layers())[:depth]:
        if layer.kind != "conv":
            continue
        weight, bias = (weights.get(f"{layer.key}.{part}") for part in ("weight", "bias"))
        if weight is None or bias is None or weight.shape[1:] != (channels, 3, 3) or bias.shape != weight.shape[:1]:
            raise DataError(
                f"the VGG-19 weights have no convolution {layer.key!r} with kernel 3 and {channels} channels; "
                "set model.features_file to a file with weights of VGG-19, or remove the option"
            )
        channels = len(weight)
        kept |= {f"{layer.key}.weight": weight.detach().float(), f"{layer.key}.bias": bias.detach().float()}
    return kept


def _channels_last(tensor: Tensor) -> Tensor:
    """Convert kernels to the channels-last format, which convolutional generators use."""
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


VGG19 = PublishedWeights(
    network="VGG-19",
    file="vgg19-dcbb9e9d.pth",
    url="https://download.pytorch.org/models",
    sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
    size="575 MB",
    prefix="features.",
)
"""The weights that torchvision distributes. Only those of the convolutions, 80 MB, are kept."""

_DIGITS = re.compile(r"-([0-9a-f]{8,64})\.(pth|safetensors)$")


def find_weights(file: Path | None) -> Path:
    """Return the weights file, after comparing its SHA-256 with its name.

    A family calls it in `players`, so that missing weights are reported before training and not in a later stage.

    Args:
        file: file with the weights (default: VGG-19's from the cache or from PyTorch's folder for weights, downloaded
            if it is missing).

    Raises:
        DataError: the file is missing and cannot be downloaded, or its content does not fit its name.
    """
    if file is None:
        return download.find(VGG19, instead="set model.features_file to it")
    if not file.is_file():
        raise DataError(
            f"{file} does not exist; set model.features_file to a file, or remove the option to download {VGG19.file}"
        )
    digits = _DIGITS.search(file.name)
    if digits is None:
        raise DataError(
            f"the name of {file.name} does not contain its SHA-256; rename it to end in the first eight digits, like "
            f"{VGG19.file}"
        )
    if file.name == VGG19.file:
        download.check(VGG19, file)
        return file
    actual = sha256_of(file)
    if not actual.startswith(digits[1]):
        raise DataError(
            f"{file} is damaged or another file: its SHA-256 starts with {actual[:8]}, but its name with "
            f"{digits[1][:8]}; download it again"
        )
    return file


def read_weights(file: Path | None) -> Tensors:
    """Return the tensors of a weights file by name, on the CPU, without executing any of its content.

    Raises:
        DataError: as in `find_weights`, or the file contains no tensors.
    """
    path = find_weights(file)
    return download.read(VGG19, path) if file is None or path.name == VGG19.file else read_foreign(path)
