"""LPIPS: perceptual distance of upscaled images to the true ones. Zhang et al. 2018, "The Unreasonable Effectiveness of
Deep Features as a Perceptual Metric", version 0.1.

Both images are passed through a network trained on ImageNet. After five of its rectifiers, the features at each
position are normalised to unit length. Their squared differences, weighted by channel with weights trained on human
judgements of pairs, are averaged over positions and summed over the five layers. The distance is 0 for equal images and
about 0.5 for images that have little in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torchvision
from torch import Tensor, nn

from gancli.errors import DataError, UsageError
from gancli.io.images import normalize
from gancli.metrics.context import Measurement, MetricContext
from gancli.metrics.super_resolution import luma_and_colour, measure_upscaled
from gancli.weights.download import PublishedWeights, find, read

MEAN, STD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Mean and standard deviation of ImageNet's images in [-1, 1], red, green and blue, as rounded by LPIPS."""

EPSILON = 1e-10
"""Added to the length of features, which may be 0."""


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """A network of torchvision whose features are compared.

    Args:
        taps: indices of the rectifiers in its `features`.
        min_side: smallest side in pixels of an image that has features after the last rectifier.
    """

    taps: tuple[int, ...]
    min_side: int


ARCHITECTURES = {
    "alexnet": Trunk(taps=(1, 4, 7, 9, 11), min_side=31),
    "vgg16": Trunk(taps=(3, 8, 15, 22, 29), min_side=16),
}

_TORCHVISION = "https://download.pytorch.org/models"

TRUNKS = {
    "alexnet": PublishedWeights(
        network="AlexNet",
        file="alexnet-owt-7be5be79.pth",
        url=_TORCHVISION,
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        size="244 MB",
        prefix="features.",
    ),
    "vgg16": PublishedWeights(
        network="VGG-16",
        file="vgg16-397923af.pth",
        url=_TORCHVISION,
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        size="553 MB",
        prefix="features.",
    ),
}

_LPIPS_REPOSITORY = "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1"

HEADS = {
    "alexnet": PublishedWeights(
        network="LPIPS on AlexNet",
        file="alex.pth",
        url=_LPIPS_REPOSITORY,
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        size="6 kB",
    ),
    "vgg16": PublishedWeights(
        network="LPIPS on VGG-16",
        file="vgg.pth",
        url=_LPIPS_REPOSITORY,
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        size="7 kB",
    ),
}

_INSTEAD = "use --metrics psnr,ssim, which require no weights"


def measure(context: MetricContext) -> list[Measurement]:
    """Measure the distance, at least 0, of all colour channels; grey images count as colour images.

    Raises:
        UsageError: `--backbone` names none of the networks of LPIPS.
        DataError: there are no images to compare with, their sizes do not match the scale, or the weights are
            unavailable.
    """
    name = context.options.backbone or "alexnet"
    if name not in TRUNKS:
        raise UsageError(f"lpips supports the backbones {' and '.join(TRUNKS)}, not {name!r}; omit --backbone")
    network = load_lpips(name, fetch=context.options.fetch).to(context.device)

    def compare(first: Tensor, second: Tensor) -> Tensor:
        distances: Tensor = network(*(normalize(levels.float().to(context.device)) for levels in (first, second)))
        return distances

    protocol = {"backbone": name, "backbone_sha256": TRUNKS[name].sha256, "heads_sha256": HEADS[name].sha256}
    return measure_upscaled("lpips", compare, _colour, context, protocol)


def load_lpips(name: str, *, fetch: bool = True) -> LPIPS:
    """Load LPIPS with a network of `TRUNKS`, in eval mode and without gradients, on the CPU.

    Args:
        name: name of the network.
        fetch: True to download missing files.

    Raises:
        DataError: the weights are unavailable or damaged; the message says what to do.
    """
    named = "" if fetch else "name lpips in --metrics to download them, or "
    # The small file first, so that the large one is not downloaded in vain.
    parts = HEADS[name], TRUNKS[name]
    files = [find(part, instead=named + _INSTEAD, fetch=fetch) for part in parts]
    heads, trunk = (read(part, file) for part, file in zip(parts, files, strict=True))
    return LPIPS(name, trunk=trunk, heads=heads)


class LPIPS(nn.Module):
    """From pairs of images (N, 1 or 3, H, W) in [-1, 1] to their distances (N,), at least 0.

    Args:
        name: name of the trunk.
        trunk: torchvision's weights of the trunk, `features.0.weight` and so on.
        heads: weights (1, C, 1, 1) of the channels after each rectifier, at least 0: `lin0.model.1.weight` to
            `lin4.model.1.weight`.
    """

    def __init__(self, name: str, *, trunk: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._trunk = ARCHITECTURES[name]
        self.name = name
        with torch.device("meta"):  # avoids random initialisation
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
        """Return the distance of each pair of equally large images.

        Raises:
            DataError: the images are too small for the network.
        """
        if min(first.shape[2:]) < self._trunk.min_side:
            height, width = first.shape[2:]
            side = self._trunk.min_side
            raise DataError(
                f"images of {height}x{width} are too small for {self.name}, which requires {side}x{side}; use other "
                "data"
            )
        both: list[Tensor] = [(images - self.mean) / self.std for images in (first, second)]
        distance = first.new_zeros(len(first))
        for index, layer in enumerate(self.features):
            both = [layer(features) for features in both]
            if index in self._trunk.taps:
                distance = distance + self._difference(both, self._trunk.taps.index(index))
        return distance

    def _difference(self, both: list[Tensor], number: int) -> Tensor:
        head: Tensor = getattr(self, f"head{number}")
        first, second = (features / (features.square().sum(1, keepdim=True).sqrt() + EPSILON) for features in both)
        return ((first - second).square() * head).sum(1).mean((1, 2))


def _colour(images: Tensor, border: int) -> dict[str, Tensor]:
    """Return all colour channels at once, or grey."""
    return {name: image for name, image in luma_and_colour(images, border).items() if name != "y"}
