"""What a family that detects must do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from gancli.conformance import authored
from gancli.conformance.finding import Finding
from gancli.conformance.specimen import Specimen, context
from gancli.conformance.tasks import trained
from gancli.family import Detects, Found


def detects(specimen: Specimen, folder: Path) -> Iterator[Finding]:
    """A finite score, a map of what departs and a nearest image for each image, on its own alone; the same again
    from the same noise, with every tensor of the networks as it was.
    """
    model = trained(specimen, folder / "detects")
    family, nets = model.family, model.nets
    assert isinstance(family, Detects)
    where = authored.definition(family.detect)
    before = _content(nets.modules)
    images = torch.rand(3, *specimen.data.shape, generator=context().generator) * 2 - 1
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
    for name, first, same, among, single in zip(Found._fields, found, again, others, alone, strict=True):
        if not torch.equal(first, same):
            yield Finding(f"detect finds another {name} from the same noise; draw from ctx alone", where)
        near = (torch.allclose(first[:1], each[:1], atol=1e-5) for each in (among, single))
        if not all(near):
            yield Finding(f"detect finds another {name} of an image where others stand beside it", where)


def _malformed(found: Found, images: torch.Tensor) -> Iterator[str]:
    shapes = ((len(images),), (len(images), 1, *images.shape[2:]), tuple(images.shape))
    for name, tensor, shape in zip(Found._fields, found, shapes, strict=True):
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
