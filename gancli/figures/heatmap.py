"""An image, the nearest that a model could make, and where the two depart, side by side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gancli.io.images import Pixels, sheet

Heat = npt.NDArray[np.float32]


def heat_sheet(image: Pixels, nearest: Pixels, heat: Heat, *, hottest: float) -> Pixels:
    """One picture (height, width, 3).

    Args:
        image: (H, W, C); opacity is left out.
        nearest: likewise.
        heat: (H, W), at least 0.
        hottest: the heat that is white, and all above it; for images to be compared, the same for all.
    """
    return sheet(np.stack([_coloured(image), _coloured(nearest), glowing(heat / hottest)]), columns=3)


def glowing(heat: Heat) -> Pixels:
    """Heat (H, W) as the colours (H, W, 3) of a glowing body: black at 0, red at a third, yellow at two, white at 1."""
    steps = 3 * heat[..., None] - np.arange(3, dtype=np.float32)
    colours: Pixels = (steps.clip(0, 1) * 255).round().astype(np.uint8)
    return colours


def _coloured(image: Pixels) -> Pixels:
    return image.repeat(3, axis=2) if image.shape[2] == 1 else image[..., :3]
