"""Sources whose images fit into one array in memory: no cache, and all operations are vectorised."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gancli.data.pack import select
from gancli.data.source import DataSummary, PackedDataset
from gancli.data.spec import DataSpec
from gancli.io.images import convert_channels
from gancli.io.resize import as_size, resize_stack
from gancli.io.types import Array, Bytes, Labels
from gancli.recipes.options import SourceConfig


@dataclass(frozen=True)
class Arrays:
    """Decoded images.

    Args:
        images: (N, C, H, W), with C of 1 or 3.
        labels: label indices, (N,), or None.
        label_names: names of the labels by index.
        beside: further arrays of N rows by key, passed on to the packed dataset.
    """

    images: Bytes
    labels: Labels | None
    label_names: tuple[str, ...]
    beside: Mapping[str, Array] = field(default_factory=dict)


def pack_arrays(arrays: Arrays, config: SourceConfig) -> PackedDataset:
    """Select images and convert them to the recipe's resolution and channels. The fingerprint is that of the result.

    Raises:
        DataError: no image is selected.
    """
    selection = select(len(arrays.images), arrays.labels, arrays.label_names, config)
    images = arrays.images if len(selection.rows) == len(arrays.images) else arrays.images[selection.rows]
    if config.channels == 1:
        images = convert_channels(images, 1)
    images = resize_stack(images, as_size(config.resolution) or (images.shape[2], images.shape[3]), config.fit)
    images = np.ascontiguousarray(convert_channels(images, config.channels or images.shape[1]))
    channels, height, width = images.shape[1:]
    spec = DataSpec(channels=channels, height=height, width=width, labels=selection.names)
    digest = hashlib.sha256(json.dumps([spec.to_json(), len(images)]).encode())
    digest.update(images.data)
    if selection.labels is not None:
        digest.update(selection.labels.data)
    beside = {key: np.ascontiguousarray(array[selection.rows]) for key, array in arrays.beside.items()}
    for key, array in beside.items():
        digest.update(key.encode())
        digest.update(array.data)
    packed = PackedDataset.of_images(images=images, labels=selection.labels, spec=spec, fingerprint=digest.hexdigest())
    return replace(packed, arrays={**packed.arrays, **beside})


def survey_arrays(arrays: Arrays, source: str) -> DataSummary:
    """Summarise arrays, for `Source.survey`; nothing in them is unreadable."""
    count, channels, height, width = arrays.images.shape
    labels = {}
    if arrays.labels is not None:
        counts = np.bincount(arrays.labels, minlength=len(arrays.label_names))
        labels = {name: int(number) for name, number in zip(arrays.label_names, counts, strict=True)}
    return DataSummary(
        source=source,
        count=count,
        sizes={(height, width): count},
        channels={channels: count},
        bits={8: count},
        labels=labels,
    )
