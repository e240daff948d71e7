"""Combine datasets of single images into pairs or unpaired domains."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from gancli.data.source import DataSummary, PackedDataset
from gancli.data.variable_size import VariableSizeImages
from gancli.errors import DataError
from gancli.io.types import Array

T = TypeVar("T")


def combine_pairs(parts: Mapping[str, PackedDataset], source: str) -> PackedDataset:
    """Return a dataset with the images of each part under its key; the last key is the one to generate.

    Labels are dropped. Other arrays of a part are prefixed by its key, such as `a_digit`.

    Args:
        parts: datasets of single images by key.
        source: name of the source, for the error.

    Raises:
        DataError: the parts differ in height or width.
    """
    arrays: dict[str, Array] = {}
    variable_size: dict[str, VariableSizeImages] = {}
    for key, part in parts.items():
        if "image" in part.variable_size:
            variable_size[key] = part.variable_size["image"]
        else:
            arrays[key] = part.images
        arrays |= {f"{key}_{name}": array for name, array in part.arrays.items() if name not in ("image", "label")}
    sizes = {key: f"{part.spec.height}x{part.spec.width}" for key, part in parts.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{size} in {key}" for key, size in sizes.items())
        raise DataError(f"the images of the source {source!r} differ in size ({listed}); set data.resolution")
    channels = {key: part.spec.channels for key, part in parts.items()}
    last = list(parts.values())[-1]
    fingerprints = json.dumps({key: part.fingerprint for key, part in parts.items()})
    return PackedDataset(
        arrays=arrays,
        variable_size=variable_size,
        spec=replace(last.spec, labels=(), channels_of=channels),
        fingerprint=hashlib.sha256(fingerprints.encode()).hexdigest(),
    )


def combine_summaries(source: str, parts: Mapping[str, DataSummary], problems: Iterable[str] = ()) -> DataSummary:
    """Return the total of the parts, with the summary of each part."""
    summaries = list(parts.values())
    return DataSummary(
        source=source,
        count=sum(part.count for part in summaries),
        sizes=_add(part.sizes for part in summaries),
        channels=_add(part.channels for part in summaries),
        bits=_add(part.bits for part in summaries),
        unreadable=tuple(dict.fromkeys(entry for part in summaries for entry in part.unreadable)),
        ignored=tuple(dict.fromkeys(name for part in summaries for name in part.ignored)),
        parts=parts,
        problems=tuple(problems),
    )


def _add(counts: Iterable[Mapping[T, int]]) -> dict[T, int]:
    total: Counter[T] = Counter()
    for count in counts:
        total.update(count)
    return dict(total.most_common())
