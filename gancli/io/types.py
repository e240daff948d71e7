"""Array and callback types that several packages share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

Points = npt.NDArray[np.float32]

Labels = npt.NDArray[np.int64]

Array = npt.NDArray[Any]

Progress = Callable[[int, int], None]
"""Called with how many images are done and how many there are."""

ImageArray = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""A picture (H, W, C) of whole numbers from 0: grey, grey and opacity, RGB, or RGBA."""
