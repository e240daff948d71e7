"""Conformance checks of tasks: a trained model does what `gancli.family.tasks` describes."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gancli.data.sources.synthetic import BATCH_SIZE
from gancli.family.context import Nets
from gancli.family.tasks import Detection, Detects, Samples, Translates, Translation, Upscales
from gancli.inference.model import Model, open_model
from gancli.runtime.random import fork_torch_rng
from gancli.testing import source_lines
from gancli.testing.fixture import FamilyFixture, Finding, context

WEIGHT_FACTOR = 10.0
"""Factor on weights that tells bounded images from images that happen to be small before training."""


def samples(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Samples have the shape of the data or of the current stage, are in [-1, 1] (not for points), and depend on latent
    vector and label.
    """
    model = trained(fixture, folder / "samples")
    family = model.family
    assert isinstance(family, Samples)
    where = source_lines.definition(family.sample)
    z = family.latent(4, context())
    labels = torch.zeros(4, dtype=torch.long) if "label" in fixture.info.batch else None
    images = family.sample(model.nets, z, labels)
    reached = model.nets.stage.resolution if model.nets.stage else None
    wanted = (4, fixture.data.channels, *(reached or fixture.data.shape[1:]))
    if images.shape != wanted:
        yield Finding(f"sample returns images of shape {tuple(images.shape)}; return {wanted}", where)
        return
    if fixture.data.kind == "image" and (bound := _bound(model, lambda nets: family.sample(nets, z, labels))):
        yield Finding(f"sample returns values up to {bound}, beyond [-1, 1]; end in a tanh, or clamp them", where)
    if not torch.equal(images, family.sample(model.nets, z, labels)):
        yield Finding("sample returns different images for the same latent vectors; take all randomness from z", where)
    if torch.equal(images[0], images[1]):
        yield Finding("sample returns the same image for two latent vectors; use z", where)
    if labels is not None and torch.equal(images, family.sample(model.nets, z, labels + 1)):
        yield Finding(
            "sample returns the same images whatever the label; use it, or remove 'label' from FamilyInfo.batch", where
        )


def translates(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Translations to every domain have the size of the input (also other than in training), are in [-1, 1], depend on
    their own input only, and repeat with the same noise.
    """
    model = trained(fixture, folder / "translates")
    family = model.family
    assert isinstance(family, Translates)
    ways, where = family.translations(), source_lines.definition(family.translations)
    if not ways:
        yield Finding("translations returns no direction; return at least one", where)
    if len({way.to for way in ways}) != len(ways):
        yield Finding("translations returns two directions with the same target domain; give each its own name", where)
    for way in ways:
        for key in {way.reads, way.truth or way.reads} - set(fixture.info.batch):
            yield Finding(f"the translation to {way.to!r} names {key!r}, which is not in FamilyInfo.batch", where)
        if way.reads in fixture.info.batch:
            yield from _translates(model, family, way)


def _translates(model: Model, family: Translates, way: Translation) -> Iterator[Finding]:
    where = source_lines.definition(family.translate)

    def translated(image: Tensor, nets: Nets = model.nets) -> Tensor:
        with fork_torch_rng(torch.device("cpu")):
            torch.manual_seed(0)
            return family.translate(nets, image, way.to)

    images = torch.rand(2, *model.family.data.shape_of(way.reads), generator=context().generator) * 2 - 1
    larger = torch.zeros(1, images.shape[1], *(side + way.multiple for side in images.shape[2:]))
    for image in (images, larger):
        if translated(image).shape[2:] != image.shape[2:]:
            sides = "x".join(map(str, image.shape[2:]))
            yield Finding(f"translate to {way.to!r} changes the size of images of {sides}; keep it", where)
            return
    drawn = translated(images)
    if bound := _bound(model, lambda nets: translated(images, nets)):
        yield Finding(f"translate to {way.to!r} returns values up to {bound}, beyond [-1, 1]; end in a tanh", where)
    if not torch.equal(drawn, translated(images)):
        yield Finding(
            f"translate to {way.to!r} returns different images with the same noise; seed nothing yourself", where
        )
    if torch.allclose(drawn, translated(images.flip(0))):
        yield Finding(f"translate to {way.to!r} returns the same for every image; use the input", where)
    if not torch.allclose(drawn[:1], translated(images[:1]), atol=1e-4):
        yield Finding(
            f"translate to {way.to!r} gives another result for an image when the batch has other images; normalise "
            "each image separately, as gancli.nn.layers does",
            where,
        )


def upscales(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Upscaled images of any size, also with odd sides, are larger by the scale, in [-1, 1], depend on their own input
    only, and repeat.
    """
    model = trained(fixture, folder / "upscales")
    family = model.family
    assert isinstance(family, Upscales)
    for height, width in ((7, 9), (12, 5)):
        small = torch.rand(3, fixture.data.channels, height, width, generator=context().generator) * 2 - 1
        if wrong := list(_upscales(family, model.nets, small)):
            yield from (Finding(sentence, source_lines.definition(family.upscale)) for sentence in wrong)
            return


def _upscales(family: Upscales, nets: Nets, small: Tensor) -> Iterator[str]:
    count, channels, height, width = small.shape
    large = family.upscale(nets, small)
    wanted = (count, channels, height * family.scale, width * family.scale)
    if large.shape != wanted:
        yield f"upscale returns {tuple(large.shape)} for images of {height}x{width}; return {wanted}"
        return
    if large.abs().max() > 1:
        yield f"upscale returns values up to {large.abs().max():.3g}, beyond [-1, 1]; clamp them"
    if not torch.equal(large, family.upscale(nets, small)):
        yield "upscale returns a different image each time; use no random numbers"
    if torch.allclose(large, family.upscale(nets, small.flip(0)), atol=1e-2):
        yield "upscale returns the same for every image; use the input"
    if not torch.allclose(large[:1], family.upscale(nets, small[:1]), atol=1e-4):
        yield "upscale gives another result for an image when the batch has other images; process each image separately"


def trained(fixture: FamilyFixture, folder: Path) -> Model:
    """Train for two batches and open the model."""
    fixture.trainer(folder, images=2 * BATCH_SIZE).train()
    return open_model(folder, device=torch.device("cpu"))


def _bound(model: Model, images_of: Callable[[Nets], Tensor]) -> str:
    """Largest absolute value of images, also with larger weights, as text; empty if it is at most 1."""
    nets = model.nets
    for each in (nets, nets.holding({name: _with_larger_weights(module) for name, module in nets.modules.items()})):
        largest = images_of(each).nan_to_num(0, 0, 0).abs().max()
        if largest > 1:
            return f"{largest:.3g}"
    return ""


@torch.no_grad()
def _with_larger_weights(module: nn.Module) -> nn.Module:
    larger: Any = copy.deepcopy(module)
    for parameter in larger.parameters():
        if parameter.dim() > 1:
            parameter *= WEIGHT_FACTOR
    return larger  # type: ignore[no-any-return]


def detects(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Detection returns a finite score, a heat map and a nearest image for each image, independent of other images,
    repeats with the same noise, and leaves the networks unchanged.
    """
    model = trained(fixture, folder / "detects")
    family, nets = model.family, model.nets
    assert isinstance(family, Detects)
    where = source_lines.definition(family.detect)
    before = _content(nets.modules)
    images = torch.rand(3, *fixture.data.shape, generator=context().generator) * 2 - 1
    found = family.detect(nets, images, context())
    if _content(nets.modules) != before or any(module.training for module in nets.modules.values()):
        yield Finding("detect changes the networks; search on copies of them", where)
    wrong = list(_malformed(found, images))
    yield from (Finding(sentence, where) for sentence in wrong)
    if wrong:
        return
    again = family.detect(nets, images, context())
    others = family.detect(nets, torch.cat([images[:1], images.flip(0), images]), context())
    alone = family.detect(nets, images[:1], context())
    for name, first, same, among, single in zip(Detection._fields, found, again, others, alone, strict=True):
        if not torch.equal(first, same):
            yield Finding(
                f"detect returns another {name} with the same noise; draw random numbers from ctx only", where
            )
        near = (torch.allclose(first[:1], each[:1], atol=1e-5) for each in (among, single))
        if not all(near):
            yield Finding(f"detect returns another {name} for an image when the batch has other images", where)


def _malformed(found: Detection, images: torch.Tensor) -> Iterator[str]:
    shapes = ((len(images),), (len(images), 1, *images.shape[2:]), tuple(images.shape))
    for name, tensor, shape in zip(Detection._fields, found, shapes, strict=True):
        if tensor.shape != shape:
            yield f"detect returns a {name} of shape {tuple(tensor.shape)}; return {shape}"
        if not torch.isfinite(tensor).all():
            yield f"detect returns a {name} that is not finite"
        if tensor.requires_grad:
            yield f"detect returns a {name} that requires grad; detach it"
    if found.heat.min() < 0:
        yield "detect returns heat below 0; return a distance, at least 0"
    if found.nearest.abs().max() > 1:
        yield "detect returns nearest images beyond [-1, 1]"
    if len(set(found.score.tolist())) != len(images):
        yield "detect gives different images the same score"


def _content(modules: Mapping[str, torch.nn.Module]) -> str:
    """SHA-256 of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, module in modules.items():
        for key, tensor in module.state_dict().items():
            digest.update(f"{name}.{key}".encode())
            digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
