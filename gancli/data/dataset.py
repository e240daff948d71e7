"""From a recipe's `data:` section to a packed data set."""

from __future__ import annotations

import numpy as np

from gancli.data.source import Packed, Progress, Source
from gancli.errors import DataError
from gancli.plugins import import_class, registry
from gancli.recipe import SourceConfig


def open_dataset(config: SourceConfig, *, progress: Progress | None = None) -> Packed:
    """Reads the images that the section asks for, from the cache where they were packed before.

    Raises:
        UsageError: no installed plugin has this source.
        DataError: there is nothing to read, or it cannot be read; the text says what to do.
    """
    packed = open_source(config).read(progress)
    if not len(packed.images):
        raise DataError(f"the source {config.source!r} holds no images; `gan data check` says what it finds")
    _hold_to_the_contract(packed, config)
    return packed


def open_source(config: SourceConfig) -> Source[SourceConfig]:
    """The source that the section names, with nothing read yet."""
    info = registry().dataset(config.source)
    wanted: type[SourceConfig] = import_class(info.config)
    if not isinstance(config, wanted):
        config = wanted(**config.model_dump(exclude_unset=True))
    source: Source[SourceConfig] = import_class(info.source)(config)
    return source


def _hold_to_the_contract(packed: Packed, config: SourceConfig) -> None:
    """What the loader relies on: sources come from plugins too."""
    images, labels = packed.images, packed.labels
    sound = images.shape[1:] == packed.spec.shape
    if packed.spec.kind == "points":
        sound = sound and images.dtype == np.float32 and images.shape[2:] == (1, 1) and bool(np.isfinite(images).all())
        sound = sound and packed.mixture is not None and packed.mixture.dimensions == packed.spec.channels
    else:
        sound = sound and images.dtype == np.uint8
    if sound and labels is not None:
        sound = labels.dtype == np.int64 and labels.shape == (len(images),)
        sound = sound and labels.min() >= 0 and labels.max() < len(packed.spec.labels)
    if not sound or (config.limit is not None and len(images) > config.limit):
        raise DataError(
            f"the plugin of the source {config.source!r} is broken: its images, labels and spec do not agree"
        )
