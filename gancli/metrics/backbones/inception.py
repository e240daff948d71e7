"""Inception v3 as published for TensorFlow in December 2015, the network that defines FID, KID and the Inception Score.
Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision".

It differs from torchvision's network of that name: it has 1,008 outputs, its average pooling excludes padding, its last
block uses max pooling, and its input is (bytes - 128) / 128 of images resized to 299x299 with the bilinear rule of
TensorFlow 1, which aligns the corners of pixels and does not smooth. Its tensors have the names of torch-fidelity's
file, and its outputs are those of torch-fidelity: 2,048 features, and logits without bias, as the Inception Score uses
them. The weights are accepted only with the SHA-256 of the published file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.errors import DataError, UsageError
from gancli.metrics.backbones import BackboneOutput
from gancli.weights.download import PublishedWeights, check, find, read

SIDE = 299

FEATURES = 2_048

CLASSES = 1_008

WEIGHTS = PublishedWeights(
    network="Inception",
    file="weights-inception-2015-12-05-6726825d.pth",
    url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    size="96 MB",
)

_INSTEAD = (
    "use --backbone classifier, which needs no download and measures FD(classifier) instead of FID, or use --metrics "
    "swd"
)

_COUNTERS = "num_batches_tracked"
"""Buffers of batch normalisation that a file may lack, since they are used in training only."""

Kernel = tuple[int, int]


def load_inception(file: Path | None = None) -> Inception:
    """Load the network with its weights, in eval mode and without gradients, on the CPU.

    Args:
        file: file of the weights; None: the file of torch-fidelity in the cache, downloaded if it is missing.

    Raises:
        DataError: the weights are unavailable, or not the published ones; the message says what to do.
    """
    network = Inception()
    missing, unexpected = network.load_state_dict(read(WEIGHTS, _find(file)), strict=False)
    if unexpected or any(not name.endswith(_COUNTERS) for name in missing):
        raise DataError(
            f"{WEIGHTS.file} does not contain the tensors of Inception; download it again from {WEIGHTS.url}"
        )
    return network.requires_grad_(False).eval()


@dataclass(frozen=True)
class Step:
    """A convolution of a branch: padded to the size of its input with stride 1, and without padding with stride 2."""

    channels: int
    kernel: Kernel = (1, 1)
    stride: int = 1

    @property
    def padding(self) -> Kernel:
        return (0, 0) if self.stride > 1 else (self.kernel[0] // 2, self.kernel[1] // 2)


HORIZONTAL, VERTICAL = (1, 7), (7, 1)

SQUARE, LARGE = (3, 3), (5, 5)

Branches = Mapping[str, Sequence[Step]]
"""Steps of each branch, by name of the branch."""


class Convolution(nn.Module):
    """A convolution without bias, batch normalisation and a rectifier."""

    def __init__(self, inputs: int, outputs: int, kernel: Kernel, *, stride: int = 1, padding: Kernel = (0, 0)) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.bn(self.conv(x))
        return normed.relu()


class Mixed(nn.Module):
    """Parallel branches, with a pooling branch as the last; their outputs are concatenated in that order.

    Args:
        inputs: number of input channels.
        branches: steps of each branch.
        pooled: number of channels of the convolution after the pooling.
        maximum: True for max pooling, False for average pooling.
        fork: True to split the last step of every branch with several steps into a 1x3 and a 3x1 convolution.
    """

    def __init__(
        self, inputs: int, branches: Branches, pooled: int, *, maximum: bool = False, fork: bool = False
    ) -> None:
        super().__init__()
        self.chains: list[list[list[str]]] = []
        for name, steps in {**branches, "branch_pool": [Step(pooled)]}.items():
            channels, chain = inputs, []
            for number, step in enumerate(steps, 1):
                key = f"{name}_{number}" if len(steps) > 1 else name
                parallel = {key: step}
                if fork and 1 < number == len(steps):
                    parallel = {f"{key}a": Step(step.channels, (1, 3)), f"{key}b": Step(step.channels, (3, 1))}
                for part_key, part in parallel.items():
                    self.add_module(part_key, Convolution(channels, part.channels, part.kernel, padding=part.padding))
                chain.append(list(parallel))
                channels = step.channels
            self.chains.append(chain)
        mean = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
        self.pool = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1) if maximum else mean

    def forward(self, x: Tensor) -> Tensor:
        ends = [x] * (len(self.chains) - 1) + [self.pool(x)]
        for index, chain in enumerate(self.chains):
            for names in chain:
                ends[index] = torch.cat([self.get_submodule(name)(ends[index]) for name in names], 1)
        return torch.cat(ends, 1)


class Reduction(nn.Module):
    """Parallel branches that end with stride 2, and a max pooling branch."""

    def __init__(self, inputs: int, branches: Branches) -> None:
        super().__init__()
        self.chains: list[list[str]] = []
        for name, steps in branches.items():
            channels, chain = inputs, []
            for number, step in enumerate(steps, 1):
                key = f"{name}_{number}" if len(steps) > 1 else name
                layer = Convolution(channels, step.channels, step.kernel, stride=step.stride, padding=step.padding)
                self.add_module(key, layer)
                chain.append(key)
                channels = step.channels
            self.chains.append(chain)

    def forward(self, x: Tensor) -> Tensor:
        ends = []
        for chain in self.chains:
            end = x
            for name in chain:
                end = self.get_submodule(name)(end)
            ends.append(end)
        return torch.cat([*ends, F.max_pool2d(x, 3, stride=2)], 1)


class Inception(nn.Module):
    """From images (N, 1 or 3, H, W) in [-1, 1] to features (N, 2048) and logits (N, 1008)."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, SQUARE, stride=2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, SQUARE)
        self.Conv2d_2b_3x3 = Convolution(32, 64, SQUARE, padding=(1, 1))
        self.Conv2d_3b_1x1 = Convolution(64, 80, (1, 1))
        self.Conv2d_4a_3x3 = Convolution(80, 192, SQUARE)
        self.Mixed_5b = Mixed(192, _squares(), 32)
        self.Mixed_5c = Mixed(256, _squares(), 64)
        self.Mixed_5d = Mixed(288, _squares(), 64)
        once, twice = [Step(384, SQUARE, 2)], [Step(64), Step(96, SQUARE), Step(96, SQUARE, 2)]
        self.Mixed_6a = Reduction(288, {"branch3x3": once, "branch3x3dbl": twice})
        self.Mixed_6b = Mixed(768, _lines(128), 192)
        self.Mixed_6c = Mixed(768, _lines(160), 192)
        self.Mixed_6d = Mixed(768, _lines(160), 192)
        self.Mixed_6e = Mixed(768, _lines(192), 192)
        lines = [Step(192), Step(192, HORIZONTAL), Step(192, VERTICAL), Step(192, SQUARE, 2)]
        self.Mixed_7a = Reduction(768, {"branch3x3": [Step(192), Step(320, SQUARE, 2)], "branch7x7x3": lines})
        self.Mixed_7b = Mixed(1280, _forks(), 192, fork=True)
        self.Mixed_7c = Mixed(2048, _forks(), 192, fork=True, maximum=True)
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, images: Tensor) -> BackboneOutput:
        """Return features and logits.

        Raises:
            UsageError: the images have neither 1 nor 3 channels.
        """
        if images.shape[1] not in (1, 3):
            raise UsageError(f"Inception requires 1 or 3 channels, not {images.shape[1]}; use another --backbone")
        colour = images.expand(-1, 3, -1, -1)
        # The preprocessing of the original network: levels are not rounded, and 128 is the middle.
        x = (resize_like_tensorflow((colour + 1) * 127.5) - 128) / 128
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, stride=2)))
        x = F.max_pool2d(x, 3, stride=2)
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = self.get_submodule(f"Mixed_{name}")(x)
        features = x.mean((2, 3))
        return BackboneOutput(features, features @ self.fc.weight.T)


def resize_like_tensorflow(images: Tensor, side: int = SIDE) -> Tensor:
    """Resize images (N, C, H, W) to side x side as TensorFlow 1 does: output i is interpolated at i * H / side."""
    for dim in (2, 3):
        size = images.shape[dim]
        position = torch.arange(side, device=images.device, dtype=torch.float32) * torch.tensor(size / side)
        before = position.long()
        after = (before + 1).clamp(max=size - 1)
        weight = (position - before).view(-1, 1) if dim == 2 else position - before
        low, high = images.index_select(dim, before), images.index_select(dim, after)
        images = low + (high - low) * weight
    return images


def _squares() -> Branches:
    return {
        "branch1x1": [Step(64)],
        "branch5x5": [Step(48), Step(64, LARGE)],
        "branch3x3dbl": [Step(64), Step(96, SQUARE), Step(96, SQUARE)],
    }


def _lines(inner: int) -> Branches:
    return {
        "branch1x1": [Step(192)],
        "branch7x7": [Step(inner), Step(inner, HORIZONTAL), Step(192, VERTICAL)],
        "branch7x7dbl": [
            Step(inner),
            Step(inner, VERTICAL),
            Step(inner, HORIZONTAL),
            Step(inner, VERTICAL),
            Step(192, HORIZONTAL),
        ],
    }


def _forks() -> Branches:
    return {
        "branch1x1": [Step(320)],
        "branch3x3": [Step(384), Step(384)],
        "branch3x3dbl": [Step(448), Step(384, SQUARE), Step(384)],
    }


def _find(file: Path | None) -> Path:
    if file is None:
        return find(WEIGHTS, instead=_INSTEAD)
    if not file.is_file():
        raise DataError(f"{file} is no file; use --backbone {WEIGHTS.file}, or --backbone inception to download it")
    check(WEIGHTS, file)
    return file
