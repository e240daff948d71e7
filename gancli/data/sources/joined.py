"""Several sources of labelled images as one data set, of which each image knows the labels of its own source."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from gancli.data import cache
from gancli.data.dataset import array_of, open_dataset, open_source
from gancli.data.source import DataSummary, PackedDataset, Source
from gancli.data.sources.combine import combine_summaries
from gancli.data.sources.joined_config import COMMON, JoinedConfig
from gancli.data.spec import DataSpec, LabelSet
from gancli.errors import DataError
from gancli.io.cache_folder import cache_folder
from gancli.io.types import Bytes, Progress
from gancli.recipes.options import SourceConfig

_log = logging.getLogger("gancli")


class JoinedSource(Source[JoinedConfig]):
    """A batch's `dataset` says which source an image is of; its `attributes` are 0 in the columns of all others."""

    def read(self, progress: Progress | None = None) -> PackedDataset:
        parts = {name: open_dataset(config, progress=progress) for name, config in self._configs().items()}
        return concat_labelled(parts, balance=self.config.balance)

    def survey(self, progress: Progress | None = None) -> DataSummary:
        surveys = {name: open_source(config).survey(progress) for name, config in self._configs().items()}
        problems = [f"{name}: {problem}" for name, survey in surveys.items() for problem in survey.problems]
        return combine_summaries(self.config.source, surveys, problems)

    def _configs(self) -> dict[str, SourceConfig]:
        """Those of the sources, with the options that are for all; crops are cut out of the whole."""
        common = {option: getattr(self.config, option) for option in COMMON if option != "random_crop"}
        return {name: config.model_copy(update=common) for name, config in self.config.sources.items()}


def concat_labelled(parts: Mapping[str, PackedDataset], *, balance: bool) -> PackedDataset:
    """The images of all parts, one part after the other.

    Args:
        parts: by name, each of single images with labels or attributes.
        balance: an epoch shows as many images of each part as the largest has.

    Raises:
        DataError: the parts differ in size or channels, or two have a label of the same name.
    """
    shapes = {name: "x".join(map(str, part.spec.shape)) for name, part in parts.items()}
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{shape} in {name}" for name, shape in shapes.items())
        raise DataError(f"the joined images differ in channels or size ({told}); set data.channels, data.resolution")
    sets = [_label_set(name, part) for name, part in parts.items()]
    labels = tuple(label for each in sets for label in each.labels)
    for label, count in Counter(labels).items():
        if count > 1:
            homes = " and ".join(each.name for each in sets if label in each.labels)
            raise DataError(
                f"{homes} have a label {label!r} each; rename it in one of them, so that it means one thing"
            )
    prints = json.dumps({name: part.fingerprint for name, part in parts.items()})
    fingerprint = hashlib.sha256(f"joined {balance} {prints}".encode()).hexdigest()
    spec = next(iter(parts.values())).spec
    return PackedDataset(
        arrays={
            "image": _concatenated([part.images.astype(np.uint8, copy=False) for part in parts.values()], fingerprint),
            "attributes": _beside_each_other([array_of(part, "attributes") for part in parts.values()]),
            "dataset": np.repeat(np.arange(len(parts)), [part.count for part in parts.values()]),
        },
        spec=DataSpec(
            channels=spec.channels, height=spec.height, width=spec.width, labels=labels, label_sets=tuple(sets)
        ),
        fingerprint=fingerprint,
        epoch=_balanced([part.count for part in parts.values()]) if balance else None,
    )


def _label_set(name: str, part: PackedDataset) -> LabelSet:
    if not part.spec.known or part.spec.kind != "image":
        raise DataError(f"{name} holds no images with labels or attributes, so that it cannot be joined with others")
    (own,) = part.spec.known
    return LabelSet(name=name, labels=own.labels, exclusive=own.exclusive)


def _beside_each_other(blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Blocks (N_i, K_i) along the diagonal of (sum of N_i, sum of K_i), zeros elsewhere."""
    joined = np.zeros((sum(len(block) for block in blocks), sum(block.shape[1] for block in blocks)), np.float32)
    row = column = 0
    for block in blocks:
        joined[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return joined


def _balanced(counts: Sequence[int]) -> np.ndarray:
    """Rows of an epoch, int64: of every part as many as the largest has, each as often as the next one or once more."""
    starts = np.cumsum([0, *counts[:-1]])
    return np.concatenate([start + np.arange(max(counts)) % count for start, count in zip(starts, counts, strict=True)])


def _concatenated(arrays: Sequence[Bytes], fingerprint: str) -> Bytes:
    """All images (N, C, H, W): mapped into memory, from a file in the cache, where a part is; in memory otherwise."""
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
        _log.warning("joined images are kept in memory: %s cannot be written (%s)", cache_folder(), error)
    return np.concatenate(arrays)
