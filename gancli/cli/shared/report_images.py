"""Images that a model generates for its report. `gancli.family.tasks.TASKS` names the function of each task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gancli import latent
from gancli.cli.shared.data_target import reference_data_of
from gancli.data.source import PackedDataset
from gancli.errors import DataError, GanError
from gancli.evaluation.reference_data import ReferenceData
from gancli.family.tasks import TASKS, Translates, Translation, Upscales
from gancli.figures.grids import HeatMap, heat_to_rgb, preview_batch
from gancli.inference.detect import detect
from gancli.inference.model import Model, open_model
from gancli.inference.sample import generate, latents
from gancli.inference.translate import translate
from gancli.io.images import Pixels, make_grid, to_pixels
from gancli.nn.imresize import degrade, imresize
from gancli.plugins.registry import import_class
from gancli.report.images import ImageBlock, ImageSection
from gancli.runtime.device import choose_device

WALKS, FRAMES = 6, 10
"""Number of walks through latent space, and of images per walk."""

ROWS, MAX_TRANSLATIONS = 4, 8
"""Number of input images, and largest number of translations from one domain."""

MIN_SIDE = 96
"""Smallest number of pixels of the shorter side of an image."""

WHITE_QUANTILE = 0.999
"""Share of all pixels of heat maps that are below white."""


class Images(NamedTuple):
    """Input images: the reference data, the images of one split, and the name of that split."""

    data: ReferenceData
    packed: PackedDataset
    split: str


def model_sections(path: Path, *, ema: bool | None, device: str, quick: bool) -> tuple[list[ImageSection], list[str]]:
    """Render images for every task of a model, and return notes about those that are missing.

    Args:
        path: run or checkpoint directory.
        ema: use averaged weights (default: if the run has them).
        device: device name as on the command line.
        quick: skip slow tasks; a note names the command that adds them.

    Raises:
        GanError: the model cannot be opened.
    """
    model = open_model(path, device=choose_device(device), ema=ema)
    notes = [f"Skipped: {fault}." for fault in model.skipped_checkpoints]
    if "image" not in model.abilities:
        return [], notes  # models of points are plotted during training
    sections: list[ImageSection] = []
    with_inputs: list[Callable[[Model, Images], Iterator[ImageSection]]] = []
    for task in TASKS.values():
        if task.name not in model.abilities or task.report is None:
            continue
        if quick and task.slow_report:
            notes.append(
                f"The images of {task.name} are slow and skipped after training: `gan report {path}` adds them."
            )
        elif task.takes_images:
            with_inputs.append(import_class(task.report))
        else:
            sections += import_class(task.report)(model)
    if with_inputs:
        try:
            images = _input_images(reference_data_of(path, model, None, []), training=quick)
            sections += [section for render in with_inputs for section in render(model, images)]
        except GanError as error:
            notes.append(f"Images that need input images are missing: {error}.")
    return sections, notes


def _input_images(data: ReferenceData, *, training: bool) -> Images:
    """Return test images, if any; after training the images at hand, since others may take long to read."""
    if not training:
        try:
            return Images(data, data.test, "test images")
        except DataError:
            pass
    return Images(data, data.train, "training images")


def latent_walks(model: Model) -> Iterator[ImageSection]:
    """Render interpolations between latents, each with one label if the model takes labels."""
    ends = latents(model, range(2 * WALKS))
    share = torch.linspace(0, 1, FRAMES, device=ends.device).repeat(WALKS)
    starts, stops = (ends[side::2].repeat_interleave(FRAMES, 0) for side in (0, 1))
    label = torch.arange(WALKS).remainder(len(model.labels)).repeat_interleave(FRAMES) if model.labels else None
    pixels = to_pixels(generate(model, latent.slerp(starts, stops, share), label))
    pairs = ", ".join(f"{2 * walk} to {2 * walk + 1}" for walk in range(WALKS))
    labels = ", ".join(model.labels[walk % len(model.labels)] for walk in range(WALKS)) if model.labels else ""
    yield ImageSection(
        heading="From latent to latent",
        note=f"Each row interpolates on a great circle between the latents of two seeds: {pairs}"
        f"{f', with the labels {labels}' if labels else ''}.",
        blocks=[ImageBlock(name="walks", caption="", pixels=make_grid(pixels, columns=FRAMES, min_side=MIN_SIDE))],
    )


def translations(model: Model, images: Images) -> Iterator[ImageSection]:
    """Render all translations from each domain, and back if the model translates back."""
    assert isinstance(model.family, Translates)
    every = model.family.translations()
    for reads in dict.fromkeys(translation.reads for translation in every):
        inputs = preview_batch(images.packed, reads, rows=ROWS, device=model.device)
        columns, returns = [("input", inputs)], ""
        there = [translation for translation in every if translation.reads == reads][:MAX_TRANSLATIONS]
        for translation in there:
            translated = _translate(model, inputs, translation)
            columns.append((translation.to, translated))
            for back in (other for other in every if other.reads == translation.to and other.to == reads):
                columns.append((f"back to {back.to}", _translate(model, translated, back)))
                returns = " and back"
            if translation.truth is not None:
                truth = preview_batch(images.packed, translation.truth, rows=ROWS, device=model.device)
                columns.append(("ground truth", truth))
        to = ", ".join(translation.to for translation in there)
        yield _columns(f"From {reads} to {to}{returns}", columns, note=f"{len(inputs)} {images.split}.")


def _translate(model: Model, images: Tensor, translation: Translation) -> Tensor:
    return torch.cat([translate(model, image[None], translation).image for image in images])


@torch.no_grad()
def upscalings(model: Model, images: Images) -> Iterator[ImageSection]:
    """Render images that were downscaled and upscaled again, next to bicubic interpolation and the original."""
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
        f"Upscaled {scale} times", columns, note=f"{len(original)} {images.split}, downscaled and upscaled again."
    )


def heat_maps(model: Model, images: Images) -> Iterator[ImageSection]:
    """Render heat maps of normal images and, if the data has other labels, of images of those below them."""
    normal = to_pixels(preview_batch(images.packed, "image", rows=ROWS, device=torch.device("cpu")))
    others = _other_images(images.data, model.family.data.labels)
    inputs = np.concatenate([normal, *others])
    (detection,) = detect(model, inputs.transpose(0, 3, 1, 2), seed=0)
    heat: HeatMap = detection.heat[:, 0].numpy()
    hottest = max(float(np.quantile(heat, WHITE_QUANTILE)), float(np.finfo(np.float32).tiny))
    scores = ", ".join(f"{score:.3g}" for score in detection.score.tolist())
    columns = [
        ("image", inputs),
        ("nearest generated", to_pixels(detection.nearest)),
        ("heat", heat_to_rgb(heat / hottest)),
    ]
    below = f", below them {len(inputs) - len(normal)} of other labels" if others else ""
    note = f"{len(normal)} {images.split} of the labels used in training{below}; scores from the top: {scores}."
    blocks = [_block(*column) for column in columns]
    yield ImageSection(heading="Anomaly heat maps", note=note, blocks=blocks, in_row=True)


def _other_images(data: ReferenceData, known: Sequence[str]) -> list[Pixels]:
    """Return test images (N, H, W, C) of labels that were not used in training; empty if there are none."""
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
    return ImageBlock(name=caption, caption=caption, pixels=make_grid(images, columns=1, min_side=MIN_SIDE))
