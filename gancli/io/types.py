"""types."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    pass


MAX_MEGAPIXELS = 50
"""Pillow takes four bytes a pixel, twice over for some conversions: up to half a gigabyte, and a second, for these."""

Bytes = npt.NDArray[np.uint8]

Points = npt.NDArray[np.float32]

Labels = npt.NDArray[np.int64]

Array = npt.NDArray[Any]

Progress = Callable[[int, int], None]
"""Called with how many images are done and how many there are."""

Levels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""A picture (H, W, C) of whole numbers from 0: grey, grey and opacity, RGB, or RGBA."""
