"""What a trained model of a family must do: the promises of `gancli.family.tasks`."""

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
from gancli.testing.finding import Finding
from gancli.testing.fixture import FamilyFixture, context

STRONGER = 10.0
"""Weights times this show whether images are bounded, or only happen to be small before training."""


def samples(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Images have the data's shape, or that of the stage that was reached, lie in [-1, 1], as points need not, and
    depend on latent and label.
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
        yield Finding(f"sample makes images {tuple(images.shape)} where {wanted} are wanted", where)
        return
    if fixture.data.kind == "image" and (bound := _bound(model, lambda nets: family.sample(nets, z, labels))):
        yield Finding(f"sample makes images up to {bound}, beyond [-1, 1]; end in a tanh, or clamp them", where)
    if not torch.equal(images, family.sample(model.nets, z, labels)):
        yield Finding("sample makes other images of the same latents; all randomness is in z", where)
    if torch.equal(images[0], images[1]):
        yield Finding("sample makes the same image of two latents; it does not use z", where)
    if labels is not None and torch.equal(images, family.sample(model.nets, z, labels + 1)):
        yield Finding(
            "sample makes the same images whatever the label; use it, or take 'label' out of FamilyInfo.batch", where
        )


def translates(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """To every domain: images of the input's size, also of another one than in training, that lie in [-1, 1] and
    depend on the input, each on its own alone; the same again from the same noise.
    """
    model = trained(fixture, folder / "translates")
    family = model.family
    assert isinstance(family, Translates)
    ways, where = family.translations(), source_lines.definition(family.translations)
    if not ways:
        yield Finding("translations lists no way; a family that translates has one at least", where)
    if len({way.to for way in ways}) != len(ways):
        yield Finding("translations lists two ways to the same domain; give each another name", where)
    for way in ways:
        for key in {way.reads, way.truth or way.reads} - set(fixture.info.batch):
            yield Finding(f"the translation to {way.to!r} names {key!r}, which is no key of FamilyInfo.batch", where)
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
            "by itself, as gancli.nn.layers does",
            where,
        )


def upscales(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """By its scale: small images of any size, also of odd sides, to ones in [-1, 1] that depend on the input, each
    on its own alone; the same again each time.
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


def trained(fixture: FamilyFixture, folder: Path) -> Model:
    """The model of a run of two batches."""
    fixture.trainer(folder, images=2 * BATCH_SIZE).train()
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


def detects(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """A finite score, a map of what departs and a nearest image for each image, on its own alone; the same again
    from the same noise, with every tensor of the networks as it was.
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
            yield Finding(f"detect finds another {name} from the same noise; draw from ctx alone", where)
        near = (torch.allclose(first[:1], each[:1], atol=1e-5) for each in (among, single))
        if not all(near):
            yield Finding(f"detect finds another {name} of an image where others stand beside it", where)


def _malformed(found: Detection, images: torch.Tensor) -> Iterator[str]:
    shapes = ((len(images),), (len(images), 1, *images.shape[2:]), tuple(images.shape))
    for name, tensor, shape in zip(Detection._fields, found, shapes, strict=True):
        if tensor.shape != shape:
            yield f"detect returns a {name} {tuple(tensor.shape)} where {shape} is wanted"
        if not torch.isfinite(tensor).all():
            yield f"detect returns a {name} that is not finite"
        if tensor.requires_grad:
            yield f"detect returns a {name} with its graph; detach it"
    if found.heat.min() < 0:
        yield "detect returns a heat below 0; it is a distance"
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
