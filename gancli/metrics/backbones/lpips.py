"""How far images are from the true ones to the eye: LPIPS.

Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", in its version 0.1. Both
images go through a network that was trained to name what ImageNet shows. Behind five of its rectifiers the features of
each place are brought to length one; their squared differences, weighed channel by channel as people's judgements of
pairs taught it, are averaged over the places and added up. 0 is for equal images; about 0.5 for ones that share little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torchvision
from torch import Tensor, nn

from gancli.errors import DataError
from gancli.weights.download import Published, find, read

MEAN, STD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of ImageNet's images in [-1, 1], red, green and blue, as LPIPS rounds them."""

EPSILON = 1e-10
"""Added to the length of features, some of which are zero at all channels."""


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """A network of torchvision's whose features are compared.

    Args:
        taps: the places of the rectifiers in its `features`.
        smallest: side of an image that has features behind the last of them, in pixels.
    """

    taps: tuple[int, ...]
    smallest: int


ARCHITECTURES = {
    "alexnet": Trunk(taps=(1, 4, 7, 9, 11), smallest=31),
    "vgg16": Trunk(taps=(3, 8, 15, 22, 29), smallest=16),
}


class LPIPS(nn.Module):
    """Pairs of images (N, 1 or 3, H, W) in [-1, 1] to their distances (N,), at least 0.

    Args:
        name: of the trunk.
        trunk: torchvision's weights of it, `features.0.weight` and so on.
        heads: weights (1, C, 1, 1) of the channels, at least 0, behind each tap: `lin0.model.1.weight` to `lin4…`.
    """

    def __init__(self, name: str, *, trunk: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._trunk = ARCHITECTURES[name]
        self.name = name
        with torch.device("meta"):  # what is drawn there at random costs nothing
            features = torchvision.models.get_model(name, weights=None).features
        kept = {key.removeprefix("features."): tensor for key, tensor in trunk.items() if key.startswith("features.")}
        features.load_state_dict(kept, assign=True)
        self.features: nn.Sequential = features[: self._trunk.taps[-1] + 1]
        for number in range(len(self._trunk.taps)):
            self.register_buffer(f"head{number}", heads[f"lin{number}.model.1.weight"])
        self.mean: Tensor
        self.std: Tensor
        for part, values in (("mean", MEAN), ("std", STD)):
            self.register_buffer(part, torch.tensor(values).view(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The distance of each pair; both images of one size.

        Raises:
            DataError: they are too small for the network.
        """
        if min(first.shape[2:]) < self._trunk.smallest:
            height, width = first.shape[2:]
            side = self._trunk.smallest
            raise DataError(
                f"images of {height}x{width} are too small for {self.name}, which needs {side}x{side}; name other data"
            )
        both: list[Tensor] = [(images - self.mean) / self.std for images in (first, second)]
        distance = first.new_zeros(len(first))
        for place, layer in enumerate(self.features):
            both = [layer(features) for features in both]
            if place in self._trunk.taps:
                distance = distance + self._difference(both, self._trunk.taps.index(place))
        return distance

    def _difference(self, both: list[Tensor], number: int) -> Tensor:
        head: Tensor = getattr(self, f"head{number}")
        first, second = (each / (each.square().sum(1, keepdim=True).sqrt() + EPSILON) for each in both)
        return ((first - second).square() * head).sum(1).mean((1, 2))


_TORCHVISION = "https://download.pytorch.org/models"

TRUNKS = {
    "alexnet": Published(
        of="AlexNet",
        file="alexnet-owt-7be5be79.pth",
        folder=_TORCHVISION,
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        size="244 MB",
        prefix="features.",
    ),
    "vgg16": Published(
        of="VGG-16",
        file="vgg16-397923af.pth",
        folder=_TORCHVISION,
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        size="553 MB",
        prefix="features.",
    ),
}

_LEARNED = "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1"

HEADS = {
    "alexnet": Published(
        of="LPIPS on AlexNet",
        file="alex.pth",
        folder=_LEARNED,
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        size="6 kB",
    ),
    "vgg16": Published(
        of="LPIPS on VGG-16",
        file="vgg.pth",
        folder=_LEARNED,
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        size="7 kB",
    ),
}

_INSTEAD = "take --metrics psnr,ssim, which need no weights"


def load_lpips(name: str, *, fetch: bool = True) -> LPIPS:
    """The distance by a network of `TRUNKS`, in eval mode and without gradients, on the CPU.

    Args:
        name: of the network.
        fetch: whether files that are missing may be downloaded.

    Raises:
        DataError: they cannot be had, or are damaged; the text says what to do.
    """
    named = "" if fetch else "name lpips in --metrics to have it downloaded, or "
    # The small file first, so that nobody fetches the large one for nothing.
    parts = HEADS[name], TRUNKS[name]
    files = [find(part, instead=named + _INSTEAD, fetch=fetch) for part in parts]
    heads, trunk = (read(part, file) for part, file in zip(parts, files, strict=True))
    return LPIPS(name, trunk=trunk, heads=heads)
