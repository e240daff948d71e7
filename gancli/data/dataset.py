"""Open the `data:` section of a recipe as a packed dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gancli.data.source import PackedDataset, Source, stream_of
from gancli.data.spec import LabelSet
from gancli.data.variable_size import VariableSizeImages
from gancli.errors import DataError
from gancli.io.resize import as_size
from gancli.io.types import Array, Progress
from gancli.plugins.registry import import_class, registry
from gancli.recipes.options import SourceConfig


def open_dataset(config: SourceConfig, *, progress: Progress | None = None) -> PackedDataset:
    """Read the images of a `data:` section, or open them in the cache if they are already packed.

    Raises:
        UsageError: no installed plugin provides this source.
        DataError: there is no data, or it cannot be read; the message says what to do.
    """
    packed = open_source(config).read(progress)
    if any(not len(packed.arrays[key]) for key in packed.spec.image_keys if key in packed.arrays):
        raise DataError(f"the source {config.source!r} has no images; run `gan data check` to see its content")
    _check_contract(packed, config)
    return _with_crop_size(_with_attribute_names(packed), config)


def open_full_size(config: SourceConfig, *, progress: Progress | None = None) -> Mapping[str, PackedDataset]:
    """Read the images at their original sizes, by key, whatever the section says about sizes.

    Raises:
        GanError: as for `open_dataset`.
    """
    config = config.model_copy(update={"resolution": None, "random_crop": None})
    parts = open_source(config).whole(progress)
    for packed in parts.values():
        _check_contract(packed, config)
    return parts


def open_source(config: SourceConfig) -> Source[SourceConfig]:
    """Return the source of a `data:` section, without reading data."""
    info = registry().dataset(config.source)
    config_class: type[SourceConfig] = import_class(info.config)
    if not isinstance(config, config_class):
        config = config_class(**config.model_dump(exclude_unset=True))
    source: Source[SourceConfig] = import_class(info.source)(config)
    return source


def array_for(packed: PackedDataset, key: str) -> Array:
    """Return the array of a batch key, one row per image: stored in the dataset or derived from it.

    For datasets with labels, `attributes` is one-hot, float32 (N, K). `dataset`, int64 (N,), is 0 unless the data come
    from several datasets. `DatasetInfo.serves` lists the keys that a source supports.

    Raises:
        DataError: the key is neither stored nor derivable.
    """
    if key in packed.arrays:
        return packed.arrays[key]
    labels = packed.labels
    if key == "attributes" and labels is not None:
        return np.eye(len(packed.spec.labels), dtype=np.float32)[labels]
    if key == "dataset" and (labels is not None or "attributes" in packed.arrays):
        return np.zeros(packed.count, dtype=np.int64)
    raise DataError(f"the data has no {key!r}; choose a source that yields it, see `gan data ls`")


def _with_attribute_names(packed: PackedDataset) -> PackedDataset:
    """Mark the labels of data with attributes as non-exclusive, unless the source has described them itself."""
    spec = packed.spec
    if "attributes" not in packed.arrays or spec.label_sets:
        return packed
    return replace(packed, spec=replace(spec, label_sets=(LabelSet(labels=spec.labels, exclusive=False),)))


def _with_crop_size(packed: PackedDataset, config: SourceConfig) -> PackedDataset:
    """Set the size in the spec to that of the random crops."""
    size = as_size(config.random_crop)
    if size is None:
        return packed
    spec = packed.spec
    if size[0] > spec.height or size[1] > spec.width:
        raise DataError(
            f"data.random_crop {size[0]}x{size[1]} is larger than the images, which are {spec.height}x{spec.width}; "
            "set a smaller one, or a larger data.resolution"
        )
    return replace(packed, spec=replace(spec, height=size[0], width=size[1]))


def _check_contract(packed: PackedDataset, config: SourceConfig) -> None:
    """Check the assumptions of the loader, because sources also come from plugins."""
    keys = packed.spec.image_keys
    valid = all(_valid_images(packed, key) for key in keys) and _valid_labels(packed)
    if not valid or (config.limit is not None and any(len(packed.stored(key)) > config.limit for key in keys)):
        raise DataError(
            f"the plugin of the source {config.source!r} is broken: its images, labels and spec do not agree"
        )


def _valid_images(packed: PackedDataset, key: str) -> bool:
    spec = packed.spec
    if key in packed.variable_size:
        return _valid_variable_size(packed.variable_size[key], spec.shape_of(key))
    if key not in packed.arrays:
        return False
    images = packed.arrays[key]
    valid = images.shape[1:] == spec.shape_of(key)
    if spec.kind == "points":
        valid = valid and images.dtype == np.float32 and images.shape[2:] == (1, 1) and bool(np.isfinite(images).all())
        return valid and packed.mixture is not None and packed.mixture.dimensions == spec.channels
    return valid and images.dtype == np.uint8


def _valid_variable_size(images: VariableSizeImages, shape: tuple[int, int, int]) -> bool:
    valid = images.flat.dtype == np.uint8 and images.channels == shape[0] and len(images) > 0
    valid = valid and len(images.flat) == images.channels * images.sizes.prod(1).sum()
    return bool(valid) and images.smallest[0] >= shape[1] and images.smallest[1] >= shape[2]


def _valid_labels(packed: PackedDataset) -> bool:
    """True if arrays of one stream have equal lengths, and labels, attributes and dataset indices are in range."""
    lengths: dict[str, int] = {}
    arrays: dict[str, Array | VariableSizeImages] = {**packed.arrays, **packed.variable_size}
    valid = all(lengths.setdefault(stream_of(key), len(array)) == len(array) for key, array in arrays.items())
    count = len(packed.spec.labels)
    if valid and (labels := packed.labels) is not None:
        valid = labels.dtype == np.int64 and labels.ndim == 1 and labels.min() >= 0 and labels.max() < count
    if valid and (attributes := packed.arrays.get("attributes")) is not None:
        valid = attributes.dtype == np.float32 and attributes.shape[1:] == (count,)
        valid = valid and bool(np.isin(attributes, (0, 1)).all())
    if valid and (datasets := packed.arrays.get("dataset")) is not None:
        valid = datasets.dtype == np.int64 and datasets.ndim == 1 and datasets.min() >= 0
        valid = valid and datasets.max() < len(packed.spec.label_sets)
    names = tuple(name for label_set in packed.spec.label_sets for name in label_set.labels)
    return bool(valid) and names in ((), packed.spec.labels)
