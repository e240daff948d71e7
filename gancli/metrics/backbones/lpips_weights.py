"""The weights of LPIPS: torchvision's of the network, and those that its authors learned of people's judgements."""

from __future__ import annotations

from gancli.metrics.lpips import LPIPS
from gancli.weights.published import Published, find, read

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
