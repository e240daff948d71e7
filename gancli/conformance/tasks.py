"""What a trained model of a family must do: the promises of `gancli.tasks`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gancli.conformance import authored
from gancli.conformance.finding import Finding
from gancli.conformance.specimen import Specimen, context
from gancli.data.synthetic import BATCH_SIZE
from gancli.engine.model import Model, open_model
from gancli.engine.randomness import aside
from gancli.family import Nets, Samples, Translates, Translation, Upscales

STRONGER = 10.0
"""Weights times this show whether images are bounded, or only happen to be small before training."""


def samples(specimen: Specimen, folder: Path) -> Iterator[Finding]:
    """Images have the data's shape, or that of the stage that was reached, lie in [-1, 1], as points need not, and
    depend on latent and label.
    """
    model = trained(specimen, folder / "samples")
    family = model.family
    assert isinstance(family, Samples)
    where = authored.definition(family.sample)
    z = family.latent(4, context())
    labels = torch.zeros(4, dtype=torch.long) if "label" in specimen.info.batch else None
    images = family.sample(model.nets, z, labels)
    reached = model.nets.stage.resolution if model.nets.stage else None
    wanted = (4, specimen.data.channels, *(reached or specimen.data.shape[1:]))
    if images.shape != wanted:
        yield Finding(f"sample makes images {tuple(images.shape)} where {wanted} are wanted", where)
        return
    if specimen.data.kind == "image" and (bound := _bound(model, lambda nets: family.sample(nets, z, labels))):
        yield Finding(f"sample makes images up to {bound}, beyond [-1, 1]; end in a tanh, or clamp them", where)
    if not torch.equal(images, family.sample(model.nets, z, labels)):
        yield Finding("sample makes other images of the same latents; all randomness is in z", where)
    if torch.equal(images[0], images[1]):
        yield Finding("sample makes the same image of two latents; it does not use z", where)
    if labels is not None and torch.equal(images, family.sample(model.nets, z, labels + 1)):
        yield Finding(
            "sample makes the same images whatever the label; use it, or take 'label' out of FamilyInfo.batch", where
        )


def translates(specimen: Specimen, folder: Path) -> Iterator[Finding]:
    """To every domain: images of the input's size, also of another one than in training, that lie in [-1, 1] and
    depend on the input, each on its own alone; the same again from the same noise.
    """
    model = trained(specimen, folder / "translates")
    family = model.family
    assert isinstance(family, Translates)
    ways, where = family.translations(), authored.definition(family.translations)
    if not ways:
        yield Finding("translations lists no way; a family that translates has one at least", where)
    if len({way.to for way in ways}) != len(ways):
        yield Finding("translations lists two ways to the same domain; give each another name", where)
    for way in ways:
        for key in {way.reads, way.truth or way.reads} - set(specimen.info.batch):
            yield Finding(f"the translation to {way.to!r} names {key!r}, which is no key of FamilyInfo.batch", where)
        if way.reads in specimen.info.batch:
            yield from _translates(model, family, way)


def _translates(model: Model, family: Translates, way: Translation) -> Iterator[Finding]:
    where = authored.definition(family.translate)

    def translated(image: Tensor, nets: Nets = model.nets) -> Tensor:
        with aside(torch.device("cpu")):
            torch.manual_seed(0)
            return family.translate(nets, image, way.to)

    images = torch.rand(2, *model.family.data.shape_of(way.reads), generator=context().generator) * 2 - 1
    larger = torch.zeros(1, images.shape[1], *(side + way.multiple for side in images.shape[2:]))
    for image in (images, larger):
        if translated(image).shape[2:] != image.shape[2:]:
            sides = "x".join(map(str, image.shape[2:]))
            yield Finding(f"translate to {way.to!r} changes the size of images of {sides}", where)
            return
    drawn = translated(images)
    if bound := _bound(model, lambda nets: translated(images, nets)):
        yield Finding(f"translate to {way.to!r} makes images up to {bound}, beyond [-1, 1]; end in a tanh", where)
    if not torch.equal(drawn, translated(images)):
        yield Finding(f"translate to {way.to!r} makes other images from the same noise", where)
    if torch.allclose(drawn, translated(images.flip(0))):
        yield Finding(f"translate to {way.to!r} makes the same of every image; it does not use its input", where)
    if not torch.allclose(drawn[:1], translated(images[:1]), atol=1e-4):
        yield Finding(
            f"translate to {way.to!r} makes something else of an image where another stands beside it; normalise each "
            "by itself, as gancli.nn.norm does",
            where,
        )


def upscales(specimen: Specimen, folder: Path) -> Iterator[Finding]:
    """By its scale: small images of any size, also of odd sides, to ones in [-1, 1] that depend on the input, each
    on its own alone; the same again each time.
    """
    model = trained(specimen, folder / "upscales")
    family = model.family
    assert isinstance(family, Upscales)
    for height, width in ((7, 9), (12, 5)):
        small = torch.rand(3, specimen.data.channels, height, width, generator=context().generator) * 2 - 1
        if wrong := list(_upscales(family, model.nets, small)):
            yield from (Finding(sentence, authored.definition(family.upscale)) for sentence in wrong)
            return


def _upscales(family: Upscales, nets: Nets, small: Tensor) -> Iterator[str]:
    count, channels, height, width = small.shape
    large = family.upscale(nets, small)
    wanted = (count, channels, height * family.scale, width * family.scale)
    if large.shape != wanted:
        yield f"upscale makes {tuple(large.shape)} of images of {height}x{width}, not {wanted}"
        return
    if large.abs().max() > 1:
        yield f"upscale makes images up to {large.abs().max():.3g}, beyond [-1, 1]; clamp them"
    if not torch.equal(large, family.upscale(nets, small)):
        yield "upscale makes another image each time"
    if torch.allclose(large, family.upscale(nets, small.flip(0)), atol=1e-2):
        yield "upscale makes the same of every image; it does not use its input"
    if not torch.allclose(large[:1], family.upscale(nets, small[:1]), atol=1e-4):
        yield "upscale makes something else of an image where others stand beside it"


def trained(specimen: Specimen, folder: Path) -> Model:
    """The model of a run of two batches."""
    specimen.trainer(folder, images=2 * BATCH_SIZE).train()
    return open_model(folder, device=torch.device("cpu"))


def _bound(model: Model, images_of: Callable[[Nets], Tensor]) -> str:
    """The largest value among images, with the networks as they are and stronger, where it is beyond 1."""
    nets = model.nets
    for each in (nets, nets.holding({name: _stronger(module) for name, module in nets.modules.items()})):
        largest = images_of(each).nan_to_num(0, 0, 0).abs().max()
        if largest > 1:
            return f"{largest:.3g}"
    return ""


@torch.no_grad()
def _stronger(module: nn.Module) -> nn.Module:
    louder: Any = copy.deepcopy(module)
    for parameter in louder.parameters():
        if parameter.dim() > 1:
            parameter *= STRONGER
    return louder  # type: ignore[no-any-return]
