"""`gan inspect`."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gancli.cli.shared.data_target import data_of
from gancli.cli.shared.models import about, check_able, open_able, path_for
from gancli.cli.shared.picture_page import Page
from gancli.data.batches import Rows, batches, images_at, labels_at, some_rows
from gancli.data.source import PackedDataset
from gancli.errors import DataError, UsageError
from gancli.family.context import Nets
from gancli.family.tasks import Discriminates, Samples
from gancli.inference.model import Model, untrained
from gancli.inference.sample import latents
from gancli.inspection.discriminator import Discriminator
from gancli.inspection.filters import around_zero, filter_tiles, first_filters, in_colour, last_filters
from gancli.inspection.guided_backprop import Layer, guided_gradients, layers
from gancli.io.images import Pixels, sheet, to_pixels
from gancli.report.images import ImageBlock, ImageSection

NEEDS = ("image", "discriminate")

IMAGES = 2_000
"""Training images that are looked at."""

BATCH = 250

FILTERS = 64

LAYERS = 3

FEATURES = 8

STRONGEST = 4
"""How many filters are drawn of a layer; of how many layers, features; and images for a feature."""


@dataclass(frozen=True, kw_only=True)
class _Networks:
    """A model's networks, or others of its architecture; what the page calls them."""

    name: str
    nets: Nets
    discriminator: Discriminator


def inspect(
    run: Path | None,
    *,
    out: Path | None,
    data: str | None,
    overrides: Sequence[str],
    seed: int,
    ema: bool | None,
    device: str,
    json: bool,
) -> list[Path]:
    """Draws filters, and what excites features, beside those of untrained networks. Returns the files written.

    Args:
        run: a run or checkpoint directory; None: the newest run that can be inspected.
        out: a .png or .html file, or a directory; None: `out/inspect.png` of the run.
        data: whose training images to look at, as `gan data check` takes it; None: what the model was trained on.
        overrides: options of that data.
        seed: of the untrained networks.
        ema: averaged weights or live ones; averaged where there are any, if None.
        device: where to compute.
        json: prints one object and nothing else.

    Raises:
        GanError: the model cannot be inspected, or there are no images to inspect it with.
    """
    path, model = open_able(run, lambda able: able.issuperset(NEEDS), wanted="can be inspected", ema=ema, device=device)
    check_able(model, NEEDS, "gan inspect")
    source = data_of(path, model, data, overrides)
    train = source.train
    if len(train.images) < 2:
        raise DataError(f"{source.source!r} holds one image only; name data with more of them with --data")
    rows = some_rows(train, IMAGES, seed=0)
    both = [_networks(model, train, rows, name=name, seed=seed) for name in ("trained", "untrained")]
    sections = [*_filters(model, both, images_at(train, rows[:1], model.device)), *_excited(model, both, train, rows)]
    if not sections:
        raise UsageError(
            f"{model.run} has no layer of a kind that can be drawn: no convolution or matrix product of the image, and "
            "no rectifier behind it"
        )
    page = Page(
        title=f"{model.run} at {model.images:,} images, on {source.source}",
        sections=sections,
        metadata={**about(model, None), "data": source.source, "seed": seed},
    )
    files = page.write(out or path_for(path, "inspect.png"))
    _tell(files, path, json=json)
    return files


def _networks(model: Model, train: PackedDataset, rows: Rows, *, name: str, seed: int) -> _Networks:
    family = model.family
    assert isinstance(family, Discriminates)
    nets = model.nets if name == "trained" else untrained(model, seed)
    asked = Discriminator(family=family, nets=nets, conditional=bool(model.labels))
    real = (images_at(train, part, model.device) for part in batches(rows, BATCH, equal=True))
    return _Networks(name=name, nets=nets, discriminator=asked.with_statistics_of(real))


def _filters(model: Model, both: Sequence[_Networks], image: Tensor) -> Iterator[ImageSection]:
    """Of the discriminator's first layer, and of the generator's last, as far as they can be drawn."""
    first = {each.name: first_filters(each.discriminator, image) for each in both}
    yield from _filter_section("discriminator's first layer", "first-layer", first)
    if isinstance(model.family, Samples) and "sample" in model.abilities:
        z = latents(model, [0])
        label = torch.zeros(1, dtype=torch.int64, device=model.device) if model.labels else None
        last = {each.name: last_filters(model.family, each.nets, z, label) for each in both}
        yield from _filter_section("generator's last convolution", "last-layer", last)


def _filter_section(layer: str, name: str, found: Mapping[str, Tensor | None]) -> Iterator[ImageSection]:
    filters = {whose: each for whose, each in found.items() if each is not None}
    if not filters:
        return
    count, _, height, width = next(iter(filters.values())).shape
    blocks = [
        ImageBlock(name=f"{name}-{whose}", caption=whose, pixels=sheet(to_pixels(filter_tiles(each[:FILTERS]))))
        for whose, each in filters.items()
    ]
    number = f"{FILTERS} of {count:,}" if count > FILTERS else f"{count:,}"
    yield ImageSection(
        heading=f"The {layer}: {number} filters of {height}x{width}, each from its least to its largest weight",
        blocks=blocks,
    )


def _excited(model: Model, both: Sequence[_Networks], train: PackedDataset, rows: Rows) -> Iterator[ImageSection]:
    """Of a few layers the features that respond the most, the images they respond to, and what in those excites them.

    A model that reads labels gets the true ones, where the data has the same.
    """
    told = bool(model.labels) and train.spec.labels == model.labels

    def parts() -> Iterator[tuple[Tensor, Tensor | None]]:
        for part in batches(rows, BATCH):
            labels = labels_at(train, part, model.device) if told else None
            yield images_at(train, part, model.device), labels

    found = [layers(each.discriminator, parts()) for each in both]
    count = len(found[0])
    for index in np.unique(np.linspace(0, count - 1, min(count, LAYERS)).round().astype(int)):
        here = found[0][index]
        blocks = [
            block
            for each, of_each in zip(both, found, strict=True)
            for block in _responses(each, of_each[index], train, rows, told=told, device=model.device)
        ]
        units = f"{here.responses.shape[1]:,} " + ("units" if here.size == (1, 1) else f"maps of {_by(here.size)}")
        shows = "the features that respond the most, one a row (guided backpropagation)"
        yield ImageSection(heading=f"Layer {index + 1} of {count}, {units}: {shows}", blocks=blocks)


def _responses(
    networks: _Networks, layer: Layer, train: PackedDataset, rows: Rows, *, told: bool, device: torch.device
) -> Iterator[ImageBlock]:
    features = layer.most_active(FEATURES)
    strongest = layer.strongest(features, STRONGEST)
    at = rows[strongest.flatten().numpy()]
    images = images_at(train, at, device)
    gradients = guided_gradients(
        networks.discriminator,
        images,
        labels_at(train, at, device) if told else None,
        layer=layer.index,
        features=features.repeat_interleave(strongest.shape[1]).to(device),
    )
    for name, caption, shown in (
        ("images", "images that excite it", images),
        ("gradients", "what in them does", around_zero(gradients)),
    ):
        yield ImageBlock(
            name=f"layer{layer.index + 1}-{networks.name}-{name}",
            caption=f"{networks.name}: {caption}",
            pixels=_sheet(shown, columns=strongest.shape[1]),
        )


def _sheet(images: Tensor, *, columns: int) -> Pixels:
    return sheet(to_pixels(in_colour(images)), columns=columns)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _tell(files: Sequence[Path], run: Path, *, json: bool) -> None:
    if json:
        print(jsonlib.dumps({"images": [{"image": str(file)} for file in files]}))
        return
    print(f"wrote {files[0]}" if len(files) == 1 else f"wrote {files[0].parent}/ ({len(files)} files)")
    print(f"next: gan eval {run}")
