"""Backbones of one's own: a classifier in a file, or the discriminator of a run."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.errors import UsageError
from gancli.family import Discriminates
from gancli.inspection.discriminator import Discriminator
from gancli.metrics.backbones import classifier_file
from gancli.metrics.backbones.backbone import Answers, Backbone
from gancli.metrics.features import features
from gancli.metrics.subject import Judge


def of_file(path: Path, device: torch.device) -> Backbone:
    """The classifier that a file holds, which may have learned other data than the subject's.

    Raises:
        DataError: it holds none.
    """
    saved = classifier_file.read(path)
    network, description = saved.network.to(device), saved.description
    shape = description.channels, description.height, description.width
    return Backbone(
        name=path.stem,
        digest=saved.digest,
        input=_input_text(shape),
        ask=lambda images: network(fitted(images, shape)),
        labels=description.labels,
    )


def of_run(judge: Judge) -> Backbone:
    """What a discriminator has learned, by the features of Radford et al. 2015; see `gancli.metrics.features`.

    Raises:
        UsageError: the family has no discriminator that can be asked about an image.
    """
    family = judge.family
    if not isinstance(family, Discriminates) or family.data.kind != "image":
        raise UsageError(
            f"{judge.name} has no discriminator that could be asked about an image; name another run with --backbone"
        )
    spec, stage = family.data, judge.nets.stage
    height, width = (stage.resolution if stage else None) or (spec.height, spec.width)
    shape = spec.channels, height, width
    asked = Discriminator(family=family, nets=judge.nets, conditional=bool(judge.labels))
    return Backbone(
        name=judge.name,
        digest=judge.digest,
        input=_input_text(shape),
        ask=lambda images: Answers(features(asked, fitted(images, shape)), None),
    )


def fitted(images: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Images (N, C, H, W) with the channels, height and width of `shape`.

    Grey is repeated, colour becomes its mean, opacity is left out or full.
    """
    channels, *size = shape
    if channels != images.shape[1]:
        colour = images[:, :3] if images.shape[1] > 1 else images.expand(-1, 3, -1, -1)
        grey = colour.mean(1, keepdim=True)
        images = {1: grey, 3: colour, 4: torch.cat([colour, torch.ones_like(grey)], 1)}[channels]
    if images.shape[2:] == tuple(size):
        return images
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


def _input_text(shape: tuple[int, int, int]) -> str:
    channels, height, width = shape
    return f"{channels}x{height}x{width}, bilinear"
