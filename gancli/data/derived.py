"""What a family may read although its source does not hold it: made of what the source holds."""

from __future__ import annotations

import numpy as np

from gancli.data.source import Array, Packed
from gancli.errors import DataError


def array_of(packed: Packed, key: str) -> Array:
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
