"""Array and callback types shared by several packages."""

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
"""Callback with the number of finished images and the total number."""

ImageArray = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""One image (H, W, C) of 8 or 16 bits per channel: grey, grey and alpha, RGB or RGBA."""
