"""What a model draws for its report, by what it can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gancli import latent
from gancli.cli.shared.data_target import data_of
from gancli.data.source import PackedDataset
from gancli.errors import DataError, GanError
from gancli.evaluation.reference_data import ModelData
from gancli.family.tasks import Translates, Translation, Upscales
from gancli.figures.grids import HeatMap, heat_to_rgb, preview_batch
from gancli.inference.detect import detect
from gancli.inference.model import Model, open_model
from gancli.inference.sample import generate, latents
from gancli.inference.translate import translate
from gancli.io.images import Pixels, sheet, to_pixels
from gancli.nn.imresize import degrade, imresize
from gancli.report.images import ImageBlock, ImageSection
from gancli.runtime.device import choose_device

WALKS = 6

FRAMES = 10
"""Walks through latents, and the images of each."""

ROWS = 4

WAYS = 8
"""Images that something is done to, and ways to translate them, at most."""

SMALLEST = 96
"""Pixels of the shorter side of an image, at least."""

WHITE_HOT = 0.999
"""The share of all pixels of heat maps that are shown less than white."""


class Images(NamedTuple):
    """What to draw something of: the data, the images of one split, and that split in words."""

    data: ModelData
    packed: PackedDataset
    split: str


def drawn(path: Path, *, ema: bool | None, device: str, quick: bool) -> tuple[list[ImageSection], list[str]]:
    """Pictures of everything that the model can do, and sentences on those that could not be drawn.

    Args:
        path: a run or checkpoint directory.
        ema: averaged weights or live ones; averaged where there are any, if None.
        device: where to draw.
        quick: leaves out what takes long, and says so.

    Raises:
        GanError: there is no such model.
    """
    model = open_model(path, device=choose_device(device), ema=ema)
    sections: list[ImageSection] = []
    notes = [f"Passed over: {fault}." for fault in model.skipped_checkpoints]
    if "image" not in model.abilities:
        return sections, notes  # points are drawn while training goes on
    if "sample" in model.abilities:
        sections.append(_walks(model))
    ways: dict[str, Callable[[Model, Images], Iterator[ImageSection]]] = {
        "translate": _translations,
        "upscale": _enlargements,
        "detect": _heat_maps,
    }
    wanted = [draws for task, draws in ways.items() if task in model.abilities and not (quick and task == "detect")]
    if quick and "detect" in model.abilities:
        notes.append(f"Heat maps take a search and are not drawn at the end of training: gan report {path} draws them.")
    if wanted:
        try:
            images = _images(data_of(path, model, None, []), training=quick)
            sections += [section for draws in wanted for section in draws(model, images)]
        except GanError as error:
            notes.append(f"What the model makes of images is left out: {error}.")
    return sections, notes


def _images(data: ModelData, *, training: bool) -> Images:
    """Test images, if there are any; at the end of training those at hand, since others may take long to read."""
    if not training:
        try:
            return Images(data, data.test, "test images")
        except DataError:
            pass
    return Images(data, data.train, "training images")


def _walks(model: Model) -> ImageSection:
    """Walks from latent to latent, each of one label in a model that takes labels."""
    ends = latents(model, range(2 * WALKS))
    share = torch.linspace(0, 1, FRAMES, device=ends.device).repeat(WALKS)
    starts, stops = (ends[side::2].repeat_interleave(FRAMES, 0) for side in (0, 1))
    label = torch.arange(WALKS).remainder(len(model.labels)).repeat_interleave(FRAMES) if model.labels else None
    images = generate(model, latent.slerp(starts, stops, share), label)
    pairs = ", ".join(f"{2 * walk} to {2 * walk + 1}" for walk in range(WALKS))
    labels = ", ".join(model.labels[walk % len(model.labels)] for walk in range(WALKS)) if model.labels else ""
    return ImageSection(
        heading="From latent to latent",
        note=f"Each row is a walk on a great circle between two latents, those of seeds {pairs}"
        f"{f', with the labels {labels}' if labels else ''}.",
        blocks=[
            ImageBlock(name="walks", caption="", pixels=sheet(to_pixels(images), columns=FRAMES, smallest=SMALLEST))
        ],
    )


def _translations(model: Model, images: Images) -> Iterator[ImageSection]:
    """Of every key that the family reads each way there, and back again where there is a way back."""
    assert isinstance(model.family, Translates)
    ways = model.family.translations()
    for reads in dict.fromkeys(way.reads for way in ways):
        given = preview_batch(images.packed, reads, rows=ROWS, device=model.device)
        columns, returns = [("input", given)], ""
        taken = [way for way in ways if way.reads == reads][:WAYS]
        for way in taken:
            there = _translated(model, given, way)
            columns.append((way.to, there))
            for back in (other for other in ways if other.reads == way.to and other.to == reads):
                columns.append((f"back to {back.to}", _translated(model, there, back)))
                returns = " and back"
            if way.truth is not None:
                columns.append(("truth", preview_batch(images.packed, way.truth, rows=ROWS, device=model.device)))
        to = ", ".join(way.to for way in taken)
        yield _columns(f"From {reads} to {to}{returns}", columns, note=f"{len(given)} {images.split}.")


def _translated(model: Model, images: Tensor, way: Translation) -> Tensor:
    return torch.cat([translate(model, image[None], way).image for image in images])


@torch.no_grad()
def _enlargements(model: Model, images: Images) -> Iterator[ImageSection]:
    assert isinstance(model.family, Upscales)
    scale = model.family.scale
    original = preview_batch(images.packed, "image", rows=ROWS, device=model.device)
    low = degrade(original, scale)
    columns = [
        ("low", low.repeat_interleave(scale, 2).repeat_interleave(scale, 3)),
        ("bicubic", imresize(low, scale=scale)),
        (model.run, model.family.upscale(model.nets, low)),
        ("original", original),
    ]
    yield _columns(
        f"Enlarged {scale} times", columns, note=f"{len(original)} {images.split}, made small and enlarged again."
    )


def _heat_maps(model: Model, images: Images) -> Iterator[ImageSection]:
    """Of normal images, and below them of others, where labels say that there are some."""
    normal = to_pixels(preview_batch(images.packed, "image", rows=ROWS, device=torch.device("cpu")))
    others = _others(images.data, model.family.data.labels)
    given = np.concatenate([normal, *others])
    (found,) = detect(model, given.transpose(0, 3, 1, 2), seed=0)
    heat: HeatMap = found.heat[:, 0].numpy()
    hottest = max(float(np.quantile(heat, WHITE_HOT)), float(np.finfo(np.float32).tiny))
    scores = ", ".join(f"{score:.3g}" for score in found.score.tolist())
    columns = [("image", given), ("nearest it makes", to_pixels(found.nearest)), ("heat", heat_to_rgb(heat / hottest))]
    below = f", below them {len(given) - len(normal)} of other labels" if others else ""
    note = f"{len(normal)} {images.split} of the kind that it knows{below}; scores from the top: {scores}."
    yield ImageSection(
        heading="Where it sees anomalies", note=note, blocks=[_block(*each) for each in columns], in_row=True
    )


def _others(data: ModelData, known: Sequence[str]) -> list[Pixels]:
    """Test images (N, H, W, C) of labels that the model was not trained on; none where nobody knows of any."""
    try:
        every = data.every_class
    except DataError:
        return []
    if not known or every.labels is None:
        return []
    rows = np.flatnonzero(~np.isin(np.array(every.spec.labels), known)[every.labels])
    chosen = rows[np.linspace(0, len(rows) - 1, min(ROWS, len(rows))).round().astype(int)]
    return [every.images[chosen].transpose(0, 2, 3, 1)] if len(rows) else []


def _columns(heading: str, columns: list[tuple[str, Tensor]], *, note: str) -> ImageSection:
    blocks = [_block(caption, to_pixels(images)) for caption, images in columns]
    return ImageSection(heading=heading, note=note, blocks=blocks, in_row=True)


def _block(caption: str, images: Pixels) -> ImageBlock:
    return ImageBlock(name=caption, caption=caption, pixels=sheet(images, columns=1, smallest=SMALLEST))
