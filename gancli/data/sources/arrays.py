"""Sources that are small enough to be read as one array: no cache, and every step is vectorised."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gancli.data.pack import choose
from gancli.data.source import DataSummary, PackedDataset
from gancli.data.spec import DataSpec
from gancli.io.resize import as_size, resize_stack
from gancli.io.types import Array, Bytes, Labels
from gancli.recipes.options import SourceConfig


@dataclass(frozen=True)
class Arrays:
    """Decoded images (N, C, H, W) with C of 1 or 3, labels (N,) or None, and the names of the labels.

    `beside` holds further arrays of N rows by key, which are handed on row by row.
    """

    images: Bytes
    labels: Labels | None
    label_names: tuple[str, ...]
    beside: Mapping[str, Array] = field(default_factory=dict)


def pack_arrays(arrays: Arrays, config: SourceConfig) -> PackedDataset:
    """The chosen images at the recipe's resolution and channels. The fingerprint is that of the result.

    Raises:
        DataError: no image is chosen.
    """
    chosen = choose(len(arrays.images), arrays.labels, arrays.label_names, config)
    images = arrays.images if len(chosen.rows) == len(arrays.images) else arrays.images[chosen.rows]
    if config.channels == 1:
        images = _with_channels(images, 1)
    images = resize_stack(images, as_size(config.resolution) or (images.shape[2], images.shape[3]), config.fit)
    images = np.ascontiguousarray(_with_channels(images, config.channels or images.shape[1]))
    channels, height, width = images.shape[1:]
    spec = DataSpec(channels=channels, height=height, width=width, labels=chosen.names)
    digest = hashlib.sha256(json.dumps([spec.to_json(), len(images)]).encode())
    digest.update(images.data)
    if chosen.labels is not None:
        digest.update(chosen.labels.data)
    beside = {key: np.ascontiguousarray(array[chosen.rows]) for key, array in arrays.beside.items()}
    for key, array in beside.items():
        digest.update(key.encode())
        digest.update(array.data)
    packed = PackedDataset.of_images(images=images, labels=chosen.labels, spec=spec, fingerprint=digest.hexdigest())
    return replace(packed, arrays={**packed.arrays, **beside})


def survey_arrays(arrays: Arrays, source: str) -> DataSummary:
    """What the arrays are; nothing in them is unreadable."""
    count, channels, height, width = arrays.images.shape
    labels = {}
    if arrays.labels is not None:
        numbers = np.bincount(arrays.labels, minlength=len(arrays.label_names))
        labels = {name: int(number) for name, number in zip(arrays.label_names, numbers, strict=True)}
    return DataSummary(
        source=source,
        count=count,
        sizes={(height, width): count},
        channels={channels: count},
        bits={8: count},
        labels=labels,
    )


def _with_channels(images: Bytes, channels: int) -> Bytes:
    """As for single images: grey is repeated, opacity is full, and colour becomes Pillow's luma (ITU-R 601)."""
    if images.shape[1] == channels:
        return images
    if channels == 1:
        red, green, blue = images.astype(np.uint32).swapaxes(0, 1)
        luma: Bytes = ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)
        return luma[:, None]
    count, _, height, width = images.shape
    colour = np.broadcast_to(images, (count, 3, height, width))
    if channels == 3:
        return colour
    return np.concatenate([colour, np.full((count, 1, height, width), 255, np.uint8)], axis=1)
