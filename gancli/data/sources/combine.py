"""Several arrays of images as one data set: both sides of pairs, or two domains."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from gancli.data.ragged import VariableSizeImages
from gancli.data.source import DataSummary, PackedDataset
from gancli.errors import DataError
from gancli.io.types import Array

T = TypeVar("T")


def combine_pairs(parts: Mapping[str, PackedDataset], source: str) -> PackedDataset:
    """The images of every part under its key; the last key is what is generated.

    Labels are left out, and what else a part knows of its images is called after its key, such as `a_digit`.

    Args:
        parts: by key, each of single images.
        source: its name, for the error.

    Raises:
        DataError: the parts differ in height or width.
    """
    arrays: dict[str, Array] = {}
    ragged: dict[str, VariableSizeImages] = {}
    for key, part in parts.items():
        if "image" in part.ragged:
            ragged[key] = part.ragged["image"]
        else:
            arrays[key] = part.images
        arrays |= {f"{key}_{name}": array for name, array in part.arrays.items() if name not in ("image", "label")}
    sizes = {key: f"{part.spec.height}x{part.spec.width}" for key, part in parts.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{size} in {key}" for key, size in sizes.items())
        raise DataError(f"the images of the source {source!r} differ in size ({told}); set data.resolution")
    channels = {key: part.spec.channels for key, part in parts.items()}
    last = list(parts.values())[-1]
    prints = json.dumps({key: part.fingerprint for key, part in parts.items()})
    return PackedDataset(
        arrays=arrays,
        ragged=ragged,
        spec=replace(last.spec, labels=(), channels_of=channels),
        fingerprint=hashlib.sha256(prints.encode()).hexdigest(),
    )


def combine_summaries(source: str, parts: Mapping[str, DataSummary], problems: Iterable[str] = ()) -> DataSummary:
    """What there is in all parts together, and in each."""
    every = list(parts.values())
    return DataSummary(
        source=source,
        count=sum(part.count for part in every),
        sizes=_added(part.sizes for part in every),
        channels=_added(part.channels for part in every),
        bits=_added(part.bits for part in every),
        unreadable=tuple(dict.fromkeys(each for part in every for each in part.unreadable)),
        ignored=tuple(dict.fromkeys(name for part in every for name in part.ignored)),
        parts=parts,
        problems=tuple(problems),
    )


def _added(counts: Iterable[Mapping[T, int]]) -> dict[T, int]:
    total: Counter[T] = Counter()
    for each in counts:
        total.update(each)
    return dict(total.most_common())
