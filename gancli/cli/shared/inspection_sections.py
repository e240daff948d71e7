"""Images of what networks have learned: filters, and the image parts that activate features of the discriminator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gancli.data.loader import Rows, batches, images_at, labels_at, random_rows
from gancli.data.source import PackedDataset
from gancli.family.context import Nets
from gancli.family.tasks import Discriminates, Samples
from gancli.inference.model import Model, untrained
from gancli.inference.sample import latents
from gancli.inspection.discriminator import Discriminator
from gancli.inspection.filters import filter_tiles, first_filters, gradient_images, last_filters, without_opacity
from gancli.inspection.guided_backprop import Layer, guided_gradients, layer_responses
from gancli.io.images import make_grid, to_pixels
from gancli.report.images import ImageBlock, ImageSection

IMAGES = 2_000
"""Number of training images that features are computed for."""

BATCH = 250

FILTERS, LAYERS, FEATURES, STRONGEST = 64, 3, 8, 4
"""Largest numbers of filters per layer, of layers, of features per layer and of images per feature."""


@dataclass(frozen=True, kw_only=True)
class _Networks:
    """Trained or untrained networks of one architecture, with their name for captions."""

    name: str
    nets: Nets
    discriminator: Discriminator


def inspection_sections(model: Model, train: PackedDataset, *, seed: int) -> list[ImageSection]:
    """Render the filters and features of a model next to those of untrained networks.

    Args:
        model: model of images whose family discriminates.
        train: training images.
        seed: seed of the untrained networks.
    """
    rows = random_rows(train, IMAGES, seed=0)
    both = [_networks(model, train, rows, name=name, seed=seed) for name in ("trained", "untrained")]
    image = images_at(train, rows[:1], model.device)
    return [*_filter_sections(model, both, image), *_feature_sections(model, both, train, rows)]


def _networks(model: Model, train: PackedDataset, rows: Rows, *, name: str, seed: int) -> _Networks:
    family = model.family
    assert isinstance(family, Discriminates)
    nets = model.nets if name == "trained" else untrained(model, seed)
    discriminator = Discriminator(family=family, nets=nets, conditional=bool(model.labels))
    real = (images_at(train, part, model.device) for part in batches(rows, BATCH, equal=True))
    return _Networks(name=name, nets=nets, discriminator=discriminator.with_statistics_of(real))


def _filter_sections(model: Model, both: Sequence[_Networks], image: Tensor) -> Iterator[ImageSection]:
    """Render the first layer of the discriminator and the last of the generator, if they can be rendered."""
    first = {networks.name: first_filters(networks.discriminator, image) for networks in both}
    yield from _filter_section("discriminator's first layer", "first-layer", first)
    if isinstance(model.family, Samples) and "sample" in model.abilities:
        z = latents(model, [0])
        label = torch.zeros(1, dtype=torch.int64, device=model.device) if model.labels else None
        last = {networks.name: last_filters(model.family, networks.nets, z, label) for networks in both}
        yield from _filter_section("generator's last convolution", "last-layer", last)


def _filter_section(layer: str, name: str, filters: Mapping[str, Tensor | None]) -> Iterator[ImageSection]:
    """Render the filters of one layer, given by the name of the networks."""
    present = {networks: tensor for networks, tensor in filters.items() if tensor is not None}
    if not present:
        return
    count, _, height, width = next(iter(present.values())).shape
    blocks = [
        ImageBlock(
            name=f"{name}-{networks}", caption=networks, pixels=make_grid(to_pixels(filter_tiles(tensor[:FILTERS])))
        )
        for networks, tensor in present.items()
    ]
    number = f"{FILTERS} of {count:,}" if count > FILTERS else f"{count:,}"
    yield ImageSection(
        heading=f"The {layer}: {number} filters of {height}x{width}, each from its smallest to its largest weight",
        blocks=blocks,
    )


def _feature_sections(
    model: Model, both: Sequence[_Networks], train: PackedDataset, rows: Rows
) -> Iterator[ImageSection]:
    """Render the most active features of a few layers: the images with the highest response, and their gradients.

    A model that takes labels gets the labels of the images, if the data has the same label names.
    """
    use_labels = bool(model.labels) and train.spec.labels == model.labels

    def parts() -> Iterator[tuple[Tensor, Tensor | None]]:
        for part in batches(rows, BATCH):
            labels = labels_at(train, part, model.device) if use_labels else None
            yield images_at(train, part, model.device), labels

    layers_of_both = [layer_responses(networks.discriminator, parts()) for networks in both]
    count = len(layers_of_both[0])
    for index in np.unique(np.linspace(0, count - 1, min(count, LAYERS)).round().astype(int)):
        layer = layers_of_both[0][index]
        blocks = [
            block
            for networks, own_layers in zip(both, layers_of_both, strict=True)
            for block in _feature_blocks(
                networks, own_layers[index], train, rows, use_labels=use_labels, device=model.device
            )
        ]
        size = "units" if layer.size == (1, 1) else f"maps of {layer.size[0]}x{layer.size[1]}"
        yield ImageSection(
            heading=f"Layer {index + 1} of {count}, {layer.responses.shape[1]:,} {size}: the most active features, one "
            "per row (guided backpropagation)",
            blocks=blocks,
        )


def _feature_blocks(
    networks: _Networks, layer: Layer, train: PackedDataset, rows: Rows, *, use_labels: bool, device: torch.device
) -> Iterator[ImageBlock]:
    features = layer.most_active(FEATURES)
    strongest = layer.strongest(features, STRONGEST)
    image_rows = rows[strongest.flatten().numpy()]
    images = images_at(train, image_rows, device)
    gradients = guided_gradients(
        networks.discriminator,
        images,
        labels_at(train, image_rows, device) if use_labels else None,
        layer=layer.index,
        features=features.repeat_interleave(strongest.shape[1]).to(device),
    )
    for name, caption, shown in (
        ("images", "images with the highest response", images),
        ("gradients", "gradients of the response", gradient_images(gradients)),
    ):
        yield ImageBlock(
            name=f"layer{layer.index + 1}-{networks.name}-{name}",
            caption=f"{networks.name}: {caption}",
            pixels=make_grid(to_pixels(without_opacity(shown)), columns=strongest.shape[1]),
        )
