"""From a recipe's `data:` section to a packed data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gancli.data.ragged import VariableSizeImages
from gancli.data.source import PackedDataset, Source, stream_of
from gancli.data.spec import LabelSet
from gancli.errors import DataError
from gancli.io.resize import as_size
from gancli.io.types import Array, Progress
from gancli.plugins.registry import import_class, registry
from gancli.recipes.options import SourceConfig


def open_dataset(config: SourceConfig, *, progress: Progress | None = None) -> PackedDataset:
    """Reads the images that the section asks for, from the cache where they were packed before.

    Raises:
        UsageError: no installed plugin has this source.
        DataError: there is nothing to read, or it cannot be read; the text says what to do.
    """
    packed = open_source(config).read(progress)
    if any(not len(packed.arrays[key]) for key in packed.spec.image_keys if key in packed.arrays):
        raise DataError(f"the source {config.source!r} holds no images; `gan data check` says what it finds")
    _hold_to_the_contract(packed, config)
    return _cropping(_naming_attributes(packed), config)


def open_whole(config: SourceConfig, *, progress: Progress | None = None) -> Mapping[str, PackedDataset]:
    """The images that the section asks for as they are, each at its own size, by key: whatever it says of sizes.

    Raises:
        GanError: as `open_dataset` raises.
    """
    config = config.model_copy(update={"resolution": None, "random_crop": None})
    parts = open_source(config).whole(progress)
    for packed in parts.values():
        _hold_to_the_contract(packed, config)
    return parts


def open_source(config: SourceConfig) -> Source[SourceConfig]:
    """The source that the section names, with nothing read yet."""
    info = registry().dataset(config.source)
    wanted: type[SourceConfig] = import_class(info.config)
    if not isinstance(config, wanted):
        config = wanted(**config.model_dump(exclude_unset=True))
    source: Source[SourceConfig] = import_class(info.source)(config)
    return source


def _naming_attributes(packed: PackedDataset) -> PackedDataset:
    """The same data, whose spec says that its labels are attributes where the source has not said more about them."""
    spec = packed.spec
    if "attributes" not in packed.arrays or spec.label_sets:
        return packed
    return replace(packed, spec=replace(spec, label_sets=(LabelSet(labels=spec.labels, exclusive=False),)))


def _cropping(packed: PackedDataset, config: SourceConfig) -> PackedDataset:
    """The same images, whose spec is that of their crops."""
    size = as_size(config.random_crop)
    if size is None:
        return packed
    spec = packed.spec
    if size[0] > spec.height or size[1] > spec.width:
        raise DataError(
            f"data.random_crop of {size[0]}x{size[1]} does not lie within the images of {spec.height}x{spec.width}; "
            "set a smaller one, or a larger data.resolution"
        )
    return replace(packed, spec=replace(spec, height=size[0], width=size[1]))


def _hold_to_the_contract(packed: PackedDataset, config: SourceConfig) -> None:
    """What the loader relies on: sources come from plugins too."""
    keys = packed.spec.image_keys
    sound = all(_sound_images(packed, key) for key in keys) and _sound_beside(packed)
    if not sound or (config.limit is not None and any(len(packed.stored(key)) > config.limit for key in keys)):
        raise DataError(
            f"the plugin of the source {config.source!r} is broken: its images, labels and spec do not agree"
        )


def _sound_images(packed: PackedDataset, key: str) -> bool:
    spec = packed.spec
    if key in packed.ragged:
        return _sound_ragged(packed.ragged[key], spec.shape_of(key))
    if key not in packed.arrays:
        return False
    images = packed.arrays[key]
    sound = images.shape[1:] == spec.shape_of(key)
    if spec.kind == "points":
        sound = sound and images.dtype == np.float32 and images.shape[2:] == (1, 1) and bool(np.isfinite(images).all())
        return sound and packed.mixture is not None and packed.mixture.dimensions == spec.channels
    return sound and images.dtype == np.uint8


def _sound_ragged(images: VariableSizeImages, shape: tuple[int, int, int]) -> bool:
    sound = images.flat.dtype == np.uint8 and images.channels == shape[0] and len(images) > 0
    sound = sound and len(images.flat) == images.channels * images.sizes.prod(1).sum()
    return bool(sound) and images.smallest[0] >= shape[1] and images.smallest[1] >= shape[2]


def _sound_beside(packed: PackedDataset) -> bool:
    """Whether arrays of one order have as many rows, and labels, attributes and data sets the values they may have."""
    rows: dict[str, int] = {}
    arrays: dict[str, Array | VariableSizeImages] = {**packed.arrays, **packed.ragged}
    sound = all(rows.setdefault(stream_of(key), len(array)) == len(array) for key, array in arrays.items())
    names = len(packed.spec.labels)
    if sound and (labels := packed.labels) is not None:
        sound = labels.dtype == np.int64 and labels.ndim == 1 and labels.min() >= 0 and labels.max() < names
    if sound and (attributes := packed.arrays.get("attributes")) is not None:
        sound = attributes.dtype == np.float32 and attributes.shape[1:] == (names,)
        sound = sound and bool(np.isin(attributes, (0, 1)).all())
    if sound and (parts := packed.arrays.get("dataset")) is not None:
        sound = parts.dtype == np.int64 and parts.ndim == 1 and parts.min() >= 0
        sound = sound and parts.max() < len(packed.spec.label_sets)
    told = tuple(name for each in packed.spec.label_sets for name in each.labels)
    return bool(sound) and told in ((), packed.spec.labels)


def array_of(packed: PackedDataset, key: str) -> Array:
    """What a batch has under a key, a row for each image: the data's own, or made of it.

    `attributes` of data with labels are rows of zeros, float32 (N, K), with a one at the label. `dataset`, int64 (N,),
    is 0 of data that do not come from several data sets. Which sources serve either, `DatasetInfo.serves` says.

    Raises:
        DataError: there is nothing to make it of.
    """
    if key in packed.arrays:
        return packed.arrays[key]
    labels = packed.labels
    if key == "attributes" and labels is not None:
        return np.eye(len(packed.spec.labels), dtype=np.float32)[labels]
    if key == "dataset" and (labels is not None or "attributes" in packed.arrays):
        return np.zeros(packed.count, dtype=np.int64)
    raise DataError(f"the data has no {key!r}; choose a source that yields it, see `gan data ls`")
