"""Inception v3 as it was published for TensorFlow in December 2015: the network that FID, KID and the Inception Score
are defined by. Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision".

torchvision's network of that name is another one. This one has 1,008 answers, its average pooling does not count what
is padded, its last block pools by maxima, and it expects (bytes - 128) / 128 of images that were resized to 299x299 by
the bilinear rule of TensorFlow 1, which reads from the corners of pixels and does not smooth. The names of its tensors
are those of torch-fidelity's file, and its answers are torch-fidelity's: 2,048 features, and logits without the bias,
as the Inception Score takes them.
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
from gancli.metrics.backbones.backbone import Answers
from gancli.weights.download import PublishedWeights, check, find, read

SIDE = 299

FEATURES = 2_048

CLASSES = 1_008

Kernel = tuple[int, int]


@dataclass(frozen=True)
class Step:
    """A convolution of a branch: as large as its input at stride 1, and without padding at stride 2."""

    channels: int
    kernel: Kernel = (1, 1)
    stride: int = 1

    @property
    def padding(self) -> Kernel:
        return (0, 0) if self.stride > 1 else (self.kernel[0] // 2, self.kernel[1] // 2)


ACROSS, DOWN = (1, 7), (7, 1)

SQUARE, LARGE = (3, 3), (5, 5)

Branches = Mapping[str, Sequence[Step]]
"""The steps of each branch by its name."""


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
    """Branches side by side, and pooling as the last of them; their maps are joined in that order.

    Args:
        inputs: channels.
        branches: the steps of each.
        pooled: channels of the convolution behind the pooling.
        maximum: whether that pooling takes maxima instead of means.
        fork: whether the last step of every branch of several steps is two side by side, of 1x3 and of 3x1.
    """

    def __init__(
        self, inputs: int, branches: Branches, pooled: int, *, maximum: bool = False, fork: bool = False
    ) -> None:
        super().__init__()
        self.chains: list[list[list[str]]] = []
        for name, steps in {**branches, "branch_pool": [Step(pooled)]}.items():
            channels, chain = inputs, []
            for number, step in enumerate(steps, 1):
                called = f"{name}_{number}" if len(steps) > 1 else name
                sides = {called: step}
                if fork and 1 < number == len(steps):
                    sides = {f"{called}a": Step(step.channels, (1, 3)), f"{called}b": Step(step.channels, (3, 1))}
                for own, side in sides.items():
                    self.add_module(own, Convolution(channels, side.channels, side.kernel, padding=side.padding))
                chain.append(list(sides))
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
    """Branches that end in a stride of 2, and maxima beside them."""

    def __init__(self, inputs: int, branches: Branches) -> None:
        super().__init__()
        self.chains: list[list[str]] = []
        for name, steps in branches.items():
            channels, chain = inputs, []
            for number, step in enumerate(steps, 1):
                called = f"{name}_{number}" if len(steps) > 1 else name
                made = Convolution(channels, step.channels, step.kernel, stride=step.stride, padding=step.padding)
                self.add_module(called, made)
                chain.append(called)
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
    """Images (N, 1 or 3, H, W) in [-1, 1] to features (N, 2048) and logits (N, 1008)."""

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
        lines = [Step(192), Step(192, ACROSS), Step(192, DOWN), Step(192, SQUARE, 2)]
        self.Mixed_7a = Reduction(768, {"branch3x3": [Step(192), Step(320, SQUARE, 2)], "branch7x7x3": lines})
        self.Mixed_7b = Mixed(1280, _forks(), 192, fork=True)
        self.Mixed_7c = Mixed(2048, _forks(), 192, fork=True, maximum=True)
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, images: Tensor) -> Answers:
        """The answers.

        Raises:
            UsageError: the images have neither 1 nor 3 channels.
        """
        if images.shape[1] not in (1, 3):
            raise UsageError(f"Inception sees grey or colour, not {images.shape[1]} channels; name another --backbone")
        colour = images.expand(-1, 3, -1, -1)
        x = (resized((colour + 1) * 127.5) - 128) / 128
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, stride=2)))
        x = F.max_pool2d(x, 3, stride=2)
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = self.get_submodule(f"Mixed_{name}")(x)
        features = x.mean((2, 3))
        return Answers(features, features @ self.fc.weight.T)


def resized(images: Tensor, side: int = SIDE) -> Tensor:
    """Images (N, C, H, W) at side x side as TensorFlow 1 resizes: place i is read at i * H / side."""
    for dim in (2, 3):
        size = images.shape[dim]
        place = torch.arange(side, device=images.device, dtype=torch.float32) * torch.tensor(size / side)
        before = place.long()
        after = (before + 1).clamp(max=size - 1)
        share = (place - before).view(-1, 1) if dim == 2 else place - before
        low, high = images.index_select(dim, before), images.index_select(dim, after)
        images = low + (high - low) * share
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
        "branch7x7": [Step(inner), Step(inner, ACROSS), Step(192, DOWN)],
        "branch7x7dbl": [Step(inner), Step(inner, DOWN), Step(inner, ACROSS), Step(inner, DOWN), Step(192, ACROSS)],
    }


def _forks() -> Branches:
    return {
        "branch1x1": [Step(320)],
        "branch3x3": [Step(384), Step(384)],
        "branch3x3dbl": [Step(448), Step(384, SQUARE), Step(384)],
    }


WEIGHTS = PublishedWeights(
    network="Inception",
    file="weights-inception-2015-12-05-6726825d.pth",
    url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0",
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
        raise DataError(f"{WEIGHTS.file} does not hold the tensors of Inception; fetch it again from {WEIGHTS.url}")
    return network.requires_grad_(False).eval()


def _found(file: Path | None) -> Path:
    if file is None:
        return find(WEIGHTS, instead=_INSTEAD)
    if not file.is_file():
        raise DataError(f"{file} is no file; name {WEIGHTS.file} with --backbone, or `inception` to have it downloaded")
    check(WEIGHTS, file)
    return file
