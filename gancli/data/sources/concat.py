"""Concatenate several sources of labelled images into one dataset, in which each image keeps its source's labels."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from gancli.data import cache
from gancli.data.dataset import array_for, open_dataset, open_source
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.combine import combine_summaries
from gancli.data.sources.config import COMMON_OPTIONS, ConcatConfig
from gancli.data.spec import DataSpec, LabelSet
from gancli.errors import DataError
from gancli.io.files import cache_folder
from gancli.io.types import Bytes, Progress
from gancli.recipes.options import SourceConfig

_log = logging.getLogger("gancli")


class ConcatSource(Source[ConcatConfig]):
    """`dataset` is the index of an image's source; its `attributes` are 0 in the columns of the other sources."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        parts = {name: open_dataset(config, progress=progress) for name, config in self._configs().items()}
        return concat_labelled(parts, balance=self.config.balance)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        summaries = {name: open_source(config).survey(progress) for name, config in self._configs().items()}
        problems = [f"{name}: {problem}" for name, summary in summaries.items() for problem in summary.problems]
        return combine_summaries(self.config.source, summaries, problems)

    def _configs(self) -> dict[str, SourceConfig]:
        """Return the sources' configs with the common options; random crops apply to the concatenated dataset."""
        common = {option: getattr(self.config, option) for option in COMMON_OPTIONS if option != "random_crop"}
        return {name: config.model_copy(update=common) for name, config in self.config.sources.items()}


def concat_labelled(parts: Mapping[str, PackedDataset], *, balance: bool) -> PackedDataset:
    """Concatenate datasets in order.

    Args:
        parts: datasets by name, each of single images with labels or attributes.
        balance: repeat images so that an epoch has as many images of each part as the largest part has.

    Raises:
        DataError: the parts differ in size or channels, or two of them share the name of a label.
    """
    shapes = {name: "x".join(map(str, part.spec.shape)) for name, part in parts.items()}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{shape} in {name}" for name, shape in shapes.items())
        raise DataError(
            f"the images of the sources differ in channels or size ({listed}); set data.channels and data.resolution"
        )
    label_sets = [_label_set(name, part) for name, part in parts.items()]
    labels = tuple(label for label_set in label_sets for label in label_set.labels)
    for label, count in Counter(labels).items():
        if count > 1:
            owners = " and ".join(label_set.name for label_set in label_sets if label in label_set.labels)
            raise DataError(f"{owners} both have a label {label!r}; rename it in one of them")
    fingerprints = json.dumps({name: part.fingerprint for name, part in parts.items()})
    # "joined" is the former name of this source; fingerprints must not change.
    fingerprint = hashlib.sha256(f"joined {balance} {fingerprints}".encode()).hexdigest()
    spec = next(iter(parts.values())).spec
    counts = [part.count for part in parts.values()]
    return PackedDataset(
        arrays={
            "image": _concat_images([part.images.astype(np.uint8, copy=False) for part in parts.values()], fingerprint),
            "attributes": _block_diagonal([array_for(part, "attributes") for part in parts.values()]),
            "dataset": np.repeat(np.arange(len(parts)), counts),
        },
        spec=DataSpec(
            channels=spec.channels, height=spec.height, width=spec.width, labels=labels, label_sets=tuple(label_sets)
        ),
        fingerprint=fingerprint,
        epoch=_balanced_epoch(counts) if balance else None,
    )


def _label_set(name: str, part: PackedDataset) -> LabelSet:
    if not part.spec.known or part.spec.kind != "image":
        raise DataError(f"{name} has no images with labels or attributes; remove it from data.sources")
    (label_set,) = part.spec.known
    return LabelSet(name=name, labels=label_set.labels, exclusive=label_set.exclusive)


def _block_diagonal(blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Place blocks (N_i, K_i) along the diagonal of an array (sum of N_i, sum of K_i) of zeros."""
    result = np.zeros((sum(len(block) for block in blocks), sum(block.shape[1] for block in blocks)), np.float32)
    row = column = 0
    for block in blocks:
        result[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return result


def _balanced_epoch(counts: Sequence[int]) -> np.ndarray:
    """Return the rows of an epoch, int64: the size of the largest part from each part, repeated evenly."""
    starts = np.cumsum([0, *counts[:-1]])
    return np.concatenate([start + np.arange(max(counts)) % count for start, count in zip(starts, counts, strict=True)])


def _concat_images(arrays: Sequence[Bytes], fingerprint: str) -> Bytes:
    """Concatenate images (N, C, H, W): as a memory map in the cache if a part is a memory map, otherwise in memory."""
    if not any(isinstance(array, np.memmap) for array in arrays):
        return np.concatenate(arrays)
    if entry := cache.load(fingerprint):
        return entry.images
    try:
        with cache.Writer(fingerprint, arrays[0].shape[1:]) as writer:
            for image in chain.from_iterable(arrays):
                writer.append(image)
            return writer.commit(()).images
    except OSError as error:
        _log.warning("keeping concatenated images in memory: %s cannot be written (%s)", cache_folder(), error)
    return np.concatenate(arrays)
